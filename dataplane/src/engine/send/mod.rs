//! The generator: sends frames when they are due, and accounts for every one that was.

mod arriving;
mod drain;
mod in_flight;
mod load;
mod pacer;
mod pacing;
mod plan;
mod probe;
mod report;
mod returns;
mod run;
mod source;

pub use pacing::{Pacing, PacingReport};
pub use plan::{Checksums, RateStep, SendPlan, Spacing, Traffic};
pub use report::{ReturnedFrames, SendReport, SendSnapshot, SentStream};
