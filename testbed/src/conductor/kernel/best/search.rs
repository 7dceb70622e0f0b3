//! The search over trials: [`methodology::tune`] says which combination is measured next, and the records say how fast it was.

use methodology::tune::{Aim, Candidate, Next, Outcome, Search, SearchOptions, TuneResult};
use reporter::record::{ReasonKind, Record, State};

use crate::plan::KernelSearch;

/// A difference of this share does not matter: the search ends where no combination can be better by more.
pub(super) const WITHIN: f64 = 0.02;

/// What a search has measured.
pub(super) struct Searched {
    /// None where no trial was valid.
    pub(super) result: Option<TuneResult>,
    /// The trials of each combination, in the order of the space.
    pub(super) trials: Vec<Vec<Record>>,
}

/// Searches. `trial` measures a combination once, and gives none where the user ended it; then the search has no result.
///
/// # Errors
/// Those of `trial`.
pub(super) fn search<E>(
    combinations: &KernelSearch,
    seed: u64,
    mut trial: impl FnMut(Candidate, usize) -> Result<Option<Record>, E>,
) -> Result<Option<Searched>, E> {
    let space = combinations.space().clone();
    let mut trials: Vec<Vec<Record>> = vec![Vec::new(); space.len()];
    let mut search = Search::new(space, SearchOptions { seed, aim: Aim::Greatest, within: WITHIN });
    let most = usize::try_from(combinations.trials()).unwrap_or(usize::MAX);
    while let Next::Measure { candidate, .. } = search.next(most) {
        let Some(record) = trial(candidate, search.spent() + 1)? else { return Ok(None) };
        let of_combination = &mut trials[candidate.index()];
        search.record(outcome(&record, of_combination));
        of_combination.push(record);
    }
    Ok(Some(Searched { result: search.result(), trials }))
}

/// What a trial says of its combination. A failure of a combination that has worked before, or one that may be an accident, says nothing.
fn outcome(record: &Record, before: &[Record]) -> Outcome {
    let accident = || record.verdict.reasons.iter().any(|reason| matches!(reason.kind, ReasonKind::AgentLost | ReasonKind::TimedOut));
    match (record.verdict.state, record.values.goodput_bps) {
        (State::Valid, Some(goodput)) => Outcome::Value(goodput.bps()),
        (State::Failed, _) if !accident() && before.iter().all(|record| record.verdict.state != State::Valid) => Outcome::Failed,
        _ => Outcome::Invalid,
    }
}
