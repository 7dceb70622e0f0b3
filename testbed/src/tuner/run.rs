//! The trials of a search.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use methodology::tune::{Axis, Candidate, Next, Outcome, Search, StopReason};
use methodology::units::FrameSize;
use reporter::archive::RunDirectory;
use reporter::record::{Reason, ReasonKind, Record, State};
use reporter::tuned::{TUNE_KEY, TuneBudget, TuneRun, TuneTrial};
use serde_json::json;

use super::request::Prepared;
use super::{TuneError, goal, output};
use crate::conductor::{self, Measurements, Observer};
use crate::topology::Testbed;

/// Receives progress events of a search.
pub trait TuneObserver: Observer {
    /// A trial begins.
    fn trial_begins(&mut self, trial: &TuneTrial, axes: &[Axis], settings_left: usize);
}

/// One search on a testbed.
pub struct Tuner<'a> {
    /// What is searched.
    pub prepared: &'a Prepared,
    /// Where.
    pub testbed: &'a Testbed,
    /// Where records go.
    pub directory: &'a mut RunDirectory,
    /// Set when the user ends it.
    pub interrupted: &'a AtomicBool,
    /// Receives progress events.
    pub observer: &'a mut dyn TuneObserver,
}

/// Trials that a time may allow, before the first has shown how long one takes.
const FIRST_GUESS: usize = 60;

/// Trials after which the time of one is known well enough.
const ENOUGH_TO_KNOW: usize = 5;

/// What the records of a search say of its settings.
#[derive(Debug, Default)]
struct Seen {
    repetitions: BTreeMap<Candidate, u32>,
    cores: BTreeMap<Candidate, (f64, u32)>,
    failures: BTreeMap<Candidate, String>,
    disturbed: usize,
}

impl Tuner<'_> {
    /// Searches until the budget is used up, nothing is left to choose, or the user ends it. `known` are the records of the interrupted search that this
    /// resumes. When this returns, `tune.json` and `tune.toml` have what was found, also after an error.
    ///
    /// # Errors
    /// The run directory cannot be written; a port has fewer queues than a setting needs; `known` is of another search.
    pub fn run(&mut self, known: &[Record]) -> Result<TuneRun, TuneError> {
        let mut search = Search::new(self.prepared.candidates.space.clone(), self.prepared.options());
        let mut seen = Seen::default();
        let before = self.replay(&mut search, known, &mut seen)?;
        output::write(self.directory, &self.prepared.run, &self.prepared.candidates)?;
        let ended = self.measure(&mut search, &mut seen, before);
        // Whatever ended it, what is known is kept.
        let stop = *ended.as_ref().unwrap_or(&None);
        let cores = |candidate| seen.cores.get(&candidate).map(|(sum, count)| sum / f64::from(*count));
        let found = output::found(&search, stop, cores, |candidate| seen.failures.get(&candidate).cloned(), seen.disturbed);
        let run = TuneRun { found, ..self.prepared.run.clone() };
        output::write(self.directory, &run, &self.prepared.candidates)?;
        ended.map(|_| run)
    }

    /// Repeats the decisions of the search that is resumed. Returns how many seconds it took.
    fn replay(&self, search: &mut Search, known: &[Record], seen: &mut Seen) -> Result<f64, TuneError> {
        let mut trials: Vec<(TuneTrial, &Record)> = known.iter().filter_map(|record| Some((TuneTrial::of(record)?, record))).collect();
        trials.sort_by_key(|(trial, _)| trial.trial);
        let mut elapsed = 0.0;
        for (trial, record) in trials {
            let Next::Measure { candidate, .. } = search.next(trial.allowed) else { return Err(self.other_search(&trial)) };
            if search.space().values(candidate) != trial.setting {
                return Err(self.other_search(&trial));
            }
            elapsed = trial.elapsed_s;
            search.record(outcome_of(self.prepared, candidate, record, seen));
        }
        Ok(elapsed)
    }

    fn other_search(&self, trial: &TuneTrial) -> TuneError {
        TuneError::NotASearch {
            path: self.directory.path().display().to_string(),
            why: format!("trial {} does not follow from the search in its tune.json: start a new search", trial.trial),
        }
    }

    fn measure(&mut self, search: &mut Search, seen: &mut Seen, before: f64) -> Result<Option<StopReason>, TuneError> {
        let started = Instant::now();
        let pair = &self.prepared.run.pair;
        let candidates = &self.prepared.candidates;
        let sizes = search.space().candidates().flat_map(|candidate| &candidates.measure(candidate).sizes);
        let largest = sizes.copied().max().unwrap_or(FrameSize::MAX_STANDARD);
        let mut measurements = Measurements::new(self.testbed, self.directory, largest, self.interrupted);
        if search.spent() == 0 {
            refuse_missing_queues(self.prepared, &mut measurements, self.observer, self.interrupted)?;
        }
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let elapsed = before + started.elapsed().as_secs_f64();
            let allowed = allowed(self.prepared.run.budget, elapsed, search.spent());
            let (candidate, block, stage) = match search.next(allowed) {
                Next::Measure { candidate, block, stage } => (candidate, block, stage),
                Next::Done(reason) => return Ok(Some(reason)),
            };
            let setting = search.space().values(candidate).into_iter().map(str::to_owned).collect();
            let trial = TuneTrial { trial: search.spent() + 1, block, stage, setting, allowed, elapsed_s: elapsed };
            self.observer.trial_begins(&trial, search.space().axes(), search.left());
            let repetition = seen.repetitions.get(&candidate).copied().unwrap_or(0) + 1;
            let note = [(TUNE_KEY.to_owned(), json!(trial))];
            match measurements.measure(candidates.measure(candidate), pair, repetition, note, self.observer)? {
                conductor::Outcome::Interrupted => return Ok(None),
                conductor::Outcome::Measured(record) => {
                    let outcome = outcome_of(self.prepared, candidate, &record, seen);
                    search.record(outcome);
                }
            }
        }
    }
}

/// What a record says of a setting.
fn outcome_of(prepared: &Prepared, candidate: Candidate, record: &Record, seen: &mut Seen) -> Outcome {
    *seen.repetitions.entry(candidate).or_default() += 1;
    if let Some(cores) = goal::cores(record).filter(|_| record.stack.is_kernel()) {
        let (sum, count) = seen.cores.entry(candidate).or_default();
        (*sum, *count) = (*sum + cores, *count + 1);
    }
    let why = || record.verdict.reasons_in_words();
    match (record.verdict.state, prepared.goal.value(record)) {
        (State::Valid, Some(value)) => Outcome::Value(value),
        (State::Invalid, Some(value)) if prepared.run.accept_disturbed && only_interrupted(&record.verdict.reasons) => {
            seen.disturbed += 1;
            Outcome::Value(value)
        }
        (State::Failed, _) if !is_accident(&record.verdict.reasons) => {
            seen.failures.insert(candidate, why());
            Outcome::Failed
        }
        _ => {
            seen.failures.insert(candidate, why());
            Outcome::Invalid
        }
    }
}

/// Whether interruptions of the tester are all that makes a record invalid.
pub(super) fn only_interrupted(reasons: &[Reason]) -> bool {
    reasons.iter().all(|reason| matches!(reason.kind, ReasonKind::Hiccup | ReasonKind::OfferedShort))
}

/// Whether a failure may be an accident of the machine: an agent that was lost, a tool that did not end. Such a setting is tried again.
fn is_accident(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| matches!(reason.kind, ReasonKind::AgentLost | ReasonKind::TimedOut))
}

/// How many trials a budget allows in all, estimated from the trials until now.
fn allowed(budget: TuneBudget, elapsed: f64, spent: usize) -> usize {
    match budget {
        TuneBudget::Trials(trials) => trials,
        TuneBudget::Seconds(seconds) if elapsed >= seconds => spent,
        TuneBudget::Seconds(_) if spent < ENOUGH_TO_KNOW => FIRST_GUESS.max(spent + 1),
        TuneBudget::Seconds(seconds) => spent + ((seconds - elapsed) * spent as f64 / elapsed).floor().max(1.0) as usize,
    }
}

/// Opens the ports with the most queues that a setting has, before anything is measured. If a port has fewer queues, the knob is refused as a whole:
/// otherwise each setting with too many queues would be a failed trial.
fn refuse_missing_queues(
    prepared: &Prepared,
    measurements: &mut Measurements<'_>,
    observer: &mut dyn TuneObserver,
    interrupted: &AtomicBool,
) -> Result<(), TuneError> {
    let space = &prepared.candidates.space;
    let default = space.default_setting();
    // Of the settings with the most queues, the one with the fewest other differences from the default.
    let differs = |candidate: Candidate| space.setting(candidate).iter().zip(space.setting(default)).filter(|(a, b)| a != b).count();
    let most = space.candidates().max_by_key(|&candidate| (space.cores(candidate), std::cmp::Reverse(differs(candidate))));
    let Some(most) = most.filter(|&most| space.cores(most) > space.cores(default)) else { return Ok(()) };
    match measurements.open(prepared.candidates.measure(most), &prepared.run.pair, observer) {
        Err(why) if !interrupted.load(Ordering::Relaxed) => {
            let setting = space.axes().iter().zip(space.values(most)).filter(|(axis, _)| axis.name.contains("queues"));
            let setting = setting.map(|(axis, value)| format!("{} {value}", axis.name)).collect::<Vec<_>>().join(", ");
            Err(TuneError::Refused(format!("{setting} cannot be measured here: {why}; nothing was measured")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_allows_as_many_trials_as_it_holds_at_the_speed_until_now() {
        let minute = TuneBudget::Seconds(60.0);
        assert_eq!(allowed(TuneBudget::Trials(30), 1e9, 7), 30);
        assert_eq!((allowed(minute, 0.5, 0), allowed(minute, 10.0, 10), allowed(minute, 60.0, 55)), (60, 60, 55));
        assert_eq!(allowed(minute, 59.9, 55), 56, "a trial that has begun may end");
    }
}
