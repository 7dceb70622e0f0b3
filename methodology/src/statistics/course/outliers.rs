//! Runs that stand out from their neighbours (Hampel 1974, with a running median of five).
//!
//! A median of five keeps the edges of levels of three runs and more: those are steps, anything shorter is not.

use crate::statistics::{mean, median};

/// Half of the window.
const REACH: usize = 2;
/// How many standard deviations from the running median a value stands out.
const FAR: f64 = 5.0;
/// The spread of a short series is known badly. With this, ten runs need 10 standard deviations and a hundred need 5.5.
const SHORT_SERIES: f64 = 10.0;
/// Where more than this share stands out, it is the noise.
const MOST: f64 = 0.25;

/// The places of values that stand out.
pub(super) fn outliers(values: &[f64]) -> Vec<usize> {
    let count = values.len();
    let Some(deviation) = deviation(values).filter(|_| count > 2 * REACH) else { return Vec::new() };
    let limit = FAR * (1.0 + SHORT_SERIES / count as f64) * deviation;
    let stands_out = |&place: &usize| {
        // At the ends the window is the first or the last five values.
        let from = place.saturating_sub(REACH).min(count - 2 * REACH - 1);
        median(&values[from..=from + 2 * REACH]).is_some_and(|centre| (values[place] - centre).abs() > limit)
    };
    let found: Vec<usize> = (0..count).filter(stands_out).collect();
    if found.len() as f64 > MOST * count as f64 { Vec::new() } else { found }
}

/// |d| of neighbours, which steps and outliers change only where they are.
fn differences(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect()
}

/// The standard deviation by the median of |d|, which is 0.6745·√2 standard deviations of normal noise.
pub(super) fn robust_deviation(values: &[f64]) -> Option<f64> {
    Some(median(&differences(values))? / (0.674_489_75 * std::f64::consts::SQRT_2))
}

/// The same; where most neighbours are equal, by the mean of |d|, which is 2/√π standard deviations.
fn deviation(values: &[f64]) -> Option<f64> {
    let robust = robust_deviation(values)?;
    let deviation = if robust > 0.0 { robust } else { mean(&differences(values))? / std::f64::consts::FRAC_2_SQRT_PI };
    (deviation > 0.0).then_some(deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise with a known pattern: no value is far from the others.
    fn calm(count: usize) -> Vec<f64> {
        (0..count).map(|k| 0.01 * ((k * 7) % 5) as f64).collect()
    }

    #[test]
    fn one_or_two_bad_runs_stand_out_and_three_are_a_level() {
        let mut values = calm(40);
        assert_eq!(outliers(&values), [0; 0]);
        values[20] -= 1.0;
        assert_eq!(outliers(&values), [20]);
        values[21] -= 1.0;
        assert_eq!(outliers(&values), [20, 21]);
        values[22] -= 1.0;
        assert_eq!(outliers(&values), [0; 0]);
        values[39] += 1.0;
        assert_eq!(outliers(&values), [39]);
    }

    #[test]
    fn equal_values_with_one_exception_have_one_outlier() {
        let mut values = vec![1.0; 30];
        assert_eq!(outliers(&values), [0; 0]);
        values[7] = 2.0;
        assert_eq!(outliers(&values), [7]);
        assert_eq!(outliers(&[1.0, 9.0, 1.0]), [0; 0], "too few to tell");
    }
}
