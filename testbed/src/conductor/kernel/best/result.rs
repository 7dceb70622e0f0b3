//! What a search found: the trial that stands for the chosen combination, and how sure the choice is.

use methodology::tune::{Candidate, Estimate, Space, TuneResult, setting_in_words};
use methodology::units::Goodput;
use reporter::record::{BestOf, CombinationRate, CombinationWithout, Reason, Record, State, Verdict};

use super::search::{Searched, WITHIN};
use crate::plan::KernelSearch;

/// The middle one of the valid trials of the winner: a result like any other, with its raw output. Of two in the middle, the slower.
///
/// The winner is the combination with the best mean, also where it cannot be told apart from the first one.
pub(super) fn middle_trial(searched: &Searched) -> Option<&Record> {
    let winner = searched.result.as_ref()?.winner;
    let mut trials: Vec<(f64, &Record)> =
        valid(searched.trials.get(winner.index())?).filter_map(|record| Some((record.values.goodput_bps?.bps(), record))).collect();
    trials.sort_by(|one, other| one.0.total_cmp(&other.0));
    trials.get(trials.len().saturating_sub(1) / 2).map(|(_, record)| *record)
}

/// What the record of a search says beside the trial.
pub(super) fn best_of(combinations: &KernelSearch, searched: &Searched) -> BestOf {
    let space = combinations.space();
    let found = searched.result.as_ref();
    let winner = found.map(|found| found.winner);
    let rate = |estimate: &Estimate| rate_of(space, estimate);
    let is_equal = |candidate: Candidate| found.is_some_and(|found| found.equal.contains(&candidate));
    let measured: Vec<&Estimate> = found.iter().flat_map(|found| &found.measured).collect();
    let others = || measured.iter().filter(|estimate| Some(estimate.candidate) != winner);
    let trials = || searched.trials.iter().flatten();
    let valid_trials = valid(trials()).count();
    // A combination that failed after valid trials has no estimate, and is named with the reason.
    let known = |candidate: Candidate| measured.iter().any(|estimate| estimate.candidate == candidate);
    let tried = |candidate: Candidate| searched.trials.get(candidate.index()).is_some_and(|trials| !trials.is_empty());
    // Without a repetition nothing is known of the noise.
    let has_noise = |found: &&TuneResult| found.noise.is_some();
    BestOf {
        searched: space.axes().iter().map(|axis| axis.name.clone()).collect(),
        combinations: space.len(),
        chosen: measured.iter().find(|estimate| Some(estimate.candidate) == winner).and_then(|estimate| rate(estimate)),
        valid_trials,
        invalid_trials: trials().count() - valid_trials,
        confidence: found.filter(has_noise).map(|found| found.winner_confidence),
        within: WITHIN,
        noise: found.and_then(|found| found.noise),
        not_distinguished: others().filter(|estimate| is_equal(estimate.candidate)).filter_map(|estimate| rate(estimate)).collect(),
        slower: others().filter(|estimate| !is_equal(estimate.candidate)).filter_map(|estimate| rate(estimate)).collect(),
        without_valid_trial: space
            .candidates()
            .filter(|&candidate| tried(candidate) && !known(candidate))
            .map(|candidate| CombinationWithout { setting: in_words(space, candidate), why: why(searched, candidate) })
            .collect(),
        untried: space.candidates().filter(|&candidate| !tried(candidate)).map(|candidate| in_words(space, candidate)).collect(),
    }
}

/// The verdict where no combination has a valid trial: the last reason of each. Failed where nothing was measured at all, so that a resumed run tries
/// again.
pub(super) fn no_valid_trial(combinations: &KernelSearch, searched: &Searched) -> Verdict {
    let space = combinations.space();
    let last = |candidate: Candidate| searched.trials.get(candidate.index()).and_then(|trials| trials.last());
    let reasons = space.candidates().filter_map(|candidate| {
        // Remarks of the tool come before what makes the trial invalid.
        let reason = last(candidate)?.verdict.reasons.last()?;
        let detail = format!("no combination has a valid trial; {}: {}", in_words(space, candidate), reason.detail);
        Some(Reason { kind: reason.kind, detail })
    });
    let mut verdict = Verdict::invalid(reasons.collect());
    if searched.trials.iter().flatten().all(|record| record.verdict.state == State::Failed) {
        verdict.state = State::Failed;
    }
    verdict
}

/// One trial for people who watch the run.
pub(super) fn trial_in_words(number: usize, combinations: &KernelSearch, candidate: Candidate, record: &Record) -> String {
    let setting = in_words(combinations.space(), candidate);
    match (record.verdict.state, record.values.goodput_bps) {
        (State::Valid, Some(goodput)) => format!("trial {number}: {setting}: {goodput}"),
        (state, _) => format!("trial {number}: {setting}: {state}: {}", record.verdict.reasons_in_words()),
    }
}

fn in_words(space: &Space, candidate: Candidate) -> String {
    setting_in_words(space.axes(), space.values(candidate))
}

fn rate_of(space: &Space, estimate: &Estimate) -> Option<CombinationRate> {
    let ends = |(low, high): (f64, f64)| Goodput::new(low).ok().zip(Goodput::new(high).ok());
    Some(CombinationRate {
        setting: in_words(space, estimate.candidate),
        goodput_bps: Goodput::new(estimate.value).ok()?,
        interval_bps: estimate.interval.and_then(ends),
        trials: estimate.trials,
    })
}

fn valid<'r>(trials: impl IntoIterator<Item = &'r Record>) -> impl Iterator<Item = &'r Record> {
    trials.into_iter().filter(|record| record.verdict.state == State::Valid)
}

fn why(searched: &Searched, candidate: Candidate) -> String {
    let last =
        searched.trials.get(candidate.index()).and_then(|trials| trials.iter().rev().find(|record| record.verdict.state != State::Valid));
    last.map_or_else(String::new, |record| record.verdict.reasons_in_words())
}
