use serde::Serialize;

use super::Visible;
use super::across::{self, AcrossValue};
use crate::analysis::statistics::{Interval, LogDifference, NoInterval};
use crate::analysis::{CellKey, Quantity, Sample};

/// The answer for one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// Differs beyond noise, for the better.
    Better,
    /// Differs beyond noise, for the worse.
    Worse,
    /// Does not differ beyond noise.
    WithinNoise,
    /// Noise is unknown: measured once on a side, or repetitions that agree exactly ([`Change::not_judged`]).
    CannotJudge,
    /// Not from valid trials on both sides.
    NotValid,
}

impl Judgement {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Judgement::Better => "better",
            Judgement::Worse => "worse",
            Judgement::WithinNoise => "within noise",
            Judgement::CannotJudge => "noise unknown",
            Judgement::NotValid => "not valid",
        }
    }
}

/// One result on both sides.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// What was measured, as the second side has it.
    pub key: CellKey,
    /// The values of the keys that the comparison goes across, where the sides differ in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub across: Vec<AcrossValue>,
    /// Judged by.
    pub quantity: Quantity,
    /// Before: a value a repetition, or a value a run where noise is between runs.
    pub base: Sample,
    /// After.
    pub new: Sample,
    /// The geometric mean of `new` over that of `base`.
    pub ratio: f64,
    /// Its 95 % interval, uncorrected, from the same noise as the test.
    pub interval: Option<Interval>,
    /// How large a shift had to be to be found; none where noise is unknown.
    pub visible: Option<Visible>,
    /// Of the test, as it is.
    pub p: Option<f64>,
    /// Corrected for the number of comparisons.
    pub p_corrected: Option<f64>,
    /// The answer.
    pub finding: Judgement,
    /// Why there was no test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<NoInterval>,
    #[serde(skip)]
    pub(super) test: Option<LogDifference>,
}

impl Change {
    /// How much worse, 0.05 for 5 %; negative where it is better. Half a rate and twice a delay are both 0.5 and 1.
    pub fn worse_by(&self) -> f64 {
        self.quantity.worse_by(self.ratio)
    }

    /// The measurement's name on one line.
    pub fn name(&self) -> String {
        if self.across.is_empty() { result_name(&self.key, self.quantity) } else { across::name(&self.key, self.quantity, &self.across) }
    }
}

/// A result's name on one line.
pub(crate) fn result_name(key: &CellKey, quantity: Quantity) -> String {
    let load = key.load.as_ref().filter(|load| *load != "max").map(|load| format!(" at {load}")).unwrap_or_default();
    let setup = key.configuration.settings_in_words().map(|settings| format!(" ({settings})")).unwrap_or_default();
    let beside = key.group.as_ref().map(|group| format!(" at the same time as {}", group.others_in_words(&key.pair))).unwrap_or_default();
    format!("{} {} {} {quantity}{load}{setup}{beside}", key.pair, key.stack, key.size)
}
