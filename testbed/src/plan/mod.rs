//! The plan: what is measured, between which endpoints, at which sizes, how often.
//!
//! Read from `plan.toml`, or one of the [built-in ones](Plan::built_in). What cannot be done is refused when it is read.

mod built_in;
mod file;
mod file_transfer;
mod kernel_search;
mod kernel_tuning;
mod model;
mod pair_selection;
#[cfg(test)]
mod tests;
mod tuning;

pub use built_in::BuiltInPlan;
pub use file_transfer::{CipherSuite, FileBytes, FileTransfer, Tls, TlsEnd, TlsVersion};
pub use kernel_search::KernelSearch;
pub use kernel_tuning::KernelTuning;
pub use model::{Measure, MeasureKind, Plan, Protocol};
pub use pair_selection::{ConcurrentPairs, NotConcurrent, PairSelection};
pub use tuning::{Devargs, Directions, FLOWS_PER_QUEUE, PortTuning};
