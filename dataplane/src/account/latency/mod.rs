//! Round-trip times: recorded in ticks at a few instructions a frame, reported in nanoseconds.

mod recorder;
mod report;

pub use recorder::RttRecorder;
pub use report::{LatencyLogError, RttReport, write_log};
