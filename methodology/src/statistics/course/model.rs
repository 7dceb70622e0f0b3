//! Flat, steps, a drift, or both.

use super::super::distribution::{lower_t, quantile_t};
use super::super::interval::NO_SPREAD;
use super::outliers::{outliers, robust_deviation};
use super::segmentation::{self, Segmentation, Sums, segment, squares_within};

/// What a series did.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Places of values that stand out from their neighbours. They are in no level and in no test.
    pub outliers: Vec<usize>,
    /// In the order of time; one more than there are steps. Empty where there are no values.
    pub levels: Vec<Level>,
    /// In the order of time.
    pub steps: Vec<Step>,
    /// A slope within the levels.
    pub drift: Option<Drift>,
    /// Standard deviation of the values around the levels and the drift.
    pub noise: f64,
    /// Degrees of freedom behind the noise.
    pub freedom: f64,
    /// Of the hypothesis that the series is flat; none where there are too few values or no noise at all.
    pub p: Option<f64>,
}

/// A stretch without a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Place of its first value.
    pub first: usize,
    /// Place of its last value.
    pub last: usize,
    /// How many values it has, outliers not counted.
    pub count: usize,
    /// Mean of its values.
    pub mean: f64,
    /// Mean of their places, where a drift goes through the mean.
    pub centre: f64,
}

/// A step from one level to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Place of the first value on the new level.
    pub at: usize,
    /// The earliest place that it may have (95 % of the likelihood between `earliest` and `latest`).
    pub earliest: usize,
    /// The latest.
    pub latest: usize,
    /// New less old.
    pub change: f64,
    /// Standard error of the change.
    pub standard_error: f64,
    /// Of the hypothesis that there is none; corrected for the places where it might have been.
    pub p: f64,
}

/// A slope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Change from one place to the next.
    pub slope: f64,
    /// Of the hypothesis that there is none.
    pub p: f64,
}

/// Steps and drifts are two ways to be not flat: each is tested at half of the level, so that both together keep it.
const WAYS: f64 = 2.0;

/// Rounds between the slope and the levels of a series that may have both.
const ROUNDS: usize = 4;

impl Course {
    /// The course of a series of logarithms. The chance that a flat series with normal noise is given a step or a drift is at most `level`.
    pub fn of(values: &[f64], level: f64) -> Course {
        let outliers = outliers(values);
        let places: Vec<usize> = (0..values.len()).filter(|place| outliers.binary_search(place).is_err()).collect();
        let kept: Vec<f64> = places.iter().map(|&place| values[place]).collect();
        let x: Vec<f64> = places.iter().map(|&place| place as f64).collect();
        // A first guess of the noise.
        let deviation = robust_deviation(&kept).unwrap_or(0.0);
        let allowed = level / WAYS;
        let flat = Fit::of(&x, &kept, &Segmentation::default(), false);
        let steps = segment(&kept, deviation, allowed);
        let mut fits = vec![Fit::of(&x, &kept, &steps, false)];
        let line = Fit::of(&x, &kept, &Segmentation::default(), true);
        // A model counts only where each of its parts is shown.
        let shown = |fit: &Fit| !fit.sloped || fit.slope_p().is_some_and(|p| p <= allowed);
        for start in [&line, &Fit::of(&x, &kept, &steps, true)].into_iter().filter(|fit| shown(fit)) {
            fits.push(with_slope(&x, &kept, deviation, allowed, start.slope));
        }
        fits.push(line.clone());
        fits.retain(shown);
        fits.push(flat);
        let all_equal =
            fits.iter().any(|fit| !fit.sloped && fit.segmentation.starts.is_empty() && fit.left <= NO_SPREAD * kept.len() as f64);
        let p = [steps.smallest_p, line.slope_p()].into_iter().flatten().reduce(f64::min);
        let p = p.filter(|_| !all_equal).map(|p| (WAYS * p).min(1.0));
        let best = fits.into_iter().min_by(|a, b| a.description().total_cmp(&b.description()));
        match best {
            Some(fit) => fit.course(&places, outliers, p),
            None => Course::empty(outliers),
        }
    }

    fn empty(outliers: Vec<usize>) -> Course {
        Course { outliers, levels: Vec::new(), steps: Vec::new(), drift: None, noise: 0.0, freedom: 0.0, p: None }
    }

    /// Where the level that holds this place, and the drift, put it.
    pub fn expected(&self, place: usize) -> Option<f64> {
        let level = self.levels.iter().rev().find(|level| level.first <= place).or(self.levels.first())?;
        Some(level.mean + self.drift.map_or(0.0, |drift| drift.slope * (place as f64 - level.centre)))
    }

    /// How many standard errors a 95 % interval reaches on each side; none without noise to judge by.
    pub fn quantile(&self) -> Option<f64> {
        (self.freedom >= 1.0).then(|| quantile_t(0.975, self.freedom)).flatten()
    }
}

/// Levels around a slope: each is found with the other taken out.
fn with_slope(x: &[f64], y: &[f64], deviation: f64, level: f64, start: f64) -> Fit {
    let mut slope = start;
    let mut found = Segmentation::default();
    for _ in 0..ROUNDS {
        let flattened: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - slope * x).collect();
        let next = segment(&flattened, deviation, level);
        let settled = next.starts == found.starts;
        found = next;
        slope = Fit::of(x, y, &found, true).slope;
        if settled {
            break;
        }
    }
    Fit::of(x, y, &found, true)
}

/// A model with its parameters.
#[derive(Debug, Clone)]
struct Fit {
    x: Vec<f64>,
    y: Vec<f64>,
    segmentation: Segmentation,
    sloped: bool,
    slope: f64,
    /// Squares of the places around their levels' means.
    spread: f64,
    /// Squares that are left.
    left: f64,
}

impl Fit {
    /// Least squares with given levels, with one slope for all of them or none (analysis of covariance).
    fn of(x: &[f64], y: &[f64], segmentation: &Segmentation, sloped: bool) -> Fit {
        let edges = segmentation::edges(&segmentation.starts, y.len());
        let (mut spread, mut product) = (0.0, 0.0);
        for edge in edges.windows(2).filter(|edge| edge[1] > edge[0]) {
            let count = (edge[1] - edge[0]) as f64;
            let (x, y) = (&x[edge[0]..edge[1]], &y[edge[0]..edge[1]]);
            let (mean_x, mean_y) = (x.iter().sum::<f64>() / count, y.iter().sum::<f64>() / count);
            spread += x.iter().map(|x| (x - mean_x).powi(2)).sum::<f64>();
            product += x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>();
        }
        let slope = if sloped && spread > 0.0 { product / spread } else { 0.0 };
        let squares = if y.is_empty() { 0.0 } else { squares_within(&Sums::of(y), &segmentation.starts) };
        let left = (squares - slope * product).max(0.0);
        Fit { x: x.to_vec(), y: y.to_vec(), segmentation: segmentation.clone(), sloped, slope, spread, left }
    }

    fn freedom(&self) -> f64 {
        self.y.len() as f64 - self.segmentation.starts.len() as f64 - 1.0 - f64::from(u8::from(self.sloped))
    }

    fn variance(&self) -> f64 {
        if self.freedom() >= 1.0 { self.left / self.freedom() } else { 0.0 }
    }

    fn slope_error(&self) -> f64 {
        (self.variance() / self.spread).sqrt()
    }

    fn slope_p(&self) -> Option<f64> {
        let error = self.slope_error();
        let freedom = self.freedom();
        if !error.is_finite() || freedom < 1.0 || self.spread <= 0.0 {
            return None;
        }
        let t = if error > 0.0 {
            (self.slope / error).abs()
        } else if self.slope.abs() > 1e-12 {
            f64::INFINITY
        } else {
            0.0
        };
        Some(if t.is_finite() { (2.0 * lower_t(-t, freedom)?).min(1.0) } else { 0.0 })
    }

    /// The length of the description: the noise, and what is not flat. The first part costs what a line costs, be it a step or a slope, because
    /// its test has allowed for the places where it might lie; each part more costs its place too.
    fn description(&self) -> f64 {
        let count = self.y.len() as f64;
        let parts = self.segmentation.starts.len() + usize::from(self.sloped);
        let parameters = (2 * parts).saturating_sub(1) as f64;
        count * (self.left / count).max(NO_SPREAD).ln() + parameters * count.ln()
    }

    fn course(&self, places: &[usize], outliers: Vec<usize>, p: Option<f64>) -> Course {
        let edges = segmentation::edges(&self.segmentation.starts, self.y.len());
        let levels: Vec<Level> = edges
            .windows(2)
            .filter(|edge| edge[1] > edge[0])
            .map(|edge| {
                let count = edge[1] - edge[0];
                let mean = |of: &[f64]| of[edge[0]..edge[1]].iter().sum::<f64>() / count as f64;
                Level { first: places[edge[0]], last: places[edge[1] - 1], count, mean: mean(&self.y), centre: mean(&self.x) }
            })
            .collect();
        let noise = self.variance().sqrt();
        let flattened: Vec<f64> = self.x.iter().zip(&self.y).map(|(x, y)| y - self.slope * x).collect();
        let steps = levels
            .windows(2)
            .enumerate()
            .map(|(k, pair)| {
                let (before, after) = (pair[0], pair[1]);
                let (earliest, latest) = segmentation::places(&flattened, &self.segmentation.starts, k);
                Step {
                    at: after.first,
                    earliest: places[earliest],
                    latest: places[latest],
                    change: after.mean - before.mean - self.slope * (after.centre - before.centre),
                    standard_error: noise * (1.0 / before.count as f64 + 1.0 / after.count as f64).sqrt(),
                    p: (WAYS * self.segmentation.p[k]).min(1.0),
                }
            })
            .collect();
        let drift = self.sloped.then(|| Drift { slope: self.slope, p: (WAYS * self.slope_p().unwrap_or(1.0)).min(1.0) });
        Course { outliers, levels, steps, drift, noise, freedom: self.freedom().max(0.0), p }
    }
}
