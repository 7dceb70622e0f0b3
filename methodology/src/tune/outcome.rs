use serde::{Deserialize, Serialize};

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// Greater ones: rates.
    Greatest,
    /// Smaller ones: delays, costs.
    Least,
}

impl Aim {
    /// Scores are logarithms, greater is better: rates and delays vary by factors.
    pub(super) fn score(self, value: f64) -> Option<f64> {
        let log = (value > 0.0 && value.is_finite()).then(|| value.ln())?;
        Some(match self {
            Aim::Greatest => log,
            Aim::Least => -log,
        })
    }

    /// The value of a score.
    pub(super) fn value(self, score: f64) -> f64 {
        match self {
            Aim::Greatest => score.exp(),
            Aim::Least => (-score).exp(),
        }
    }

    /// The values of the scores within `reach` of `score`, the smaller end first.
    pub(super) fn interval(self, score: f64, reach: f64) -> (f64, f64) {
        let (one, other) = (self.value(score - reach), self.value(score + reach));
        (one.min(other), one.max(other))
    }
}

/// What a trial of a setting gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// A value, above 0.
    Value(f64),
    /// The tester was disturbed: nothing is known of the setting.
    Invalid,
    /// The setting does not work here.
    Failed,
}
