//! t-tests of two samples' logarithms. On logarithms, because rates and delays vary by factors and are bounded by 0.

use super::distribution::{lower_t, quantile_t};
use super::interval::NO_SPREAD;
use super::{Interval, IntervalMethod, NoInterval, logs, mean, variance};

/// How often a shift of the smallest size that counts as visible is found.
pub const POWER: f64 = 0.8;

/// How widely the logarithms of a result's repetitions lie, and how well that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogSpread {
    /// Variance of the logarithms.
    pub variance: f64,
    /// Degrees of freedom behind it.
    pub freedom: f64,
}

impl LogSpread {
    /// Of two samples that may have different centres and are taken to have one spread. One of them may be a single value.
    pub fn pooled(first: &[f64], second: &[f64]) -> Result<LogSpread, NoInterval> {
        let (a, b) = (logs(first).ok_or(NoInterval::NotPositive)?, logs(second).ok_or(NoInterval::NotPositive)?);
        let squares = |sample: &[f64]| variance(sample).map_or(0.0, |variance| variance * (sample.len() - 1) as f64);
        match (a.len() + b.len()).saturating_sub(2) as f64 {
            freedom if freedom < 1.0 || a.is_empty() || b.is_empty() => Err(NoInterval::MeasuredOnce),
            freedom => Ok(LogSpread { variance: (squares(&a) + squares(&b)) / freedom, freedom }),
        }
    }
}

/// The difference of two samples' mean logarithms, which is the logarithm of the ratio of their geometric means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogDifference {
    /// mean(ln first) − mean(ln second).
    pub difference: f64,
    /// Of that difference; above 0.
    pub standard_error: f64,
    /// Degrees of freedom of that error (Welch and Satterthwaite's where the spreads may differ).
    pub freedom: f64,
    /// How the error was found.
    pub method: IntervalMethod,
}

impl LogDifference {
    /// Without assuming that the two samples have the same spread. At least three values a side.
    pub fn welch(first: &[f64], second: &[f64]) -> Result<LogDifference, NoInterval> {
        let (a, b) = (logs(first).ok_or(NoInterval::NotPositive)?, logs(second).ok_or(NoInterval::NotPositive)?);
        let (Some(of_a), Some(of_b)) = (variance(&a), variance(&b)) else { return Err(NoInterval::MeasuredOnce) };
        if a.len().min(b.len()) < 3 {
            return Err(NoInterval::MeasuredTwice);
        }
        let (share_a, share_b) = (of_a / a.len() as f64, of_b / b.len() as f64);
        let squared = share_a + share_b;
        let freedom = squared * squared / (share_a * share_a / (a.len() - 1) as f64 + share_b * share_b / (b.len() - 1) as f64);
        Self::new(&a, &b, squared, freedom, IntervalMethod::WelchLog)
    }

    /// With a spread that both samples share, and that may be known from more than these two samples.
    pub fn student(first: &[f64], second: &[f64], spread: LogSpread) -> Result<LogDifference, NoInterval> {
        let (a, b) = (logs(first).ok_or(NoInterval::NotPositive)?, logs(second).ok_or(NoInterval::NotPositive)?);
        let squared = spread.variance * (1.0 / a.len() as f64 + 1.0 / b.len() as f64);
        Self::new(&a, &b, squared, spread.freedom, IntervalMethod::SharedSpreadLog)
    }

    fn new(a: &[f64], b: &[f64], squared: f64, freedom: f64, method: IntervalMethod) -> Result<LogDifference, NoInterval> {
        let (Some(first), Some(second)) = (mean(a), mean(b)) else { return Err(NoInterval::MeasuredOnce) };
        // Samples without any spread (a simulated device, a rate that a pacer holds exactly): rounding must not become significance.
        if squared <= NO_SPREAD {
            return Err(NoInterval::NoSpread);
        }
        Ok(LogDifference { difference: first - second, standard_error: squared.sqrt(), freedom, method })
    }

    /// Of the hypothesis that both samples have one centre; two-sided.
    pub fn p(&self) -> Option<f64> {
        Some((2.0 * lower_t(-(self.difference / self.standard_error).abs(), self.freedom)?).min(1.0))
    }

    /// Of the hypothesis that the ratio is not below this one; doubled, so that it is below 5 % where the upper end of the 95 % interval is
    /// below the ratio.
    pub fn p_not_below(&self, ratio: f64) -> Option<f64> {
        if ratio <= 0.0 {
            return Some(1.0);
        }
        Some((2.0 * lower_t((self.difference - ratio.ln()) / self.standard_error, self.freedom)?).min(1.0))
    }

    /// Of the hypothesis that the ratio is not above this one; doubled, so that it is below 5 % where the lower end of the 95 % interval is
    /// above the ratio.
    pub fn p_not_above(&self, ratio: f64) -> Option<f64> {
        if ratio <= 0.0 {
            return Some(0.0);
        }
        Some((2.0 * lower_t((ratio.ln() - self.difference) / self.standard_error, self.freedom)?).min(1.0))
    }

    /// The 95 % interval of the ratio of the geometric means.
    pub fn interval(&self) -> Option<Interval> {
        self.interval_at(0.95)
    }

    /// The interval of that ratio with this confidence.
    pub fn interval_at(&self, confidence: f64) -> Option<Interval> {
        let reach = quantile_t(f64::midpoint(1.0, confidence), self.freedom)? * self.standard_error;
        Some(Interval { low: (self.difference - reach).exp(), high: (self.difference + reach).exp(), method: self.method })
    }

    /// The smallest shift (0.05 for 5 %) that a two-sided test at this level finds with probability [`POWER`], with this noise and these
    /// numbers of repetitions. The usual approximation: the quantiles of the test and of the power, added, times the standard error.
    pub fn smallest_visible(&self, level: f64) -> Option<f64> {
        let reach = quantile_t(1.0 - level / 2.0, self.freedom)? + quantile_t(POWER, self.freedom)?;
        Some((reach * self.standard_error).exp_m1())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exp(values: [f64; 3]) -> Vec<f64> {
        values.iter().map(|x| x.exp()).collect()
    }

    #[test]
    fn welch_matches_a_worked_example() {
        // exp() of samples with means 2 and 4, variances 1 and 1, n = 3: t = -2/sqrt(2/3) = -2.449, 4 degrees, p = 0.0705.
        let welch = LogDifference::welch(&exp([1.0, 2.0, 3.0]), &exp([3.0, 4.0, 5.0])).unwrap();
        assert!((welch.freedom - 4.0).abs() < 1e-9);
        assert!((welch.p().unwrap() - 0.070_48).abs() < 1e-4, "{welch:?}");
        // Equal sizes and equal spreads: Student's test is the same.
        let spread = LogSpread::pooled(&exp([1.0, 2.0, 3.0]), &exp([3.0, 4.0, 5.0])).unwrap();
        let student = LogDifference::student(&exp([1.0, 2.0, 3.0]), &exp([3.0, 4.0, 5.0]), spread).unwrap();
        assert!((student.p().unwrap() - welch.p().unwrap()).abs() < 1e-9);
    }

    #[test]
    fn a_one_sided_p_is_five_percent_at_the_end_of_the_interval() {
        let test = LogDifference::welch(&exp([1.0, 2.0, 3.0]), &exp([3.0, 4.0, 5.5])).unwrap();
        let interval = test.interval().unwrap();
        assert!((test.p_not_below(interval.high).unwrap() - 0.05).abs() < 1e-6);
        assert!((test.p_not_above(interval.low).unwrap() - 0.05).abs() < 1e-6);
        assert!((test.p_not_below(1.0).unwrap() - test.p().unwrap()).abs() < 1e-9, "the first is the smaller");
        assert_eq!(test.p_not_above(1.0), Some(1.0));
    }

    #[test]
    fn single_values_and_exact_agreement_allow_no_test() {
        assert_eq!(LogDifference::welch(&[1.0], &[2.0]), Err(NoInterval::MeasuredOnce));
        assert_eq!(LogDifference::welch(&[0.0, 1.0], &[2.0, 1.0]), Err(NoInterval::NotPositive));
        assert_eq!(LogDifference::welch(&[1.0, 2.0], &[2.0, 1.0]), Err(NoInterval::MeasuredTwice));
        assert_eq!(LogDifference::welch(&[5.0, 5.0, 5.0], &[4.0, 4.0, 4.0]), Err(NoInterval::NoSpread));
        assert_eq!(LogSpread::pooled(&[1.0], &[2.0]), Err(NoInterval::MeasuredOnce));
        assert_eq!(LogSpread::pooled(&[1.0], &[2.0, 2.0, 2.0]).unwrap().freedom, 2.0);
    }
}
