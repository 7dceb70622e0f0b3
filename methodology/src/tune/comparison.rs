//! Winner against default, in pairs of trials that are made after the choice: the trials that chose the winner favour it by chance.

use serde::{Deserialize, Serialize};

use super::estimate::{PRIOR_TRIALS, deviation_of_sizes, median};
use crate::statistics::{mean, quantile_t, variance};

/// How far the winner is ahead of the default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// Winner's value over the default's. Above 1 is better for rates, below 1 for delays and costs.
    pub ratio: f64,
    /// The 95 % interval of that.
    pub interval: (f64, f64),
    /// Pairs of trials behind it.
    pub pairs: usize,
    /// Whether the winner is better at a level of 1 %: of settings that are not better, at most about 1 % are called better.
    pub shown: bool,
}

/// The mean of the differences of pairs of scores.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    pub mean: f64,
    /// From the mean to the ends of its 95 % interval.
    pub reach: f64,
    /// The same of its 99 % interval.
    pub wide_reach: f64,
}

/// The fewest pairs that have an interval of use.
pub(super) const FEWEST_PAIRS: usize = 4;

/// The pairs that a comparison has, where the budget allows them.
pub(super) const USUAL_PAIRS: usize = 8;

/// Differences beyond so many of their standard deviations count as that many.
const CLAMP: f64 = 3.0;

/// Compares by Student's t. `noise` is the standard deviation of a trial. A difference further than [`CLAMP`] deviations from the median is an outlier,
/// and counts as that many.
pub(super) fn compare(differences: &[f64], noise: f64) -> Option<Comparison> {
    if differences.len() < FEWEST_PAIRS {
        return None;
    }
    let mut values = differences.to_vec();
    let centre = median(&mut values);
    let mut sizes: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    // The two may be noisier than the rest of the space.
    let spread = deviation_of_sizes(&mut sizes).max(std::f64::consts::SQRT_2 * noise);
    let clamped: Vec<f64> = values.iter().map(|value| value.clamp(centre - CLAMP * spread, centre + CLAMP * spread)).collect();
    let (mean, freedom) = (mean(&clamped)?, clamped.len() as f64 - 1.0);
    // Few pairs may agree by chance: the noise of all trials counts as [`PRIOR_TRIALS`] of them, as in the race.
    let variance = (PRIOR_TRIALS * 2.0 * noise * noise + freedom * variance(&clamped)?) / (PRIOR_TRIALS + freedom);
    let reach = |share: f64| Some(quantile_t(share, PRIOR_TRIALS + freedom)? * (variance / clamped.len() as f64).sqrt());
    Some(Comparison { mean, reach: reach(0.975)?, wide_reach: reach(0.995)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_its_mean_and_one_outlier_does_not_widen_it_beyond_use() {
        assert!(compare(&[0.1, 0.1, 0.1], 0.01).is_none());
        let Comparison { mean, reach, wide_reach } = compare(&[0.10, 0.11, 0.09, 0.10, 0.12, -3.0], 0.01).unwrap();
        assert!(mean > 0.08 && reach > 0.0 && reach < wide_reach && wide_reach < mean, "{mean} {reach} {wide_reach}");
    }
}
