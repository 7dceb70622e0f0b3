//! Searches for the greatest load that meets a goal.
//!

mod goal;
mod result;

pub use goal::{ExceedRatio, SearchGoal, Width};
pub use result::{Bound, BoundSetBy, GoalOutcome, GoalResult, Irregularity, SearchResult};
