//! Searches for the greatest load that meets a goal.
//!
//! [`mlrsearch`] seeks any number of goals at once (draft-ietf-bmwg-mlrsearch-15, to be RFC 9971); [`bisection`] seeks one at a
//! time, plainly or with loss verification (ETSI GS NFV-TST 009 clause 12.3), over loads or over burst lengths.

pub mod bisection;
mod classify;
mod goal;
mod history;
pub mod mlrsearch;
mod result;
mod stage;

use crate::trial::{Bench, Measurer, NoOutcome, TrialInput, TrialPurpose};
use crate::units::{PacketRate, Seconds};

pub use classify::{Classification, Observation, classify, conditional_throughput};
pub use goal::{ExceedRatio, SearchGoal, Width};
pub use result::{Bound, BoundSetBy, GoalOutcome, GoalResult, Irregularity, SearchResult};

use history::History;

/// Where and how long to search (MLRsearch draft §"Controller Input": Max Load, Min Load).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchSpace {
    /// Min Load, per direction, above zero.
    pub min_load: PacketRate,
    /// Max Load, per direction, not below Min Load.
    pub max_load: PacketRate,
    /// A forwarding rate that was seen at or above Max Load: where to look first.
    pub hint: Option<PacketRate>,
    /// Trial time after which every goal that is still open is given up.
    pub time_limit: Seconds,
}

/// Trials that one search may use whatever their length; only a plan whose trials are microseconds long gets near it.
const MAX_TRIALS: u32 = 100_000;

/// Disturbed trials at one load, each already repeated by the bench, after which the load cannot be decided.
const MAX_DISTURBED: u32 = 3;

/// One search's trials: counts them, files them by load, and knows when to stop.
struct Probe<'s, 'b, M: Measurer> {
    bench: &'s mut Bench<'b, M>,
    history: History,
    started: Seconds,
    before: usize,
    time_limit: Seconds,
}

impl<'s, 'b, M: Measurer> Probe<'s, 'b, M> {
    fn new(bench: &'s mut Bench<'b, M>, time_limit: Seconds) -> Self {
        let (started, before) = (bench.trial_time(), bench.trials().len());
        Probe { bench, history: History::default(), started, before, time_limit }
    }

    /// One trial, filed. A trial that stays invalid is filed as a disturbance and is not judged.
    fn measure(&mut self, load: PacketRate, duration: Seconds) -> Result<(), NoOutcome<M::Error>> {
        let trial = self.bench.trial(TrialInput::constant(load, duration), TrialPurpose::Search)?;
        self.history.file(load, &trial);
        Ok(())
    }

    fn spent(&self) -> Seconds {
        self.bench.trial_time() - self.started
    }

    fn trials(&self) -> u32 {
        u32::try_from(self.bench.trials().len() - self.before).unwrap_or(u32::MAX)
    }

    fn exhausted(&self) -> bool {
        self.spent() >= self.time_limit || self.trials() >= MAX_TRIALS
    }

    fn result(&self, space: &SearchSpace, goals: Vec<GoalResult>) -> SearchResult {
        SearchResult {
            path: self.bench.path(),
            min_load: space.min_load,
            max_load: space.max_load,
            max_load_calibrated: false,
            goals,
            trials: self.trials(),
            trial_time: self.spent(),
        }
    }
}
