//! What a search leaves: `tune.json` for the report, `tune.toml` and `default.toml` as plans.

use methodology::tune::{Candidate, Search, StopReason};
use reporter::amount::{Amount, Unit};
use reporter::archive::{ArchiveError, RunDirectory};
use reporter::tuned::{Found, SettingFailed, SettingFound, TUNE_FILE, TuneRun};
use serde::Serialize;

use super::TuneError;
use super::candidates::{Candidates, with_keys};

/// The chosen setting as a plan.
pub const TUNE_PLAN_FILE: &str = "tune.toml";

/// The default setting as a plan.
pub const DEFAULT_PLAN_FILE: &str = "default.toml";

/// Repetitions of both plans: enough for the noise within a run.
const REPETITIONS: u32 = 5;

/// What a search knows now. `cores` and `failures` are what the records say of a setting.
pub(super) fn found(
    search: &Search,
    stop: Option<StopReason>,
    cores: impl Fn(Candidate) -> Option<f64>,
    failure: impl Fn(Candidate) -> Option<String>,
    disturbed: usize,
) -> Option<Found> {
    let result = search.result()?;
    let space = search.space();
    let values = |candidate: Candidate| space.values(candidate).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let cores_of = |candidate: Candidate| cores(candidate).unwrap_or_else(|| f64::from(space.cores(candidate)));
    // Cores of kernel measurements are known only now; those of poll loops were known before.
    let fewest = result.equal.iter().copied().min_by(|one, other| cores_of(*one).total_cmp(&cores_of(*other)));
    let measured_cores = space.cores(result.winner) == 0;
    let settings = result.measured.iter().map(|estimate| SettingFound {
        setting: values(estimate.candidate),
        value: estimate.value,
        interval: estimate.interval,
        trials: estimate.trials,
        cores: cores_of(estimate.candidate),
        equals_winner: result.equal.contains(&estimate.candidate),
    });
    let without_result = |candidates: &[Candidate]| -> Vec<SettingFailed> {
        let of = |&candidate: &Candidate| SettingFailed {
            setting: values(candidate),
            why: failure(candidate).unwrap_or_else(|| "no trial of it was valid".to_owned()),
        };
        candidates.iter().map(of).collect()
    };
    Some(Found {
        stop,
        chosen: values(result.chosen),
        winner: values(result.winner),
        better_than_default: result.better_than_default,
        gain: result.gain,
        cheapest: values(if measured_cores { fewest.unwrap_or(result.cheapest) } else { result.cheapest }),
        confidence: result.confidence,
        noise: result.noise,
        trials: result.trials,
        disturbed,
        unknown: without_result(&result.unknown),
        invalid: result.invalid,
        untried: result.untried,
        settings: settings.collect(),
        failed: without_result(&result.failed),
    })
}

/// The chosen setting as a plan: whole, so that `linerate run --plan` takes it, with a `[[measure]]` that another plan can include as it is.
fn fragment(run: &TuneRun, candidates: &Candidates) -> String {
    let mut text =
        format!("# Written by `linerate tune`: goal {}, {}, {} trials.\n", run.goal, run.pair, run.found.as_ref().map_or(0, |f| f.trials));
    let Some(found) = &run.found else { return text };
    if let Some(chosen) = found.of(&found.chosen) {
        let amount = run.amount(chosen.value);
        text.push_str(&format!("# chosen: {} ({amount}, {})\n", run.in_words(&found.chosen), chosen.trials_in_words()));
    }
    match (&found.gain, found.better_than_default) {
        (Some(gain), true) => text.push_str(&format!(
            "# {:.3} times the default (95 %: {:.3} to {:.3}, {} pairs of trials)\n",
            gain.ratio, gain.interval.0, gain.interval.1, gain.pairs
        )),
        (None, true) => text.push_str("# better than the default by the trials of the search; the two were not compared in pairs\n"),
        (_, false) => text.push_str("# no difference from the default was shown\n"),
    }
    text.push_str(&format!(
        "# confidence that nothing measured is better by more than {}: {:.2}\n",
        Amount { unit: Unit::Percent, value: run.within * 100.0 },
        found.confidence
    ));
    if found.cheapest != found.chosen {
        text.push_str(&format!("# not shown to be worse, with the fewest cores: {}\n", run.in_words(&found.cheapest)));
    }
    let setting = with_keys(&run.axes, found.chosen.iter().map(String::as_str));
    text.push_str(&candidates.base.plan("tuned", REPETITIONS, &setting));
    text
}

/// The default setting as a plan, to compare the chosen one with.
fn default_plan(run: &TuneRun, candidates: &Candidates) -> String {
    let space = &candidates.space;
    let values = space.values(space.default_setting());
    let mut text = format!("# Written by `linerate tune`: the default that {TUNE_PLAN_FILE} is compared with, {}.\n", run.pair);
    text.push_str(&candidates.base.plan("default", REPETITIONS, &with_keys(&run.axes, values)));
    text
}

/// Writes the files of a search.
pub(super) fn write(directory: &RunDirectory, run: &TuneRun, candidates: &Candidates) -> Result<(), TuneError> {
    directory.replace(TUNE_FILE, &as_json(run, TUNE_FILE)?)?;
    directory.replace(DEFAULT_PLAN_FILE, default_plan(run, candidates).as_bytes())?;
    if run.found.is_some() {
        directory.replace(TUNE_PLAN_FILE, fragment(run, candidates).as_bytes())?;
    }
    Ok(())
}

/// A file of the run directory as JSON.
pub(super) fn as_json<T: Serialize>(value: &T, name: &str) -> Result<Vec<u8>, TuneError> {
    let unwritable = |source| ArchiveError::Unwritable { id: name.to_owned(), source };
    Ok(serde_json::to_vec_pretty(value).map_err(unwritable)?)
}
