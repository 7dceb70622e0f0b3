//! Tools that measure the kernel's network stack, and perftest, which measures raw Ethernet frames through RDMA verbs: how they are called, what they print, and what that is as a record.
//!
//! Nothing here starts a process. A tool's driver turns a [`KernelSpec`] into [`Commands`] for the caller to run; its parser turns text and
//! an exit status into [`Measurement`]s or a [`ToolError`]. Exit code 0 proves nothing: iperf3 3.12, iperf 2 and sockperf give it after a refused
//! connection. A raw file that was kept parses to the same values again ([`reparse`]).
//!
//! A tool is one module of `tools` that implements `tool::Tool`, and one entry in `tools/mod.rs`.

mod both_ways;
mod command;
mod convert;
mod curl;
mod decode;
mod id;
mod listening;
mod measurement;
mod outcome;
mod percentiles;
mod proc_stat;
mod registry;
mod reparse;
mod sizes;
mod spec;
mod tool;
mod tools;

pub use both_ways::invalidate_direction;
pub use command::{CommandLine, Commands, Ready, shell_line};
pub use convert::{RecordContext, SizeUnknown, failed_record};
pub use curl::{CurlError, CurlTransfer, NegotiatedTls, TLS_HEADER, UPSTREAM_HEADER, curl_transfer};
pub use decode::decode;
pub use id::KernelTool;
pub use listening::listening_sockets;
pub use measurement::{Direction, Measurement};
pub use outcome::{ToolError, ToolExit, raw_text};
pub use proc_stat::{CpuSnapshot, ProcStatError};
pub use registry::{choice, detect, detect_all};
pub use reparse::{ReparseError, reparse};
pub use sizes::SizeList;
pub use spec::{Extent, KernelSpec, MessageSize, Method, RdmaPort, RdmaPorts, SpecError, TcpSettings, Transport};
pub use tool::ToolSource;
