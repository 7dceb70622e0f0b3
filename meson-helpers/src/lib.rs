//! Finds DPDK through pkg-config, or builds one from source with meson.
//!
//! For build scripts: [`Dpdk::find`] knows every flag that DPDK's headers need, and a [`FindError`] says what to install.
//! [`SourceTree::build`] is the way to a DPDK version that the distribution does not have.

mod find;
mod source;

pub use find::{Dpdk, FindError, OLDEST};
pub use source::{BuildError, Platform, SourceTree};
