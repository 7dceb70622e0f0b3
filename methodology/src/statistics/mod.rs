//! Repetitions: median, mean, standard deviation, and how sure a result is.

mod bootstrap;
mod delays;

use serde::{Deserialize, Serialize};

pub use bootstrap::bootstrap_ci95_of_median;
pub use delays::{ipdv, pdv, summarise_delays};

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

impl Sample {
    /// Statistics of finite values; nothing of no values. Values that are not finite are left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let count = sorted.len();
        let mean = sorted.iter().sum::<f64>() / count as f64;
        let stddev = (count > 1).then(|| (sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1) as f64).sqrt());
        Some(Sample {
            count: u32::try_from(count).unwrap_or(u32::MAX),
            mean,
            median: median_of_sorted(&sorted)?,
            stddev,
            min,
            max,
            ci95: bootstrap_ci95_of_median(&sorted),
        })
    }
}

/// The median of sorted values: the middle one, or the mean of the two in the middle.
pub fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(sorted[middle - 1].midpoint(sorted[middle])),
    }
}

/// The nearest-rank percentile of sorted values: the smallest value that `percent` % of them are not above. A value that was really seen.
pub fn percentile_of_sorted<T: Copy>(sorted: &[T], percent: f64) -> Option<T> {
    // 99.9 % of 1000 is rank 999, not 1000: take off what the multiplication adds.
    let rank = (percent / 100.0 * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

/// Slope of the least-squares line through (x, y); nothing from fewer than two different x.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let spread: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    (spread > 0.0).then(|| points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum::<f64>() / spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_samples_have_their_known_statistics() {
        let sample = Sample::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((sample.mean, sample.median, sample.min, sample.max, sample.count), (5.0, 4.5, 2.0, 9.0, 8));
        assert!((sample.stddev.unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Sample::of([]), None);
        assert_eq!(Sample::of([3.0]).unwrap().stddev, None);
        assert_eq!(Sample::of([f64::NAN, 1.0]).unwrap().count, 1);
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<u64> = (1..=1000).collect();
        assert_eq!(percentile_of_sorted(&values, 50.0), Some(500));
        assert_eq!(percentile_of_sorted(&values, 99.9), Some(999));
        assert_eq!(percentile_of_sorted(&values, 100.0), Some(1000));
        assert_eq!(percentile_of_sorted(&values, 0.0), Some(1));
        assert_eq!(percentile_of_sorted::<u64>(&[], 50.0), None);
    }

    #[test]
    fn a_line_has_its_slope_and_a_point_has_none() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(slope(&[(1.0, 3.0)]), None);
        assert_eq!(slope(&[]), None);
    }

    proptest! {
        #[test]
        fn statistics_lie_within_the_sample(values in prop::collection::vec(-1e9..1e9_f64, 1..50)) {
            let sample = Sample::of(values).unwrap();
            let inside = |value: f64| value >= sample.min - 1e-3 && value <= sample.max + 1e-3;
            prop_assert!(inside(sample.mean) && inside(sample.median));
            if let Some((low, high)) = sample.ci95 {
                prop_assert!(low <= sample.median && sample.median <= high && inside(low) && inside(high));
            }
        }
    }
}
