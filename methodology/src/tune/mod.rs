//! A search for the best setting over noisy trials.
//!
//! Settings that are clearly worse than the leader are dropped, and the rest is measured again in rounds, so that a drift of the machine affects all of
//! them. No model of the values is assumed, so knobs may interact in any way. Where the first trials do not cover the whole space, neighbours of the
//! leader and settings that the main effects favour are measured next. At the end the winner and the default are measured in pairs. Only these new trials
//! count for the gain: those that chose the winner favour it by chance.
//!
//! - [`Space`]: the axes, the settings that are allowed, and the default among them
//! - [`Search`]: which setting to measure [`Next`]; the same seed and the same results give the same decisions
//! - [`TuneResult`]: the winner, what equals it, and how sure that is
//! - [`grid_repetitions`]: what a full grid with equal repetitions needs for the same guarantee

mod comparison;
mod decision;
mod entrants;
mod estimate;
mod grid;
mod outcome;
mod race;
mod result;
mod search;
mod space;

pub use comparison::Gain;
pub use decision::{Next, SearchOptions, Stage, StopReason};
pub use grid::grid_repetitions;
pub use outcome::{Aim, Outcome};
pub use result::{Estimate, TuneResult};
pub use search::Search;
pub use space::{Axis, Candidate, Space, SpaceError, setting_in_words};
