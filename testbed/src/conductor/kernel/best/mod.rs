//! `method = "best"`: one record for the fastest of several combinations of settings, which a search finds.

mod result;
mod search;
#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;

use reporter::record::{ReasonKind, Record, RecordId, State};

use super::{KernelError, KernelTools};
use crate::conductor::context::Context;
use crate::conductor::record::{empty, failed};
use crate::conductor::schedule::Step;
use crate::plan::MeasureKind;

impl KernelTools {
    /// Searches the fastest combination, and makes one record. Each trial is a stream of its own, with its raw output in the run directory.
    ///
    /// # Errors
    /// The run directory cannot be written; the testbed has no such endpoint.
    pub(super) fn measure_best(&mut self, step: &Step<'_>, context: &mut Context<'_>) -> Result<Record, KernelError> {
        let MeasureKind::KernelBest { protocol, tool, duration, search: combinations } = step.kind else {
            return Ok(failed(step, context.directory, ReasonKind::Other, "this step is not a search"));
        };
        let (protocol, tool, duration) = (*protocol, *tool, *duration);
        // Each repetition has an order of its own.
        let seed = u64::from(step.repetition);
        let searched = search::search(combinations, seed, |candidate, number| {
            let ended = |context: &Context<'_>| context.interrupted.load(Ordering::Relaxed);
            let Some(tuning) = combinations.tuning(candidate).filter(|_| !ended(context)) else { return Ok(None) };
            let kind = MeasureKind::KernelStream { protocol, tool, duration, tuning: Box::new(tuning.clone()) };
            let trial = Step { id: RecordId(format!("{}/trial-{number}", step.id)), kind: &kind, ..step.clone() };
            let record = self.measure(&trial, context)?;
            context.observer.trial(&result::trial_in_words(number, combinations, candidate, &record));
            Ok::<_, KernelError>(Some(record).filter(|record| record.verdict.state == State::Valid || !ended(context)))
        })?;
        let Some(searched) = searched else {
            return Ok(failed(step, context.directory, ReasonKind::Other, "the search was interrupted"));
        };
        let mut record = match result::middle_trial(&searched) {
            Some(trial) => Record { id: step.id.clone(), time: jiff::Timestamp::now(), ..trial.clone() },
            None => empty(step, context.directory, result::no_valid_trial(combinations, &searched)),
        };
        record.set_best_of(&result::best_of(combinations, &searched));
        Ok(record)
    }
}
