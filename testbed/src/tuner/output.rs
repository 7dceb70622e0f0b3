//! What a search leaves: `tune.json` for the report, `tune.toml` for a plan.

use std::path::Path;

use methodology::tune::{Candidate, Search, StopReason};
use reporter::amount::Amount;
use reporter::archive::RunDirectory;
use reporter::tuned::{Found, SettingFailed, SettingFound, TuneRun};

use super::TuneError;
use super::candidates::Candidates;

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
pub fn fragment(run: &TuneRun, candidates: &Candidates, repetitions: u32) -> String {
    let mut text =
        format!("# Written by `linerate tune`: goal {}, {}, {} trials.\n", run.goal, run.pair, run.found.as_ref().map_or(0, |f| f.trials));
    let Some(found) = &run.found else { return text };
    let words = |setting: &[String]| {
        run.axes.iter().zip(setting).map(|(axis, value)| format!("{} {value}", axis.name)).collect::<Vec<_>>().join(", ")
    };
    let amount = |value: f64| Amount { unit: run.unit, value };
    let measured = |setting: &[String]| found.settings.iter().find(|measured| measured.setting == setting);
    if let Some(chosen) = measured(&found.chosen) {
        text.push_str(&format!("# chosen: {} ({})\n", words(&found.chosen), amount(chosen.value)));
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
        "# confidence that nothing measured is better by more than {:.0} %: {:.2}\n",
        run.within * 100.0,
        found.confidence
    ));
    if found.cheapest != found.chosen {
        text.push_str(&format!("# not shown to be worse, with the fewest cores: {}\n", words(&found.cheapest)));
    }
    let setting: Vec<(&str, Vec<&str>)> =
        run.axes.iter().zip(&found.chosen).map(|(axis, value)| (axis.name.as_str(), vec![value.as_str()])).collect();
    text.push_str(&candidates.base.plan("tuned", repetitions, &setting));
    text
}

/// Writes both files.
pub(super) fn write(directory: &RunDirectory, run: &TuneRun, candidates: &Candidates) -> Result<(), TuneError> {
    let refuse = |file: &str, error: std::io::Error| TuneError::NotASearch {
        path: directory.path().join(file).display().to_string(),
        why: format!("it could not be written: {error}"),
    };
    let json = serde_json::to_vec_pretty(run).map_err(|error| refuse(reporter::tuned::TUNE_FILE, error.into()))?;
    replace(directory.path(), reporter::tuned::TUNE_FILE, &json).map_err(|error| refuse(reporter::tuned::TUNE_FILE, error))?;
    if run.found.is_some() {
        let plan = fragment(run, candidates, 5);
        replace(directory.path(), TUNE_PLAN_FILE, plan.as_bytes()).map_err(|error| refuse(TUNE_PLAN_FILE, error))?;
    }
    Ok(())
}

/// Writes beside and renames, so that the file is there whole or not at all.
fn replace(directory: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let beside = directory.join(format!(".{name}.part"));
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, directory.join(name))
}
