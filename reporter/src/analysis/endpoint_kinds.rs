//! What each kind of endpoint costs: one measurement between two hosts, two containers, two virtual machines, or a virtual machine and a host.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::between_systems::{Question, results_between_systems};
use super::{Cells, Quantity, statistics};
use crate::amount::Amount;
use crate::record::{Pair, Stack};

/// Kinds in the order from the host to what is built on it; others follow by name.
const ORDER: [&str; 4] = ["cpu", "dpu", "container", "vm"];

/// A place in the order of kinds.
pub(super) fn place_of_kind(kind: &str) -> (usize, &str) {
    (ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len()), kind)
}

/// One measurement between endpoints of each kind.
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
    /// The kind of both ends, such as `container`, or that of the sender and that of the receiver: `cpu→vm`.
    pub kind: String,
    /// Its place in the order of kinds, among those of a run.
    #[serde(skip)]
    pub(crate) place: PlaceOfEnds,
    /// Geometric mean over its pairs.
    pub amount: Amount,
    /// That mean as a factor of the first kind's.
    pub of_first: f64,
    /// How many pairs it rests on.
    pub pairs: usize,
}

/// Compares pairs between systems, by the kinds of their ends, where a run has several. A run that only has hosts and SmartNICs is left out:
/// its report has the sections on sender, receiver and placement for that.
pub fn kind_costs(cells: &Cells<'_>) -> Vec<KindCost> {
    results_between_systems(cells).into_iter().filter_map(|(question, results)| cost(question, &results)).collect()
}

fn cost(question: Question, results: &BTreeMap<Pair, f64>) -> Option<KindCost> {
    let mut by_kinds: BTreeMap<Ends<'_>, Vec<f64>> = BTreeMap::new();
    for (pair, result) in results.iter().filter(|(_, result)| **result > 0.0) {
        if let Some(ends) = Ends::of(pair) {
            by_kinds.entry(ends).or_default().push(*result);
        }
    }
    if by_kinds.len() < 2 || !by_kinds.keys().any(Ends::are_virtual) {
        return None;
    }
    let means: Vec<(&Ends<'_>, f64, usize)> =
        by_kinds.iter().filter_map(|(ends, values)| Some((ends, statistics::geometric_mean(values)?, values.len()))).collect();
    let first = means.first()?.1;
    let Question { stack, quantity, bytes, .. } = question;
    let steps = means.into_iter().map(|(ends, mean, pairs)| KindStep {
        kind: ends.to_string(),
        place: ends.place(),
        amount: quantity.amount(mean),
        of_first: mean / first,
        pairs,
    });
    Some(KindCost { stack, quantity, bytes, steps: steps.collect() })
}

/// The kinds of both ends of a pair. The order is that of the kinds: what is built on others comes after them, and mixed pairs before pairs of one kind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ends<'a> {
    last: (usize, &'a str),
    same: bool,
    from: (usize, &'a str),
    to: (usize, &'a str),
}

/// The place of two ends in the order of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlaceOfEnds(usize, bool, usize, usize);

impl<'a> Ends<'a> {
    fn place(&self) -> PlaceOfEnds {
        PlaceOfEnds(self.last.0, self.same, self.from.0, self.to.0)
    }

    /// None for a host and a SmartNIC: what they cost each other is in the sections on sender, receiver and placement.
    fn of(pair: &'a Pair) -> Option<Self> {
        let (from, to) = (place_of_kind(pair.from.kind()), place_of_kind(pair.to.kind()));
        let ends = Ends { last: from.max(to), same: from == to, from, to };
        (ends.same || ends.are_virtual()).then_some(ends)
    }

    fn are_virtual(&self) -> bool {
        !["cpu", "dpu"].contains(&self.last.1)
    }
}

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.same {
            true => f.write_str(self.from.1),
            false => write!(f, "{}→{}", self.from.1, self.to.1),
        }
    }
}
