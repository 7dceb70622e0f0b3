//! What limits the rate between two ports at maximum load, argued from the counters of one trial.
//!
//! Nothing is modelled: a limit is named where a counter shows it, and each finding has the numbers that it rests on. Where the tester was
//! interrupted, or no counter shows a limit, that is the finding.

mod evidence;
mod judge;

pub use evidence::{End, Evidence, Loop};
pub use judge::{Finding, Limit, bottleneck};
