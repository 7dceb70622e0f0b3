//! What each kind of endpoint costs: one measurement between two hosts, two containers, two virtual machines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::between_systems::{Question, results_between_systems};
use super::{Cells, Quantity, statistics};
use crate::amount::Amount;
use crate::record::{Pair, Stack};

/// Kinds in the order from the host to what is built on it; others follow by name.
const ORDER: [&str; 4] = ["cpu", "dpu", "container", "vm"];

/// A place in the order of kinds.
pub fn place_of_kind(kind: &str) -> (usize, &str) {
    (ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len()), kind)
}

/// One measurement between two endpoints of each kind.
#[derive(Debug, Clone, Serialize)]
pub struct KindCost {
    /// On which stack.
    pub stack: Stack,
    /// Judged by.
    pub quantity: Quantity,
    /// At which size, in bytes.
    pub bytes: u32,
    /// By kind; the others are compared with the first.
    pub steps: Vec<KindStep>,
}

/// The result of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct KindStep {
    /// The kind of both ends, such as `container`.
    pub kind: String,
    /// Geometric mean over its pairs.
    pub amount: Amount,
    /// That mean as a factor of the first kind's.
    pub of_first: f64,
    /// How many pairs it rests on.
    pub pairs: usize,
}

/// Compares pairs between systems whose ends are of one kind, where a run has several kinds. A run that only has hosts and SmartNICs is left out:
/// its report has the sections on sender, receiver and placement for that.
pub fn kind_costs(cells: &Cells<'_>) -> Vec<KindCost> {
    results_between_systems(cells).into_iter().filter_map(|(question, results)| cost(question, &results)).collect()
}

fn cost(question: Question, results: &BTreeMap<Pair, f64>) -> Option<KindCost> {
    let mut by_kind: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    for (pair, result) in results.iter().filter(|(pair, result)| pair.from.kind() == pair.to.kind() && **result > 0.0) {
        by_kind.entry(place_of_kind(pair.from.kind())).or_default().push(*result);
    }
    let virtualised = by_kind.keys().any(|(_, kind)| !["cpu", "dpu"].contains(kind));
    if by_kind.len() < 2 || !virtualised {
        return None;
    }
    let means: Vec<(&str, f64, usize)> =
        by_kind.iter().filter_map(|((_, kind), values)| Some((*kind, statistics::geometric_mean(values)?, values.len()))).collect();
    let first = means.first()?.1;
    let Question { stack, quantity, bytes, .. } = question;
    let steps = means.into_iter().map(|(kind, mean, pairs)| KindStep {
        kind: kind.to_owned(),
        amount: quantity.amount(mean),
        of_first: mean / first,
        pairs,
    });
    Some(KindCost { stack, quantity, bytes, steps: steps.collect() })
}
