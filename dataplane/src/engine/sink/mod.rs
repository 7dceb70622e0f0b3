//! The sink: counts test frames by stream and sequence number.

mod arrivals;
mod plan;
mod report;
mod run;

pub use arrivals::Arrivals;
pub use plan::ReceivePlan;
pub use report::{ReceiveReport, ReceiveSnapshot, StreamReport};
