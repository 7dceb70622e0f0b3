//! The course of one result, in the result's own unit and by run.

use serde::Serialize;

use super::series::Series;
use crate::analysis::statistics::{Course, Interval, IntervalMethod, SHORTEST_LEVEL};
use crate::analysis::{CellKey, Quantity};
use crate::runs::ResultKey;

/// One result over the runs.
#[derive(Debug, Clone, Serialize)]
pub struct Trend {
    /// Of which measurement.
    pub key: CellKey,
    /// Judged by.
    pub quantity: Quantity,
    /// The valid results.
    pub points: Vec<TrendPoint>,
    /// Runs whose result is not valid.
    pub not_valid: Vec<usize>,
    /// Runs that stand out from their neighbours; they are in no level.
    pub outliers: Vec<usize>,
    /// Stretches without a step, the newest last.
    pub levels: Vec<Stretch>,
    /// The steps between them.
    pub shifts: Vec<Shift>,
    /// A slope within the levels.
    pub slope: Option<Slope>,
    /// How runs of one level vary: 0.02 for 2 %, one standard deviation. None where it cannot be known.
    pub noise: Option<f64>,
    /// Of the hypothesis that nothing changed.
    pub p: Option<f64>,
    /// Corrected for the number of series.
    pub p_corrected: Option<f64>,
    /// Why there was no test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<NotJudged>,
}

/// The result of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrendPoint {
    /// Which run.
    pub run: usize,
    /// In base units.
    pub value: f64,
    /// Where levels and slope put it.
    pub expected: f64,
}

/// Runs between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stretch {
    /// The first run.
    pub first: usize,
    /// The last run.
    pub last: usize,
    /// How many runs, outliers not counted.
    pub runs: usize,
    /// Their geometric mean, in base units.
    pub mean: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift {
    /// The first run on the new level.
    pub run: usize,
    /// The earliest run that it may have been.
    pub earliest: usize,
    /// The latest.
    pub latest: usize,
    /// New level over old.
    pub ratio: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
    /// Of the hypothesis that there is no step.
    pub p: f64,
}

/// A slope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// Factor from one run to the next.
    pub ratio_per_run: f64,
    /// Factor from the first run to the last.
    pub ratio: f64,
    /// Of the hypothesis that there is none.
    pub p: f64,
}

/// Why a series has no test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotJudged {
    /// Two levels need more runs than there are.
    TooFewRuns,
    /// No run has a valid result above 0.
    NoValidResult,
    /// All runs agree exactly.
    NoSpread,
}

/// A series needs two levels' worth of runs.
const FEWEST_RUNS: usize = 2 * SHORTEST_LEVEL;

impl Trend {
    /// The course of a series, with steps and slopes that are shown at this level.
    pub(super) fn of(series: &Series, level: f64) -> Trend {
        // A rate of 0 has no logarithm: the path did not work.
        let (usable, zero): (Vec<_>, Vec<_>) = series.values.iter().copied().partition(|(_, value)| *value > 0.0 && value.is_finite());
        let logs: Vec<f64> = usable.iter().map(|(_, value)| value.ln()).collect();
        let course = Course::of(&logs, level);
        let run = |place: usize| usable.get(place).map_or(0, |(run, _)| *run);
        let t = |error: f64, centre: f64| {
            let reach = course.quantile()? * error;
            Some(Interval { low: (centre - reach).exp(), high: (centre + reach).exp(), method: IntervalMethod::SharedSpreadLog })
        };
        let levels = course.levels.iter().map(|level| Stretch {
            first: run(level.first),
            last: run(level.last),
            runs: level.count,
            mean: level.mean.exp(),
            interval: t(course.noise / (level.count as f64).sqrt(), level.mean),
        });
        let shifts = course.steps.iter().map(|step| Shift {
            run: run(step.at),
            earliest: run(step.earliest),
            latest: run(step.latest),
            ratio: step.change.exp(),
            interval: t(step.standard_error, step.change),
            p: step.p,
        });
        let mut outliers: Vec<usize> = course.outliers.iter().map(|&place| run(place)).chain(zero.iter().map(|(run, _)| *run)).collect();
        outliers.sort_unstable();
        let span = usable.len().saturating_sub(1) as f64;
        let not_judged = match (usable.len(), course.p) {
            (0, _) => Some(NotJudged::NoValidResult),
            (count, _) if count < FEWEST_RUNS => Some(NotJudged::TooFewRuns),
            (_, None) => Some(NotJudged::NoSpread),
            _ => None,
        };
        Trend {
            key: series.key.key.clone(),
            quantity: series.key.quantity,
            points: usable
                .iter()
                .enumerate()
                .map(|(place, &(run, value))| TrendPoint { run, value, expected: course.expected(place).map_or(value, f64::exp) })
                .collect(),
            not_valid: series.not_valid.clone(),
            outliers,
            levels: levels.collect(),
            shifts: shifts.collect(),
            slope: course.drift.map(|drift| Slope { ratio_per_run: drift.slope.exp(), ratio: (drift.slope * span).exp(), p: drift.p }),
            noise: (course.freedom >= 1.0).then(|| course.noise.exp_m1()),
            p: course.p.filter(|_| not_judged.is_none()),
            p_corrected: None,
            not_judged,
        }
    }

    /// The result's name on one line.
    pub fn name(&self) -> String {
        ResultKey { key: self.key.clone(), quantity: self.quantity }.name()
    }

    /// How much worse a ratio is, 0.05 for 5 %; negative where it is better.
    pub fn worse_by(&self, ratio: f64) -> f64 {
        self.quantity.worse_by(ratio)
    }

    /// The largest p of any step or slope; none where there is none.
    pub(super) fn weakest_p(&self) -> Option<f64> {
        self.shifts.iter().map(|shift| shift.p).chain(self.slope.map(|slope| slope.p)).reduce(f64::max)
    }

    /// The most that it changed, in standard deviations of its noise: by a step, or by its slope.
    pub fn strength(&self) -> f64 {
        let noise = self.noise.unwrap_or(0.0).max(1e-9);
        let ratios = self.shifts.iter().map(|shift| shift.ratio).chain(self.slope.map(|slope| slope.ratio));
        ratios.map(|ratio| ratio.ln().abs() / noise).fold(0.0, f64::max)
    }
}
