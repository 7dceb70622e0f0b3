//! What limits the rate between two ports at maximum load, concluded from the counters of one trial.
//!
//! A limit is named only if a counter shows it, and each finding has the numbers that show it. If the tester was interrupted, or no counter shows a
//! limit, the finding says so.

mod evidence;
mod judge;

pub use evidence::{End, Evidence, Loop};
pub use judge::{Finding, Limit, bottleneck};
