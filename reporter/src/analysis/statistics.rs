//! The statistics that the analysis needs, kept apart from what it says with them.
//!
//! Everything random takes a seed and draws from ChaCha8, so that a report made twice from one archive is the same, on every machine.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};

/// Arithmetic mean; none of no values.
pub fn mean(sample: &[f64]) -> Option<f64> {
    if sample.is_empty() { None } else { Some(sample.iter().sum::<f64>() / sample.len() as f64) }
}

/// Middle value, or the mean of the two middle ones; none of no values.
pub fn median(sample: &[f64]) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => sorted.get(middle).copied(),
        _ => Some(f64::midpoint(*sorted.get(middle - 1)?, *sorted.get(middle)?)),
    }
}

/// Unbiased sample variance; none of fewer than two values.
pub fn variance(sample: &[f64]) -> Option<f64> {
    if sample.len() < 2 {
        return None;
    }
    let centre = mean(sample)?;
    Some(sample.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (sample.len() - 1) as f64)
}

/// Geometric mean; none of no values or where one is not above 0.
pub fn geometric_mean(sample: &[f64]) -> Option<f64> {
    mean(&logs(sample)?).map(f64::exp)
}

/// Natural logarithms; none where a value is not above 0.
pub fn logs(sample: &[f64]) -> Option<Vec<f64>> {
    sample.iter().map(|&x| (x > 0.0 && x.is_finite()).then(|| x.ln())).collect()
}

/// A range that holds the true value with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How it was found.
    pub method: IntervalMethod,
}

/// How an interval was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalMethod {
    /// Percentile bootstrap: both samples drawn again with replacement.
    Bootstrap,
    /// Welch's t interval of the logarithms, for samples too small for a bootstrap.
    WelchLog,
}

/// Below this many values on a side the percentile bootstrap covers far less than it states (it can only repeat what it saw).
pub const BOOTSTRAP_MIN: usize = 5;
const RESAMPLES: usize = 2000;

/// The 95 % interval of `mean(numerator) / mean(denominator)`: bootstrap from [`BOOTSTRAP_MIN`] values a side, Welch on logarithms
/// from two, none below that because one value says nothing about noise.
pub fn ratio_interval(numerator: &[f64], denominator: &[f64], seed: u64) -> Option<Interval> {
    let fewest = numerator.len().min(denominator.len());
    if fewest >= BOOTSTRAP_MIN {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut resampled_mean = |sample: &[f64]| {
            let total: f64 = (0..sample.len()).filter_map(|_| sample.get(rng.random_range(0..sample.len()))).sum();
            total / sample.len() as f64
        };
        let mut ratios: Vec<f64> = (0..RESAMPLES).map(|_| resampled_mean(numerator) / resampled_mean(denominator)).collect();
        ratios.retain(|r| r.is_finite());
        ratios.sort_by(f64::total_cmp);
        let at = |share: f64| ratios.get(((ratios.len().saturating_sub(1)) as f64 * share).round() as usize).copied();
        return Some(Interval { low: at(0.025)?, high: at(0.975)?, method: IntervalMethod::Bootstrap });
    }
    welch_on_logs(numerator, denominator)?.interval()
}

/// How widely the logarithms of a sample lie, and how well that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Variance of the logarithms.
    pub variance: f64,
    /// Degrees of freedom behind it.
    pub freedom: f64,
}

impl Spread {
    /// Of two samples that may have different centres and are taken to have one spread; none of fewer than two values on a side.
    pub fn shared(first: &[f64], second: &[f64]) -> Option<Spread> {
        let (a, b) = (logs(first)?, logs(second)?);
        let (of_a, of_b) = ((a.len().checked_sub(1)?) as f64, (b.len().checked_sub(1)?) as f64);
        let freedom = of_a + of_b;
        Some(Spread { variance: (variance(&a)? * of_a + variance(&b)? * of_b) / freedom, freedom })
    }
}

/// A t-test of two samples' logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// mean(ln first) − mean(ln second).
    pub difference: f64,
    /// Of that difference.
    pub standard_error: f64,
    /// Degrees of freedom of that error (Welch and Satterthwaite's where the spreads may differ).
    pub freedom: f64,
    /// Two-sided.
    pub p: f64,
}

/// Tests whether two samples have the same centre without assuming the same spread. On logarithms, because rates and delays vary by
/// factors and are bounded by 0. None with fewer than two values on a side or a value that is not above 0.
pub fn welch_on_logs(first: &[f64], second: &[f64]) -> Option<Comparison> {
    let (a, b) = (logs(first)?, logs(second)?);
    let share_a = variance(&a)? / a.len() as f64;
    let share_b = variance(&b)? / b.len() as f64;
    let squared = share_a + share_b;
    let freedom = squared * squared / (share_a * share_a / (a.len() - 1) as f64 + share_b * share_b / (b.len() - 1) as f64);
    Comparison::of(mean(&a)? - mean(&b)?, squared, if freedom.is_finite() { freedom } else { (a.len() + b.len() - 2) as f64 })
}

/// Student's t-test of two samples' logarithms with a spread that both share, and that more than these two samples may have told of.
pub fn student_on_logs(first: &[f64], second: &[f64], shared: Spread) -> Option<Comparison> {
    let (a, b) = (logs(first)?, logs(second)?);
    let squared = shared.variance * (1.0 / a.len() as f64 + 1.0 / b.len() as f64);
    Comparison::of(mean(&a)? - mean(&b)?, squared, shared.freedom)
}

/// How often a shift of the smallest size that counts as visible is found.
pub const POWER: f64 = 0.8;

impl Comparison {
    /// From the difference, the square of its standard error, and how well that is known.
    fn of(difference: f64, squared: f64, freedom: f64) -> Option<Comparison> {
        // Samples without any spread (a simulated device, a rate that a pacer holds exactly): rounding must not become significance.
        if squared <= 1e-24 {
            let p = if difference.abs() <= 1e-9 { 1.0 } else { 0.0 };
            return Some(Comparison { difference, standard_error: 0.0, freedom, p });
        }
        let standard_error = squared.sqrt();
        Some(Comparison { difference, standard_error, freedom, p: two_sided_t(difference / standard_error, freedom)? })
    }

    /// The 95 % interval of the ratio first over second.
    pub fn interval(&self) -> Option<Interval> {
        let reach = quantile_t(0.975, self.freedom)? * self.standard_error;
        Some(Interval { low: (self.difference - reach).exp(), high: (self.difference + reach).exp(), method: IntervalMethod::WelchLog })
    }

    /// The smallest shift (0.05 for 5 %) that a two-sided test at this level finds with probability [`POWER`], with this noise and these numbers
    /// of repetitions. The usual approximation: the quantiles of the test and of the power, added, times the standard error.
    pub fn smallest_visible(&self, level: f64) -> Option<f64> {
        let reach = quantile_t(1.0 - level / 2.0, self.freedom)? + quantile_t(POWER, self.freedom)?;
        Some((reach * self.standard_error).exp_m1())
    }
}

/// P(F ≥ f) of Fisher's distribution; none for degrees of freedom below 1.
pub fn upper_f(f: f64, between: f64, within: f64) -> Option<f64> {
    if f.is_infinite() && f > 0.0 {
        return Some(0.0);
    }
    Some((1.0 - FisherSnedecor::new(between, within).ok()?.cdf(f.max(0.0))).clamp(0.0, 1.0))
}

fn two_sided_t(t: f64, freedom: f64) -> Option<f64> {
    Some((2.0 * StudentsT::new(0.0, 1.0, freedom).ok()?.cdf(-t.abs())).clamp(0.0, 1.0))
}

fn quantile_t(share: f64, freedom: f64) -> Option<f64> {
    Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(share))
}

/// Keeps the chance that any true null hypothesis is rejected at the stated level (Holm 1979). Returns adjusted p in the given order.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut adjusted = vec![1.0; p.len()];
    let mut worst = 0.0_f64;
    for (rank, &i) in order.iter().enumerate() {
        worst = worst.max(p[i] * (p.len() - rank) as f64).min(1.0);
        adjusted[i] = worst;
    }
    adjusted
}

/// Keeps the expected share of false among the rejected at the stated level (Benjamini and Hochberg 1995). When nothing differs at all it
/// keeps the chance of any false alarm at that level too. Returns adjusted p in the given order.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[j].total_cmp(&p[i]));
    let mut adjusted = vec![1.0; p.len()];
    let mut best = 1.0_f64;
    for (from_last, &i) in order.iter().enumerate() {
        let rank = p.len() - from_last;
        best = best.min(p[i] * p.len() as f64 / rank as f64);
        adjusted[i] = best;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_match_worked_examples() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") and "BH".
        let p = [0.01, 0.04, 0.03, 0.005];
        for (got, want) in holm(&p).iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        for (got, want) in benjamini_hochberg(&p).iter().zip([0.02, 0.04, 0.04, 0.02]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
    }

    #[test]
    fn welch_matches_a_worked_example() {
        // exp() of samples with means 2 and 4, variances 1 and 1, n = 3: t = -2/sqrt(2/3) = -2.449, 4 degrees, p = 0.0705.
        let first: Vec<f64> = [1.0_f64, 2.0, 3.0].iter().map(|x| x.exp()).collect();
        let second: Vec<f64> = [3.0_f64, 4.0, 5.0].iter().map(|x| x.exp()).collect();
        let welch = welch_on_logs(&first, &second).unwrap();
        assert!((welch.freedom - 4.0).abs() < 1e-9);
        assert!((welch.p - 0.070_48).abs() < 1e-4, "{}", welch.p);
    }

    #[test]
    fn one_value_has_no_interval_and_no_test() {
        assert_eq!(ratio_interval(&[1.0], &[1.0, 2.0, 3.0], 1), None);
        assert_eq!(welch_on_logs(&[1.0], &[2.0]), None);
        assert_eq!(welch_on_logs(&[0.0, 1.0], &[2.0, 1.0]), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_it_holds_the_ratio() {
        let fast: Vec<f64> = (0..20).map(|i| 10.0 + f64::from(i % 5) * 0.1).collect();
        let slow: Vec<f64> = (0..20).map(|i| 2.0 + f64::from(i % 4) * 0.1).collect();
        let interval = ratio_interval(&fast, &slow, 7).unwrap();
        assert_eq!(interval, ratio_interval(&fast, &slow, 7).unwrap());
        assert_eq!(interval.method, IntervalMethod::Bootstrap);
        let ratio = mean(&fast).unwrap() / mean(&slow).unwrap();
        assert!(interval.low < ratio && ratio < interval.high);
    }

    #[test]
    fn intervals_of_three_repetitions_cover_the_truth_about_as_often_as_they_state() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut noisy = |centre: f64| -> Vec<f64> {
            (0..3).map(|_| centre * (0.05 * ((0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0)).exp()).collect()
        };
        let covered = (0..400)
            .filter(|&seed| {
                let interval = ratio_interval(&noisy(6.0), &noisy(2.0), seed).unwrap();
                interval.low <= 3.0 && 3.0 <= interval.high
            })
            .count();
        // 95 % of 400 is 380; five standard deviations below is 358.
        assert!(covered >= 358, "{covered} of 400");
    }
}
