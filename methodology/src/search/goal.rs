use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{LossRatio, Seconds, UnitError, percent};

/// One question a search answers: the attributes of a Search Goal (draft-ietf-bmwg-mlrsearch-15 §"Search Goal").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SearchGoal {
    /// What people call it: `NDR`, `PDR`, `throughput`.
    pub name: String,
    /// Goal Loss Ratio: a trial with more loss than this is a high-loss trial. Below 1.
    pub loss_ratio: LossRatio,
    /// Goal Exceed Ratio: the share of the duration sum that high-loss trials may take at a lower bound. Below 1.
    #[serde(default)]
    pub exceed_ratio: ExceedRatio,
    /// Goal Initial Trial Duration: the first trials at a load may be this short.
    pub initial_trial: Seconds,
    /// Goal Final Trial Duration: only trials at least this long count in full.
    pub final_trial: Seconds,
    /// Goal Duration Sum: how much trial time decides a load.
    pub duration_sum: Seconds,
    /// Goal Width: the search ends when (upper − lower)/upper is not above this.
    pub width: Width,
}

/// A share from 0 up to but not including 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, Default)]
#[serde(try_from = "f64", into = "f64")]
pub struct ExceedRatio(f64);

impl ExceedRatio {
    /// No trial may exceed (RFC 2544 compliance).
    pub const ZERO: ExceedRatio = ExceedRatio(0.0);
    /// Half of them may (the draft's recommendation).
    pub const HALF: ExceedRatio = ExceedRatio(0.5);

    /// A share from 0 up to but not including 1.
    pub fn new(ratio: f64) -> Result<Self, UnitError> {
        if (0.0..1.0).contains(&ratio) {
            Ok(ExceedRatio(ratio))
        } else {
            Err(UnitError::OutOfRange { what: "exceed ratio", value: ratio.to_string(), allowed: "0 up to but not including 1".to_owned() })
        }
    }

    /// The share.
    pub const fn ratio(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for ExceedRatio {
    type Error = UnitError;
    fn try_from(ratio: f64) -> Result<Self, UnitError> {
        ExceedRatio::new(ratio)
    }
}

impl From<ExceedRatio> for f64 {
    fn from(ratio: ExceedRatio) -> f64 {
        ratio.0
    }
}

/// A relative width (upper − lower)/upper, above 0 and below 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Width(f64);

impl Width {
    /// CSIT's 0.5 %.
    pub const HALF_PERCENT: Width = Width(0.005);
    /// 1 %.
    pub const ONE_PERCENT: Width = Width(0.01);

    /// A relative width, above 0 and below 1.
    pub fn new(width: f64) -> Result<Self, UnitError> {
        if width > 0.0 && width < 1.0 {
            Ok(Width(width))
        } else {
            Err(UnitError::OutOfRange {
                what: "goal width",
                value: width.to_string(),
                allowed: "above 0 and below 1; a search of width 0 never ends".to_owned(),
            })
        }
    }

    /// The width as a share of the upper bound.
    pub const fn ratio(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Width {
    type Error = UnitError;
    fn try_from(width: f64) -> Result<Self, UnitError> {
        Width::new(width)
    }
}

impl From<Width> for f64 {
    fn from(width: Width) -> f64 {
        width.0
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", percent(self.0))
    }
}

impl fmt::Display for ExceedRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", percent(self.0))
    }
}
