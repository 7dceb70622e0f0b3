//! A gate: is any result worse by a given share or more?

use std::str::FromStr;

use serde::Serialize;

use super::{Change, Comparison};

/// How much worse is too much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Threshold(f64);

impl Threshold {
    /// 0.05 for 5 %.
    pub const fn share(self) -> f64 {
        self.0
    }
}

/// The text is not a threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a threshold: write a percentage from 0% to 100%, such as 5%")]
pub struct NotAThreshold(String);

impl FromStr for Threshold {
    type Err = NotAThreshold;

    /// Reads `5%` and `0.05`.
    fn from_str(text: &str) -> Result<Self, NotAThreshold> {
        let wrong = || NotAThreshold(text.to_owned());
        let (number, divisor) = match text.trim().strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text.trim(), 1.0),
        };
        let share = number.trim().parse::<f64>().map_err(|_| wrong())? / divisor;
        if (0.0..=1.0).contains(&share) { Ok(Threshold(share)) } else { Err(wrong()) }
    }
}

impl Change {
    /// p of the hypothesis that it is worse by less than this: below the level where the near end of its interval is beyond the threshold.
    fn p_less_than(&self, threshold: Threshold) -> Option<f64> {
        let test = self.test?;
        if self.quantity.higher_is_better() { test.p_not_below(1.0 - threshold.share()) } else { test.p_not_above(1.0 + threshold.share()) }
    }

    /// How much worse it may be, by the far end of its 95 % interval.
    fn may_be_worse_by(&self) -> Option<f64> {
        let interval = self.interval.filter(|_| self.p.is_some())?;
        Some(if self.quantity.higher_is_better() { 1.0 - interval.low } else { interval.high - 1.0 })
    }
}

impl Comparison {
    /// Results that are shown to be worse by the threshold or more: the near end of the 95 % interval, corrected for the number of comparisons
    /// as p is, lies beyond it. A point estimate beyond it proves nothing: of many results with a smaller change some always have one.
    pub fn regressions(&self, threshold: Threshold) -> Vec<&Change> {
        let tested: Vec<(&Change, f64)> = self.changes.iter().filter_map(|c| Some((c, c.p_less_than(threshold)?))).collect();
        let corrected = self.correction.apply(&tested.iter().map(|(_, p)| *p).collect::<Vec<_>>());
        tested.iter().zip(corrected).filter(|(_, p)| *p < self.level).map(|((change, _), _)| *change).collect()
    }

    /// How many results may be worse by the threshold or more: their 95 % intervals reach it.
    pub fn not_ruled_out(&self, threshold: Threshold) -> usize {
        self.changes.iter().filter_map(Change::may_be_worse_by).filter(|worse| *worse >= threshold.share()).count()
    }

    /// How many results could not have shown a shift of this size if they alone had shifted.
    pub fn blind_to(&self, threshold: Threshold) -> usize {
        self.changes.iter().filter_map(|c| c.visible).filter(|v| v.alone > threshold.share()).count()
    }

    /// Whether any result could have shown a shift of this size, even if all of them had shifted.
    pub fn can_see(&self, threshold: Threshold) -> bool {
        self.changes.iter().filter_map(|c| c.visible).any(|v| v.together <= threshold.share())
    }
}
