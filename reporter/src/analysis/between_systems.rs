//! The results of pairs between systems that can be compared with each other: same stack, same quantity, same size.

use std::collections::BTreeMap;

use super::{Cells, Group, Quantity};
use crate::record::{Metric, Pair, Stack};

/// What pairs are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    metric: Metric,
    /// On which stack.
    pub(super) stack: Stack,
    /// Judged by.
    pub(super) quantity: Quantity,
    /// At which size, in bytes.
    pub(super) bytes: u32,
}

/// The result of each pair between systems, from valid records: the forwarding rate or goodput of a curve, the shortest median or mean round trip of
/// all loads.
pub(super) fn results_between_systems(cells: &Cells<'_>) -> BTreeMap<Question, BTreeMap<Pair, f64>> {
    let mut table: BTreeMap<Question, BTreeMap<Pair, f64>> = BTreeMap::new();
    for cell in cells.iter() {
        let counts = (cell.key.metric == Metric::Latency && cell.is_chosen()) || cell.is_throughput_curve();
        if !counts || !matches!(Group::of(&cell.key.pair), Group::Between { .. }) {
            continue;
        }
        let quantity = match (cell.key.metric, cell.key.stack.is_kernel()) {
            (Metric::Throughput, false) => Some(Quantity::ForwardingRate),
            (Metric::Throughput, _) => Some(Quantity::Goodput),
            _ => [Quantity::RttP50, Quantity::RttMean].into_iter().find(|q| cell.sample(*q).is_some()),
        };
        let Some(quantity) = quantity else { continue };
        let Some(sample) = cell.sample(quantity).filter(|sample| sample.trusted) else { continue };
        let question = Question { metric: cell.key.metric, stack: cell.key.stack, quantity, bytes: cell.key.size.bytes };
        let result = table.entry(question).or_default().entry(cell.key.pair.clone()).or_insert(sample.centre());
        // Several loads of one latency: the shortest round trip stands for the pair.
        if !quantity.higher_is_better() {
            *result = result.min(sample.centre());
        }
    }
    table
}
