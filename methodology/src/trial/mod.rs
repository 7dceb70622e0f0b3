//! One trial: what is sent, what came back, and whether it is valid.
//!
//! A [`Measurer`] is all that a search or a procedure measures with. The testbed implements it over real
//! endpoints, [`crate::simulate`] over a device whose answer is known.

mod bench;
mod delay;
mod input;
mod measurer;
mod outcome;
mod path;
mod phases;
mod record;
mod tester_rule;

pub use bench::{Bench, NoOutcome, judge};
pub use delay::{DelayDefinition, DelayHistogram, DelaySummary, IpdvSummary};
pub use input::{ResetKind, Stimulus, TrialInput};
pub use measurer::Measurer;
pub use outcome::{
    Direction, DirectionOutcome, Engine, Fault, Hiccups, LossDomains, MOST_DUPLICATES, MOST_FOREIGN, TrialOutcome, too_many_duplicates,
    too_many_foreign,
};
pub use path::TrialPath;
pub use phases::{Deviation, TrialPhases};
pub use record::{Trial, TrialPurpose, TrialReason, TrialState, TrialVerdict};
pub use tester_rule::TesterRule;
