//! The runs of one testbed over time: what changed, when, by how much, and what else changed then.
//!
//! Each result is a series of one value a run (the geometric mean of its repetitions). Its course has levels, steps, a drift and outliers
//! ([`Course`](crate::analysis::statistics::Course)). There are many series, so their p is corrected (Benjamini and
//! Hochberg). Each series is then split at the level that the correction leaves. Steps at the same run are one [`Event`].

mod environment;
mod event;
mod sentences;
mod series;
mod trend;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::analysis::statistics::benjamini_hochberg;
use crate::analysis::{LEVEL, VerdictCounts};
use crate::parallel;
use crate::runs::{Runs, Skipped};

pub use environment::FactChange;
pub use event::{BadRun, Event};
pub use trend::{NotJudged, Shift, Slope, Stretch, Trend, TrendPoint};

/// A series of runs, judged.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    /// In the order of time.
    pub runs: Vec<HistoryRun>,
    /// What changed, in the order of time.
    pub events: Vec<Event>,
    /// Runs at which several results stand out at once.
    pub bad_runs: Vec<BadRun>,
    /// Every result, in the order of pairs, stacks and sizes.
    pub trends: Vec<Trend>,
    /// Facts of the environment that differ from those of the run before.
    pub environment: Vec<FactChange>,
    /// Facts that change too often to explain anything.
    pub restless: Vec<String>,
    /// Directories that are not among the runs, and why.
    pub skipped: Vec<Skipped>,
    /// The level of the tests after correction.
    pub level: f64,
    /// How many series were tested.
    pub tested: usize,
}

/// One run of the series.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryRun {
    /// The name of its directory.
    pub name: String,
    /// Where it is.
    pub directory: PathBuf,
    /// When its first measurement ended.
    pub started: Timestamp,
    /// Its records by verdict.
    pub verdicts: VerdictCounts,
    /// Lines that could not be read.
    pub damaged: usize,
}

impl History {
    /// Judges a series of runs.
    pub fn of(runs: &Runs) -> History {
        let collected = series::collect(&runs.runs);
        let facts = environment::with_configurations(&runs.runs, &collected);
        let (environment, restless) = environment::changes(&facts);
        let series: Vec<_> = collected.into_iter().map(|collected| collected.series).collect();
        // First all at the level itself, for p; then each at what the correction leaves of it.
        let first: Vec<Trend> = parallel::map(&series, |series| Trend::of(series, LEVEL));
        let p: Vec<f64> = first.iter().filter_map(|trend| trend.p).collect();
        let corrected = benjamini_hochberg(&p);
        let rejected = corrected.iter().filter(|p| **p <= LEVEL).count();
        let left = LEVEL * rejected as f64 / p.len().max(1) as f64;
        let mut corrected = corrected.into_iter();
        let mut trends = Vec::with_capacity(first.len());
        for (series, mut trend) in series.iter().zip(first) {
            if trend.p.is_some() {
                let p = corrected.next().unwrap_or(1.0);
                let level = if p <= LEVEL { left } else { 0.0 };
                // What stands at the stricter level too needs no second look.
                if trend.weakest_p().is_some_and(|weakest| weakest > level) {
                    trend = Trend { p: trend.p, not_judged: trend.not_judged, ..Trend::of(series, level) };
                }
                trend.p_corrected = Some(p);
            }
            trends.push(trend);
        }
        let (events, bad_runs) = (event::events(&trends, &environment), event::bad_runs(&trends));
        History {
            runs: runs
                .runs
                .iter()
                .map(|run| HistoryRun {
                    name: run.name.clone(),
                    directory: run.directory.clone(),
                    started: run.started,
                    verdicts: run.verdicts,
                    damaged: run.damaged,
                })
                .collect(),
            events,
            bad_runs,
            trends,
            environment,
            restless,
            skipped: runs.skipped.clone(),
            level: LEVEL,
            tested: p.len(),
        }
    }

    /// Results that drift without a step.
    pub fn drifting(&self) -> impl Iterator<Item = &Trend> {
        self.trends.iter().filter(|trend| trend.slope.is_some())
    }
}
