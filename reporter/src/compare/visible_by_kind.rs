use serde::Serialize;

use super::{Change, Visible};
use crate::analysis::{Quantity, statistics};
use crate::record::Stack;

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
