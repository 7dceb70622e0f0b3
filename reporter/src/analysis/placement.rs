use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::between_systems::{Question, results_between_systems};
use super::endpoint_kinds::place_of_kind;
use super::{Cells, Quantity, statistics};
use crate::amount::Amount;
use crate::record::{EndpointId, Pair, Stack};

/// What to place where.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Placement {
    /// The fastest pair for each question.
    pub best: Vec<Best>,
    /// What moving an end from one kind to another changes, such as from the host CPU to the SmartNIC.
    pub offload: Vec<Offload>,
}

/// The fastest pair between systems for one stack, quantity and size.
#[derive(Debug, Clone, Serialize)]
pub struct Best {
    /// On which stack.
    pub stack: Stack,
    /// Judged by.
    pub quantity: Quantity,
    /// At which size, in bytes.
    pub bytes: u32,
    /// The fastest.
    pub pair: Pair,
    /// Its result.
    pub amount: Amount,
    /// The slowest pair's result as a factor of the fastest's.
    pub slowest_share: f64,
    /// How many pairs were compared.
    pub of: usize,
}

/// Which end moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairEnd {
    /// The sender.
    Sender,
    /// The receiver.
    Receiver,
    /// Both.
    Both,
}

/// The change when an end moves within its system from one kind to another, such as from `cpu` to `dpu`, over pairs that are otherwise alike.
#[derive(Debug, Clone, Serialize)]
pub struct Offload {
    /// On which stack.
    pub stack: Stack,
    /// Of what.
    pub quantity: Quantity,
    /// At which size, in bytes.
    pub bytes: u32,
    /// Which end moves.
    pub end: PairEnd,
    /// From which kind.
    pub from: String,
    /// To which kind.
    pub to: String,
    /// Geometric mean of the matched pairs' ratios, of the kind it moves to over the kind it moves from.
    pub change: f64,
    /// Lowest of those ratios.
    pub low: f64,
    /// Highest of those ratios.
    pub high: f64,
    /// How many matched pairs.
    pub matched: usize,
}

/// Finds the fastest pairs and what offloading costs or gains, from valid records between systems.
pub fn placement(cells: &Cells<'_>) -> Placement {
    let table = results_between_systems(cells);
    let mut found = Placement::default();
    for (question, results) in &table {
        let Question { stack, quantity, bytes, .. } = *question;
        found.best.extend(best_of(stack, quantity, bytes, results));
        for [from, to] in moves(results) {
            for end in [PairEnd::Sender, PairEnd::Receiver, PairEnd::Both] {
                found.offload.extend(offload_of(question, end, [from, to], results));
            }
        }
    }
    found
}

/// Every two kinds of a table, in the order from the host to what is built on it.
fn moves(results: &BTreeMap<Pair, f64>) -> Vec<[&str; 2]> {
    let kinds: BTreeSet<(usize, &str)> = results.keys().flat_map(|pair| [pair.from.kind(), pair.to.kind()]).map(place_of_kind).collect();
    let kinds: Vec<&str> = kinds.into_iter().map(|(_, kind)| kind).collect();
    kinds.iter().enumerate().flat_map(|(place, from)| kinds.iter().skip(place + 1).map(move |to| [*from, *to])).collect()
}

fn best_of(stack: Stack, quantity: Quantity, bytes: u32, results: &BTreeMap<Pair, f64>) -> Option<Best> {
    let goodness = |value: f64| if quantity.higher_is_better() { value } else { -value };
    let (pair, &value) = results.iter().max_by(|a, b| goodness(*a.1).total_cmp(&goodness(*b.1)))?;
    let &slowest = results.values().min_by(|a, b| goodness(**a).total_cmp(&goodness(**b)))?;
    (results.len() > 1).then(|| Best {
        stack,
        quantity,
        bytes,
        pair: pair.clone(),
        amount: quantity.amount(value),
        slowest_share: slowest / value,
        of: results.len(),
    })
}

fn offload_of(question: &Question, end: PairEnd, [from, to]: [&str; 2], results: &BTreeMap<Pair, f64>) -> Option<Offload> {
    let Question { stack, quantity, bytes, .. } = *question;
    let moved_end = |endpoint: &EndpointId| (endpoint.kind() == from).then(|| EndpointId(format!("{}-{to}", endpoint.system())));
    let ratios: Vec<f64> = results
        .iter()
        .filter_map(|(pair, before)| {
            let moved = match end {
                PairEnd::Sender => Pair { from: moved_end(&pair.from)?, to: pair.to.clone() },
                PairEnd::Receiver => Pair { from: pair.from.clone(), to: moved_end(&pair.to)? },
                PairEnd::Both => Pair { from: moved_end(&pair.from)?, to: moved_end(&pair.to)? },
            };
            let after = results.get(&moved)?;
            (*before > 0.0).then_some(after / before)
        })
        .collect();
    Some(Offload {
        stack,
        quantity,
        bytes,
        end,
        from: from.to_owned(),
        to: to.to_owned(),
        change: statistics::geometric_mean(&ratios)?,
        low: ratios.iter().copied().fold(f64::INFINITY, f64::min),
        high: ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        matched: ratios.len(),
    })
}
