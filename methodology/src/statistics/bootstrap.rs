use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{median_of_sorted, percentile_of_sorted};

/// Resamples drawn: the 2.5th and 97.5th percentiles of 2000 medians move by less than their own distance from run to run.
const RESAMPLES: usize = 2000;

/// A fixed seed: the same sample has the same interval in every report (only randomness between resamples matters).
const SEED: u64 = 0x1234_5678;

/// 95 % percentile-bootstrap confidence interval of the median (Efron 1979). Nothing from fewer than three values: resamples of
/// two values say nothing beyond the two. The interval always holds the sample's own median.
pub fn bootstrap_ci95_of_median(sorted: &[f64]) -> Option<(f64, f64)> {
    if sorted.len() < 3 {
        return None;
    }
    let own = median_of_sorted(sorted)?;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut resample = vec![0.0; sorted.len()];
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for value in &mut resample {
            *value = sorted[rng.random_range(0..sorted.len())];
        }
        resample.sort_by(f64::total_cmp);
        medians.push(median_of_sorted(&resample)?);
    }
    medians.sort_by(f64::total_cmp);
    let low = percentile_of_sorted(&medians, 2.5)?;
    let high = percentile_of_sorted(&medians, 97.5)?;
    Some((low.min(own), high.max(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_sample_is_known_for_certain_and_a_wide_one_is_not() {
        assert_eq!(bootstrap_ci95_of_median(&[7.0; 10]), Some((7.0, 7.0)));
        let spread: Vec<f64> = (0..100).map(f64::from).collect();
        let (low, high) = bootstrap_ci95_of_median(&spread).unwrap();
        // The median's standard error is about 1.25·29/10 = 3.6; 95 % is about ±7.
        assert!((35.0..47.0).contains(&low) && (52.0..64.0).contains(&high), "{low} {high}");
        assert_eq!(bootstrap_ci95_of_median(&[1.0, 2.0]), None);
    }

    #[test]
    fn the_same_sample_has_the_same_interval() {
        let sample = [1.0, 5.0, 9.0, 11.0, 20.0];
        assert_eq!(bootstrap_ci95_of_median(&sample), bootstrap_ci95_of_median(&sample));
    }
}
