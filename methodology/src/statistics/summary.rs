use serde::{Deserialize, Serialize};

use super::{mean, median_interval, median_of_sorted, variance};

/// Statistics of repeated measurements, in the unit of what was measured (the field that holds it says which).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RepetitionSummary {
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
    /// 95 % confidence interval of the median ([`median_interval`]); nothing from fewer than six repetitions.
    pub ci95: Option<(f64, f64)>,
}

impl RepetitionSummary {
    /// Statistics of finite values; nothing of no values. Values that are not finite are left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        Some(RepetitionSummary {
            count: u32::try_from(sorted.len()).unwrap_or(u32::MAX),
            mean: mean(&sorted)?,
            median: median_of_sorted(&sorted)?,
            stddev: variance(&sorted).map(f64::sqrt),
            min,
            max,
            ci95: median_interval(&sorted).ok().map(|interval| (interval.low, interval.high)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_samples_have_their_known_statistics() {
        let sample = RepetitionSummary::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((sample.mean, sample.median, sample.min, sample.max, sample.count), (5.0, 4.5, 2.0, 9.0, 8));
        assert!((sample.stddev.unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(RepetitionSummary::of([]), None);
        assert_eq!(RepetitionSummary::of([3.0]).unwrap().stddev, None);
        assert_eq!(RepetitionSummary::of([f64::NAN, 1.0]).unwrap().count, 1);
        assert_eq!(RepetitionSummary::of([1.0, 2.0, 3.0, 4.0, 5.0]).unwrap().ci95, None);
    }

    proptest! {
        #[test]
        fn statistics_lie_within_the_sample(values in prop::collection::vec(-1e9..1e9_f64, 1..50)) {
            let sample = RepetitionSummary::of(values).unwrap();
            let inside = |value: f64| value >= sample.min - 1e-3 && value <= sample.max + 1e-3;
            prop_assert!(inside(sample.mean) && inside(sample.median));
            if let Some((low, high)) = sample.ci95 {
                prop_assert!(low <= sample.median && sample.median <= high && inside(low) && inside(high));
            }
        }
    }
}
