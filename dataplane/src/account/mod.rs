//! Accounting of frames and poll loops: sequence numbers, latencies, gaps between bursts, and hiccups.

pub mod gaps;
pub mod hiccup;
mod histogram;
pub mod latency;
pub mod sequence;

pub use histogram::Bucket;
