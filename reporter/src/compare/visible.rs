use serde::Serialize;

use super::Change;
use crate::analysis::statistics::{self, LogDifference};
use crate::analysis::{LEVEL, Quantity};
use crate::record::Stack;

/// How large a shift had to be to be found four times in five, with the noise and the repetitions that there are. "No difference" says nothing
/// about smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Visible {
    /// Where this result alone shifted: the correction then asks it for the strictest p of all.
    pub alone: f64,
    /// Where every result shifted: the correction then costs almost nothing. (Of Benjamini and Hochberg's; Holm's asks for more.)
    pub together: f64,
    #[serde(skip)]
    test: LogDifference,
}

/// What could be seen of one kind of result: the middle one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VisibleByKind {
    /// Of which stack.
    pub stack: Stack,
    /// Of what.
    pub quantity: Quantity,
    /// How many results could be judged.
    pub results: usize,
    /// The median of [`Visible::alone`].
    pub alone: f64,
    /// The median of [`Visible::together`].
    pub together: f64,
}

impl Visible {
    pub(super) fn uncorrected(test: LogDifference) -> Self {
        Visible { alone: f64::NAN, together: f64::NAN, test }.among(1)
    }

    /// As one of several comparisons.
    pub(super) fn among(self, comparisons: usize) -> Self {
        let at = |level: f64| self.test.smallest_visible(level).unwrap_or(f64::INFINITY);
        Visible { alone: at(LEVEL / comparisons.max(1) as f64), together: at(LEVEL), test: self.test }
    }
}

impl VisibleByKind {
    pub(super) fn of(changes: &[Change]) -> Vec<VisibleByKind> {
        let mut kinds: Vec<(Stack, Quantity)> = changes.iter().map(|c| (c.key.stack, c.quantity)).collect();
        kinds.sort();
        kinds.dedup();
        kinds
            .into_iter()
            .filter_map(|(stack, quantity)| {
                let of_kind = || changes.iter().filter(move |c| c.key.stack == stack && c.quantity == quantity).filter_map(|c| c.visible);
                let median = |pick: fn(Visible) -> f64| statistics::median(&of_kind().map(pick).collect::<Vec<_>>());
                let (alone, together) = (median(|v| v.alone)?, median(|v| v.together)?);
                Some(VisibleByKind { stack, quantity, results: of_kind().count(), alone, together })
            })
            .collect()
    }
}
