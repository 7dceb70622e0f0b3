//! How often a flat series has a split that looks as good as the best one found.
//!
//! The best of many splits is better than any one of them. The chance that the largest of the t statistics of all splits exceeds a value is
//! the chance of one, times how many independent ones there are: Siegmund (1988, International Statistical Review 56:31) and James, James and
//! Siegmund (1987, Biometrika 74:71), with the correction for discrete time of Siegmund (1985, Sequential Analysis, IV). Student's tail
//! stands in for the normal one, because the variance is not known.

use statrs::distribution::{ContinuousCDF, Normal};

use super::super::distribution::lower_t;
use super::SHORTEST_LEVEL;

/// The approximations hold in the tail: below these distances the number of independent places grows faster than the chance of one falls, and
/// the product would rise with t. One edge: z · φ(z)/(1 − Φ(z)) is 2 at 1.2; two edges: 4 at 1.85.
const TAIL_OF_ONE_EDGE: f64 = 1.2;
const TAIL_OF_TWO_EDGES: f64 = 1.85;

/// The chance that the largest |t| of all splits of a flat stretch of this many values is at least this. Two-sided.
pub(super) fn scan_p(t: f64, freedom: f64, values: usize) -> f64 {
    of_many_places(t, freedom, values, TAIL_OF_ONE_EDGE, |far, normal| {
        (SHORTEST_LEVEL + 1..=values - SHORTEST_LEVEL).map(|left| independent(far, left, values, normal)).sum()
    })
}

/// The same of all stretches with a level of their own within so many values: two edges are searched for instead of one (Yao 1993,
/// Biometrika 80:179; Olshen et al. 2004, Biostatistics 5:557).
pub(super) fn scan_p_of_two_edges(t: f64, freedom: f64, values: usize) -> f64 {
    of_many_places(t, freedom, values, TAIL_OF_TWO_EDGES, |far, normal| {
        let pairs = |length| (values - length) as f64 * independent(far, length, values, normal).powi(2);
        (SHORTEST_LEVEL..=values - SHORTEST_LEVEL).map(pairs).sum()
    })
}

/// The chance of one place times 1 and the number of further independent `places` at the same distance in normal deviations. Nearer than
/// `tail` it is that at `tail`, or the chance of one place where that is larger.
fn of_many_places(t: f64, freedom: f64, values: usize, tail: f64, places: impl Fn(f64, &Normal) -> f64) -> f64 {
    let one = if t.is_finite() { (2.0 * lower_t(-t.abs(), freedom).unwrap_or(0.5)).min(1.0) } else { 0.0 };
    if one <= f64::MIN_POSITIVE || values < 2 * SHORTEST_LEVEL {
        return one;
    }
    let Ok(normal) = Normal::new(0.0, 1.0) else { return 1.0 };
    let far = -normal.inverse_cdf(one / 2.0);
    let (far, of_one) = if far < tail { (tail, 2.0 * normal.cdf(-tail)) } else { (far, one) };
    (of_one * (1.0 + places(far, &normal))).min(1.0).max(one)
}

/// By how much the chance grows with the next place of an edge beside `left` of the values: 1 where places are independent.
fn independent(far: f64, left: usize, values: usize, normal: &Normal) -> f64 {
    let (left, length) = (left as f64, values as f64);
    let x = far * (length / (left * (length - left))).sqrt();
    (x * x / 2.0 * overshoot(x, normal)).min(1.0)
}

/// Siegmund's ν: how much rarer a walk in steps crosses a line than one without steps. 1 at 0, about 2/x² far out.
fn overshoot(x: f64, normal: &Normal) -> f64 {
    if x < 1e-6 {
        return 1.0;
    }
    let half = x / 2.0;
    let density = (-half * half / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (2.0 / x) * (normal.cdf(half) - 0.5) / (half * normal.cdf(half) + density)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_split_is_students_test_and_many_are_less_than_their_sum() {
        let one = 2.0 * lower_t(-3.0, 4.0).unwrap();
        assert!((scan_p(3.0, 4.0, 6) - one).abs() < 1e-12, "six values have one split into levels of three");
        let of_500 = scan_p(4.0, 498.0, 500);
        let alone = 2.0 * lower_t(-4.0, 498.0).unwrap();
        assert!(of_500 > 5.0 * alone && of_500 < 495.0 * alone, "{of_500} of {alone}");
        assert_eq!(scan_p(f64::INFINITY, 10.0, 12), 0.0);
        assert_eq!(scan_p(0.0, 10.0, 12), 1.0);
    }

    proptest! {
        #[test]
        fn it_falls_with_t_and_is_a_probability(t in 0.0..40.0_f64, more in 0.0..5.0_f64, values in 6..600_usize) {
            let freedom = (values - 2) as f64;
            for chance in [scan_p, scan_p_of_two_edges] {
                let (near, far) = (chance(t, freedom, values), chance(t + more, freedom, values));
                prop_assert!((0.0..=1.0).contains(&near) && far <= near + 1e-9, "{} {}", near, far);
            }
        }
    }
}
