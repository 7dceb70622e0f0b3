//! An interval, and why there is none.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A range that holds the true value with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How it was found.
    pub method: IntervalMethod,
}

impl Interval {
    /// Whether the value lies in it, ends included.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// How an interval was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalMethod {
    /// Student's t interval of the logarithms of one sample.
    StudentLog,
    /// Welch's t interval of the difference of two samples' logarithms.
    WelchLog,
    /// Student's t interval of that difference, with a spread that more results share.
    SharedSpreadLog,
    /// Between order statistics, interpolated.
    OrderStatistics,
}

/// Why no interval can be stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoInterval {
    /// One value on a side says nothing about noise.
    MeasuredOnce,
    /// Fewer than three values on a side of a ratio whose sides may vary differently: Welch's interval holds the ratio in 98 % of samples at
    /// two against two values and in 89 % at two against ten.
    MeasuredTwice,
    /// Fewer than six values: even their whole range holds the median less often than 95 %.
    TooFewForAMedian,
    /// A value is not above 0 and has no logarithm.
    NotPositive,
    /// Repetitions agree exactly (a pacer, a quantised search result): their spread is below what they can show.
    NoSpread,
}

impl fmt::Display for NoInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoInterval::MeasuredOnce => "measured once",
            NoInterval::MeasuredTwice => "measured twice",
            NoInterval::TooFewForAMedian => "fewer than six values",
            NoInterval::NotPositive => "a value is not above 0",
            NoInterval::NoSpread => "repetitions agree exactly",
        })
    }
}

/// Below this variance of logarithms repetitions count as equal: what is left is rounding.
pub(super) const NO_SPREAD: f64 = 1e-24;
