//! Finds DPDK on this machine, or builds one from source with meson.
//!
//! For build scripts: [`Dpdk::find`] knows every flag that DPDK's headers need, and a [`FindError`] says what to install. [`Search::run`] says
//! which DPDK that is, why, and which others there are. [`SourceTree::build`] is the way to a DPDK that the distribution does not have.

mod drivers;
mod flags;
mod linkage;
mod package;
mod platform;
mod search;
mod source;

pub use drivers::DriverList;
pub use flags::{Dpdk, FindError, print_rerun_lines};
pub use linkage::Linkage;
pub use package::{PackageError, SourcePackage};
pub use platform::Platform;
pub use search::{Installation, Origin, Places, Search};
pub use source::{BuildError, BuildOptions, SourceTree};

/// The oldest DPDK that the shim is written for (Ubuntu 22.04's).
pub const OLDEST: &str = "21.11";
