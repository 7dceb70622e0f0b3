//! Repetitions: median, mean, standard deviation, and how sure a result is.

use serde::{Deserialize, Serialize};

/// Statistics of repeated measurements, in the unit of what was measured (the field that holds it says which).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Repetitions.
    pub count: u32,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Standard deviation of the sample (n − 1); nothing from one repetition.
    pub stddev: Option<f64>,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// 95 % bootstrap confidence interval of the median; nothing from fewer than three repetitions.
    pub ci95: Option<(f64, f64)>,
}
