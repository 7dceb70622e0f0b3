use serde::Serialize;

use crate::amount::Amount;
use crate::analysis::Quantity;
use crate::analysis::statistics::Interval;

/// The expectations of a file, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Gate {
    /// In the order of the file.
    pub outcomes: Vec<Outcome>,
}

/// The answer for one expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Shown to be within the tolerance.
    Passed,
    /// Shown to be beyond it.
    Failed,
    /// Neither is shown.
    CannotJudge,
}

/// One expectation, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What is expected of which result.
    pub name: String,
    /// Judged by.
    pub quantity: Quantity,
    /// The answer.
    pub verdict: Verdict,
    /// The result, in base units.
    pub measured: Option<f64>,
    /// What was expected, in base units.
    pub target: Option<f64>,
    /// The worst value that passes: the target with its tolerance.
    pub limit: Option<f64>,
    /// The interval of result over limit, at the confidence that was asked for.
    pub interval: Option<Interval>,
    /// The answer in words.
    pub detail: String,
}

impl Gate {
    /// How many have this answer.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count()
    }

    /// The answer of the whole gate: failed where anything failed, passed where everything passed.
    pub fn verdict(&self) -> Verdict {
        match (self.count(Verdict::Failed), self.count(Verdict::CannotJudge), self.outcomes.len()) {
            (0, 0, of) if of > 0 => Verdict::Passed,
            (0, _, _) => Verdict::CannotJudge,
            _ => Verdict::Failed,
        }
    }

    /// The counts in a sentence.
    pub fn summary(&self) -> String {
        format!(
            "{} of {} expectations passed, {} failed, {} cannot be judged.",
            self.count(Verdict::Passed),
            self.outcomes.len(),
            self.count(Verdict::Failed),
            self.count(Verdict::CannotJudge)
        )
    }
}

impl Verdict {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::CannotJudge => "cannot be judged",
        }
    }
}

impl Outcome {
    /// A value of the result in its unit.
    pub fn amount(&self, value: f64) -> Amount {
        self.quantity.amount(value)
    }
}
