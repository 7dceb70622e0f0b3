//! A search for the best setting over noisy trials.
//!
//! Trials go where settings are close: what is clearly worse than the leader is dropped, and the rest is measured again in rounds, so that a
//! drift of the machine meets all of them. No model of the values is assumed, so settings may interact in any way; a start that does not cover
//! the whole space is followed by neighbours of the leader and by settings that the main effects favour. At the end the winner and the default
//! are measured in pairs, with trials that chose neither, so that the stated gain is not the luck of the choice.
//!
//! - [`Space`]: the axes, the settings that are allowed, and the default among them
//! - [`Search`]: which setting to measure next; the same seed and the same results give the same decisions
//! - [`TuneResult`]: the winner, what equals it, and how sure that is
//! - [`grid_repetitions`]: what a full grid with equal repetitions needs for the same guarantee

mod comparison;
mod entrants;
mod estimate;
mod grid;
mod outcome;
mod race;
mod result;
mod search;
mod space;

pub use comparison::Gain;
pub use grid::grid_repetitions;
pub use outcome::{Aim, Outcome};
pub use result::{Estimate, TuneResult};
pub use search::{Next, Search, SearchOptions, Stage, StopReason};
pub use space::{Axis, Candidate, Space, SpaceError};
