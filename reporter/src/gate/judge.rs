//! Holds a run against expectations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file::{ExpectFile, Expectation, GateError};
use super::outcome::{Gate, Outcome, Verdict};
use super::sample::{Measured, Results};
use super::target::Target;
use crate::amount::signed_percent;
use crate::analysis::statistics::{Interval, IntervalMethod, LogDifference, LogSpread, NoInterval, geometric_mean};
use crate::archive::Archive;
use crate::history::History;
use crate::runs::Runs;

/// Runs and histories that expectations name, each read once.
#[derive(Default)]
struct References {
    baselines: BTreeMap<PathBuf, Results>,
    histories: BTreeMap<PathBuf, History>,
}

impl Gate {
    /// Judges a run.
    pub fn hold(archive: &Archive, file: &ExpectFile, name_of_file: &Path) -> Result<Gate, GateError> {
        let results = Results::of(archive);
        let mut references = References::default();
        let outcomes = file.expectations.iter().map(|expectation| {
            references.read(expectation, archive, name_of_file)?;
            Ok(judge(expectation, &results, &references, file.confidence))
        });
        Ok(Gate { outcomes: outcomes.collect::<Result<_, GateError>>()? })
    }
}

impl References {
    fn read(&mut self, expectation: &Expectation, archive: &Archive, file: &Path) -> Result<(), GateError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| GateError::Reference {
            file: file.to_owned(),
            line: expectation.line,
            source,
        };
        match &expectation.target {
            Target::Baseline(path) if !self.baselines.contains_key(path) => {
                let baseline = Archive::read_for_reports(path).and_then(Archive::with_records).map_err(|error| failed(Box::new(error)))?;
                self.baselines.insert(path.clone(), Results::of(&baseline));
            }
            Target::History(path) if !self.histories.contains_key(path) => {
                let mut runs = Runs::read(std::slice::from_ref(path)).map_err(|error| failed(Box::new(error)))?;
                // The judged run is not part of its own baseline.
                let judged = archive.directory.canonicalize().unwrap_or_else(|_| archive.directory.clone());
                runs.runs.retain(|run| run.directory.canonicalize().ok().is_none_or(|directory| directory != judged));
                self.histories.insert(path.clone(), History::of(&runs));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A target, and how well it is known.
enum Held {
    /// A value that is exact by definition.
    Exactly(f64),
    /// A sample, whose noise counts.
    Against { values: Vec<f64>, spread: Option<LogSpread> },
    /// The newest level of a history: how runs vary counts, and the run that is judged is one run.
    Level { mean: f64, runs: usize, noise: f64 },
}

fn judge(expectation: &Expectation, results: &Results, references: &References, confidence: f64) -> Outcome {
    let mut outcome = Outcome {
        name: format!("{} {}", expectation.selector.name(), words_of(&expectation.target, expectation)),
        quantity: expectation.selector.quantity,
        verdict: Verdict::CannotJudge,
        measured: None,
        target: None,
        limit: None,
        interval: None,
        detail: String::new(),
    };
    if let Err(why) = try_judge(expectation, results, references, confidence, &mut outcome) {
        outcome.detail = why;
    }
    outcome
}

fn try_judge(
    expectation: &Expectation,
    results: &Results,
    references: &References,
    confidence: f64,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let result = one(results.select(&expectation.selector), "the run")?;
    let measured = geometric_mean(&result.values).filter(|mean| *mean > 0.0).ok_or("the run has no result above 0")?;
    outcome.measured = Some(measured);
    if !result.trusted {
        return Err("the run has no valid trial of it".to_owned());
    }
    let held = held(expectation, result, references)?;
    let target = match &held {
        Held::Exactly(value) => *value,
        Held::Against { values, .. } => geometric_mean(values).filter(|mean| *mean > 0.0).ok_or("the baseline has no result above 0")?,
        Held::Level { mean, .. } => *mean,
    };
    let higher = outcome.quantity.higher_is_better();
    let limit = target * if higher { 1.0 - expectation.tolerance } else { 1.0 + expectation.tolerance };
    (outcome.target, outcome.limit) = (Some(target), Some(limit));
    let test = difference(result, results.spread(result), &held)?;
    // The difference to the target, moved to the limit.
    let against_limit = LogDifference { difference: (measured / limit).ln(), ..test };
    let interval = against_limit.interval_at(confidence).ok_or("the noise is unknown")?;
    outcome.interval = Some(interval);
    outcome.verdict = match higher {
        true if interval.low >= 1.0 => Verdict::Passed,
        true if interval.high < 1.0 => Verdict::Failed,
        false if interval.high <= 1.0 => Verdict::Passed,
        false if interval.low > 1.0 => Verdict::Failed,
        _ => Verdict::CannotJudge,
    };
    outcome.detail = detail(outcome, interval, measured, target, limit, confidence);
    Ok(())
}

fn detail(outcome: &Outcome, interval: Interval, measured: f64, target: f64, limit: f64, confidence: f64) -> String {
    let amount = |value: f64| outcome.amount(value).to_string();
    let within = format!("{} to {}", amount(interval.low * limit), amount(interval.high * limit));
    let found = format!(
        "{} (expected {}, {}; {:.4} % interval {within}; limit {})",
        amount(measured),
        amount(target),
        signed_percent(measured / target),
        confidence * 100.0,
        amount(limit)
    )
    .replace(".0000 %", " %");
    match outcome.verdict {
        Verdict::CannotJudge => format!("{found}: the interval holds the limit; repeat more often, or allow more tolerance"),
        _ => found,
    }
}

/// The noise of the difference between a result and its target.
fn difference(result: &Measured, spread: Option<LogSpread>, held: &Held) -> Result<LogDifference, String> {
    let count = result.values.len() as f64;
    let of = |squared: f64, freedom: f64| LogDifference {
        difference: 0.0,
        standard_error: squared.max(f64::MIN_POSITIVE).sqrt(),
        freedom,
        method: IntervalMethod::SharedSpreadLog,
    };
    let once = || NoInterval::MeasuredOnce.to_string() + ": its noise is unknown; repeat it";
    match held {
        // Repetitions that agree exactly have an interval of no width: the value itself is the answer.
        Held::Exactly(_) => spread.map(|spread| of(spread.variance / count, spread.freedom)).ok_or_else(once),
        Held::Against { values, spread: of_target } => {
            let (own, theirs) = (spread.ok_or_else(once)?, of_target.ok_or("the baseline was measured once: its noise is unknown")?);
            let freedom = own.freedom + theirs.freedom;
            let variance = (own.variance * own.freedom + theirs.variance * theirs.freedom) / freedom;
            Ok(of(variance * (1.0 / count + 1.0 / values.len() as f64), freedom))
        }
        Held::Level { runs, noise, .. } => {
            let freedom = runs.saturating_sub(1) as f64;
            if freedom < 1.0 {
                return Err("the newest level of the history has one run: its noise is unknown".to_owned());
            }
            Ok(of(noise * noise * (1.0 + 1.0 / *runs as f64), freedom))
        }
    }
}

fn held(expectation: &Expectation, result: &Measured, references: &References) -> Result<Held, String> {
    match &expectation.target {
        Target::Absolute(value) => Ok(Held::Exactly(*value)),
        Target::LineRate(share) => {
            let rate = result
                .line_rate
                .ok_or("the records name no line rate for it: it is known of forwarding rates and layer-1 rates on a link")?;
            Ok(Held::Exactly(rate * share))
        }
        Target::Baseline(path) => {
            let baseline = references.baselines.get(path).ok_or("the baseline was not read")?;
            let theirs = one(baseline.select(&expectation.selector), "the baseline")?;
            if !theirs.trusted {
                return Err("the baseline has no valid trial of it".to_owned());
            }
            Ok(Held::Against { values: theirs.values.clone(), spread: baseline.spread(theirs) })
        }
        Target::History(path) => {
            let history = references.histories.get(path).ok_or("the history was not read")?;
            let means = |trend: &&crate::history::Trend| {
                expectation.selector.means(&crate::runs::ResultKey { key: trend.key.clone(), quantity: trend.quantity })
            };
            let trend = one(history.trends.iter().filter(means).collect(), "the history")?;
            let level = trend.levels.last().ok_or("the history has no valid result of it")?;
            let noise = trend.noise.ok_or("the history has too few runs of it: its noise is unknown")?;
            // Where results drift, the newest run of the level stands for it.
            let newest = trend.points.iter().rev().find(|point| point.run == level.last).map_or(level.mean, |point| point.expected);
            Ok(Held::Level { mean: newest, runs: level.runs, noise: noise.ln_1p() })
        }
    }
}

fn one<T>(mut found: Vec<T>, of: &str) -> Result<T, String> {
    match found.len() {
        0 => Err(format!("{of} has no such result")),
        1 => found.pop().ok_or_else(String::new),
        several => Err(format!("{of} has {several} results of this description: add `method`, `load` or `setup`")),
    }
}

fn words_of(target: &Target, expectation: &Expectation) -> String {
    let percent = |share: f64| methodology::units::percent(share);
    let bound = if expectation.selector.quantity.higher_is_better() { "at least" } else { "at most" };
    let tolerance = format!("(tolerance {} %)", percent(expectation.tolerance));
    match target {
        Target::Absolute(value) => format!("{bound} {} {tolerance}", expectation.selector.quantity.amount(*value)),
        Target::LineRate(share) => format!("{bound} {} % of line rate {tolerance}", percent(*share)),
        Target::Baseline(path) => format!("as in {} {tolerance}", path.display()),
        Target::History(path) => format!("as last in {} {tolerance}", path.display()),
    }
}
