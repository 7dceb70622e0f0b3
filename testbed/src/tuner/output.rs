//! What a search leaves: `tune.json` for the report, `tune.toml` for a plan.

use std::path::Path;

use methodology::tune::{Candidate, Search, StopReason};
use reporter::amount::{Amount, Unit};
use reporter::archive::RunDirectory;
use reporter::tuned::{Found, SettingFailed, SettingFound, TUNE_FILE, TuneRun};

use super::TuneError;
use super::candidates::{Candidates, with_keys};

/// The chosen setting as a plan.
pub const TUNE_PLAN_FILE: &str = "tune.toml";

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
    let failed = result.failed.iter().map(|&candidate| SettingFailed {
        setting: values(candidate),
        why: failure(candidate).unwrap_or_else(|| "no trial of it was valid".to_owned()),
    });
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
        untried: result.untried,
        settings: settings.collect(),
        failed: failed.collect(),
    })
}

/// The chosen setting as a plan: whole, so that `linerate run --plan` takes it, with a `[[measure]]` that another plan can include as it is.
fn fragment(run: &TuneRun, candidates: &Candidates, repetitions: u32) -> String {
    let mut text =
        format!("# Written by `linerate tune`: goal {}, {}, {} trials.\n", run.goal, run.pair, run.found.as_ref().map_or(0, |f| f.trials));
    let Some(found) = &run.found else { return text };
    if let Some(chosen) = found.of(&found.chosen) {
        text.push_str(&format!("# chosen: {} ({})\n", run.in_words(&found.chosen), run.amount(chosen.value)));
    }
    match (&found.gain, found.better_than_default) {
        (Some(gain), true) => text.push_str(&format!(
            "# {:.3} times the default (95 %: {:.3} to {:.3}, {} pairs of trials)\n",
            gain.ratio, gain.interval.0, gain.interval.1, gain.pairs
        )),
        (None, true) => text.push_str("# better than the default; the search ended before the two were compared\n"),
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
    text.push_str(&candidates.base.plan("tuned", repetitions, &setting));
    text
}

/// Writes both files.
pub(super) fn write(directory: &RunDirectory, run: &TuneRun, candidates: &Candidates) -> Result<(), TuneError> {
    let refuse = |file: &str, error: std::io::Error| TuneError::NotASearch {
        path: directory.path().join(file).display().to_string(),
        why: format!("it could not be written: {error}"),
    };
    let json = serde_json::to_vec_pretty(run).map_err(|error| refuse(TUNE_FILE, error.into()))?;
    replace(directory.path(), TUNE_FILE, &json).map_err(|error| refuse(TUNE_FILE, error))?;
    if run.found.is_some() {
        let plan = fragment(run, candidates, 5);
        replace(directory.path(), TUNE_PLAN_FILE, plan.as_bytes()).map_err(|error| refuse(TUNE_PLAN_FILE, error))?;
    }
    Ok(())
}

/// Writes another file and renames it, so that the file is there whole or not at all.
fn replace(directory: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let beside = directory.join(format!(".{name}.part"));
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, directory.join(name))
}
