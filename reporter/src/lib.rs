//! The shared reporter: one record format for kernel-bypass and kernel measurements, the archive that keeps them,
//! the parsers of kernel tools, the analysis, and the rendering.
//!
//! Builds and works on any machine; no DPDK here.
#![forbid(unsafe_code)]

pub mod amount;
pub mod analysis;
pub mod archive;
pub mod compare;
pub mod environment;
pub mod figure;
mod files;
pub mod fleet;
pub mod gate;
pub mod history;
pub mod import;
pub mod kernel_tools;
mod parallel;
pub mod record;
pub mod render;
pub mod runs;
pub mod schema;
pub mod tuned;
