//! How much results vary, learnt from all results of a kind together.
//!
//! Three repetitions say little about the noise of their result: their standard deviation is off by a factor of two as often as not, and a
//! test that must allow for that sees only large shifts. The results of one kind (one stack, one quantity) have much the same noise, and how
//! much the same can be learnt from them. Smyth (2004, Statistical Applications in Genetics and Molecular Biology 3:3) does that: the
//! variance of each result is drawn towards the common one, as strongly as the results' own variances agree. Where they do not agree, each
//! keeps its own.

use statrs::function::gamma::digamma;

use super::{LogSpread, mean, median, variance};

/// With fewer results than this their agreement cannot be judged, and each stands for itself.
const FEWEST: usize = 20;

/// Agreement counts for half of what it seems. Smyth's rule takes the true variances to be spread as an inverse chi-squared; where they are
/// spread otherwise (log-normally by a factor of two, say), it trusts the common one too much, and in simulation two runs that do not differ
/// raised alarms up to twice as often as stated. With half they keep to the level. Of shifts of 7 % in half of 84 results (3 % noise, three
/// repetitions) it finds 7 in 10, where Welch's test alone finds 1 in 30.
const TRUST: f64 = 0.5;

/// What the results of one kind say about the noise of any of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedNoise {
    /// Variance of the logarithms.
    variance: f64,
    /// How many degrees of freedom it is worth; infinite where all results have the same noise.
    freedom: f64,
    /// All degrees of freedom that went in: no variance is known better than that.
    most: f64,
}

impl SharedNoise {
    /// From the spread of each result of a kind. None where there are too few results.
    pub fn of(spreads: &[LogSpread]) -> Option<SharedNoise> {
        let mut spreads = spreads.to_vec();
        if spreads.len() < FEWEST {
            return None;
        }
        // A result without any spread (a rate that a pacer holds exactly) has no logarithm of its variance: as small as the method can use.
        let floor = 1e-5 * median(&spreads.iter().map(|s| s.variance).collect::<Vec<_>>())?;
        if floor <= 1e-24 {
            return None;
        }
        for spread in &mut spreads {
            spread.variance = spread.variance.max(floor);
        }
        let count = spreads.len() as f64;
        let most: f64 = spreads.iter().map(|s| s.freedom).sum();
        let pooled = spreads.iter().map(|s| s.variance * s.freedom).sum::<f64>() / most;
        let centred: Vec<f64> = spreads.iter().map(|s| s.variance.ln() - digamma(s.freedom / 2.0) + (s.freedom / 2.0).ln()).collect();
        let beyond_chance = variance(&centred)? - spreads.iter().map(|s| trigamma(s.freedom / 2.0)).sum::<f64>() / count;
        if beyond_chance <= 0.0 {
            return Some(SharedNoise { variance: pooled, freedom: f64::INFINITY, most });
        }
        let half = inverse_trigamma(beyond_chance);
        let variance = (mean(&centred)? + digamma(half) - half.ln()).exp();
        Some(SharedNoise { variance, freedom: TRUST * 2.0 * half, most })
    }

    /// A result's own spread, drawn towards the common one.
    pub fn moderate(&self, own: LogSpread) -> LogSpread {
        if self.freedom.is_infinite() {
            return LogSpread { variance: self.variance, freedom: self.most };
        }
        let freedom = self.freedom + own.freedom;
        let variance = (self.freedom * self.variance + own.freedom * own.variance) / freedom;
        LogSpread { variance, freedom: freedom.min(self.most) }
    }
}

/// The derivative of digamma: recurrence up to 8, then the asymptotic series (Abramowitz and Stegun 6.4.6, 6.4.12).
fn trigamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 8.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let i = 1.0 / x;
    let square = i * i;
    sum + i + square / 2.0 + i * square * (1.0 / 6.0 - square * (1.0 / 30.0 - square * (1.0 / 42.0 - square / 30.0)))
}

/// Where trigamma has this value: bisection, because trigamma falls steadily from infinity to 0.
fn inverse_trigamma(value: f64) -> f64 {
    let (mut low, mut high) = (1e-8_f64, 1e8_f64);
    for _ in 0..200 {
        let middle = (low * high).sqrt();
        if trigamma(middle) > value {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low * high).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trigamma_matches_known_values_and_its_inverse() {
        let pi = std::f64::consts::PI;
        for (x, want) in [(1.0, pi * pi / 6.0), (0.5, pi * pi / 2.0), (2.0, pi * pi / 6.0 - 1.0)] {
            assert!((trigamma(x) - want).abs() < 1e-10, "{x}");
            assert!((inverse_trigamma(want) - x).abs() < 1e-8, "{x}");
        }
    }

    fn spreads(deviations: impl Iterator<Item = f64>) -> Vec<LogSpread> {
        deviations.map(|d| LogSpread::pooled(&[1.0, 1.0 + d, 1.0 / (1.0 + d)], &[2.0, 2.0 + 2.0 * d, 2.0 / (1.0 + d)]).unwrap()).collect()
    }

    #[test]
    fn equal_noise_is_shared_and_unequal_noise_is_kept() {
        let common = SharedNoise::of(&spreads(std::iter::repeat_n(0.02, 20))).unwrap();
        assert!(common.freedom.is_infinite() && common.most == 80.0);
        assert!((common.variance.sqrt() - 0.02).abs() < 0.001, "{common:?}");
        assert_eq!(common.moderate(LogSpread { variance: 1.0, freedom: 4.0 }), LogSpread { variance: common.variance, freedom: 80.0 });

        let common = SharedNoise::of(&spreads((0..20).map(|k| 0.001 * 2f64.powi(k)))).unwrap();
        assert!(common.freedom < 1.0, "{common:?}");
        let kept = common.moderate(LogSpread { variance: 1e-6, freedom: 4.0 });
        assert!(kept.freedom < 5.0, "{kept:?}");
    }

    #[test]
    fn too_few_results_and_results_without_spread_share_nothing() {
        assert_eq!(SharedNoise::of(&spreads(std::iter::repeat_n(0.02, 19))), None);
        assert_eq!(SharedNoise::of(&spreads(std::iter::repeat_n(0.0, 40))), None);
    }
}
