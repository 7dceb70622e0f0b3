//! 95 % confidence intervals. `tests/coverage.rs` checks by simulation that each holds the true value as often as it states.
//!
//! There is no bootstrap here. The percentile bootstrap of a ratio of means covers 88 % at n = 5 and 91.5 % at n = 10, and that of a median
//! from three values cannot exceed 75 %.

use super::distribution::quantile_t;
use super::interval::NO_SPREAD;
use super::{Interval, IntervalMethod, LogDifference, NoInterval, logs, mean, variance};

/// The 95 % interval of a sample's geometric mean: Student's t on the logarithms.
pub fn geometric_mean_interval(sample: &[f64]) -> Result<Interval, NoInterval> {
    let logs = logs(sample).ok_or(NoInterval::NotPositive)?;
    let (Some(centre), Some(variance)) = (mean(&logs), variance(&logs)) else { return Err(NoInterval::MeasuredOnce) };
    if variance <= NO_SPREAD {
        return Err(NoInterval::NoSpread);
    }
    let n = logs.len() as f64;
    let reach = quantile_t(0.975, n - 1.0).ok_or(NoInterval::MeasuredOnce)? * (variance / n).sqrt();
    Ok(Interval { low: (centre - reach).exp(), high: (centre + reach).exp(), method: IntervalMethod::StudentLog })
}

/// The 95 % interval of the ratio of two geometric means: Welch's t on the logarithms.
pub fn ratio_interval(numerator: &[f64], denominator: &[f64]) -> Result<Interval, NoInterval> {
    LogDifference::welch(numerator, denominator)?.interval().ok_or(NoInterval::MeasuredOnce)
}

/// The whole range of n values misses the median with probability 2^(1−n): 6.3 % for five values, 3.1 % for six.
const FEWEST_FOR_A_MEDIAN: usize = 6;

/// The 95 % interval of the median of sorted values, whatever their distribution: between order statistics, interpolated between the two
/// neighbouring pairs of ranks that bracket 95 % (Hettmansperger and Sheather 1986, Statistics & Probability Letters 4:75).
pub fn median_interval(sorted: &[f64]) -> Result<Interval, NoInterval> {
    let n = sorted.len();
    match n {
        0 | 1 => return Err(NoInterval::MeasuredOnce),
        _ if n < FEWEST_FOR_A_MEDIAN => return Err(NoInterval::TooFewForAMedian),
        _ => {}
    }
    // The range from the k-th smallest to the k-th largest holds the median with probability 1 − 2 P(B < k), B binomial with n tosses.
    // By logarithms: 2^−n itself is 0 from n = 1075 on, and a soak has thousands of intervals.
    let mut log_point = -(n as f64) * std::f64::consts::LN_2;
    let mut below = log_point.exp();
    let mut rank = 1;
    let mut coverage = 1.0 - 2.0 * below;
    let inner = loop {
        log_point += ((n - rank + 1) as f64 / rank as f64).ln();
        below += log_point.exp();
        let next = 1.0 - 2.0 * below;
        if next < 0.95 {
            break next;
        }
        (rank, coverage) = (rank + 1, next);
    };
    let share = (coverage - 0.95) / (coverage - inner);
    let weight = (n - rank) as f64 * share / (rank as f64 + (n - 2 * rank) as f64 * share);
    let between = |outer: f64, inner: f64| outer + weight * (inner - outer);
    Ok(Interval {
        low: between(sorted[rank - 1], sorted[rank]),
        high: between(sorted[n - rank], sorted[n - rank - 1]),
        method: IntervalMethod::OrderStatistics,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{geometric_mean, median_of_sorted, ratio_of_geometric_means};
    use proptest::prelude::*;

    #[test]
    fn an_interval_of_the_median_of_a_large_sample_follows_the_normal_approximation() {
        for n in [1_074_usize, 1_075, 3_600, 100_000] {
            let sorted: Vec<f64> = (1..=n).map(|rank| rank as f64).collect();
            let interval = median_interval(&sorted).unwrap();
            let (middle, reach) = ((n + 1) as f64 / 2.0, 0.98 * (n as f64).sqrt());
            assert!((interval.low - (middle - reach)).abs() < 1.5 && (interval.high - (middle + reach)).abs() < 1.5, "{n}: {interval:?}");
        }
    }

    #[test]
    fn what_a_sample_cannot_support_is_not_stated_and_the_reason_is() {
        assert_eq!(ratio_interval(&[1.0], &[1.0, 2.0, 3.0]), Err(NoInterval::MeasuredOnce));
        assert_eq!(ratio_interval(&[1.0, 2.0], &[1.0, 2.0, 3.0]), Err(NoInterval::MeasuredTwice));
        assert_eq!(ratio_interval(&[0.0, 1.0], &[1.0, 2.0]), Err(NoInterval::NotPositive));
        assert_eq!(ratio_interval(&[3.0, 3.0, 3.0], &[2.0, 2.0, 2.0]), Err(NoInterval::NoSpread));
        assert_eq!(geometric_mean_interval(&[]), Err(NoInterval::MeasuredOnce));
        for n in 2..6 {
            assert_eq!(median_interval(&vec![1.0; n]), Err(NoInterval::TooFewForAMedian));
        }
    }

    #[test]
    fn an_interval_of_the_median_lies_between_the_ranks_that_bracket_95_percent() {
        // n = 10: ranks 2 and 9 hold 97.85 %, ranks 3 and 8 hold 89.06 %; the weight is 8·0.3246/(2 + 6·0.3246) = 0.658.
        let sorted: Vec<f64> = (1..=10).map(f64::from).collect();
        let interval = median_interval(&sorted).unwrap();
        assert!((interval.low - 2.658).abs() < 0.001 && (interval.high - 8.342).abs() < 0.001, "{interval:?}");
        // Large n: within a rank of the normal approximation (500 ± 0.98·sqrt(1000)).
        let sorted: Vec<f64> = (1..=1000).map(f64::from).collect();
        let interval = median_interval(&sorted).unwrap();
        assert!((interval.low - 469.5).abs() < 1.5 && (interval.high - 531.5).abs() < 1.5, "{interval:?}");
    }

    proptest! {
        #[test]
        fn every_point_lies_in_its_interval(
            first in prop::collection::vec(1e-3..1e12_f64, 2..20),
            second in prop::collection::vec(1e-3..1e12_f64, 2..20),
        ) {
            if let Ok(interval) = ratio_interval(&first, &second) {
                prop_assert!(interval.holds(ratio_of_geometric_means(&first, &second).unwrap()));
            }
            if let Ok(interval) = geometric_mean_interval(&first) {
                prop_assert!(interval.holds(geometric_mean(&first).unwrap()));
            }
            let mut sorted = first.clone();
            sorted.sort_by(f64::total_cmp);
            if let Ok(interval) = median_interval(&sorted) {
                prop_assert!(interval.holds(median_of_sorted(&sorted).unwrap()));
            }
        }
    }
}
