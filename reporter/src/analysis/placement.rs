use std::collections::BTreeMap;

use serde::Serialize;

use super::{Cells, Group, Quantity, statistics};
use crate::amount::Amount;
use crate::record::{EndpointId, Metric, Pair, Stack};

/// What to place where.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Placement {
    /// The fastest pair for each question.
    pub best: Vec<Best>,
    /// What moving an end from the host CPU to the SmartNIC changes.
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

/// The change when an end moves from `cpu` to `dpu`, over pairs that are otherwise alike.
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
    /// SmartNIC over CPU: geometric mean of the matched pairs' ratios.
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
    type Question = (Metric, Stack, Quantity, u32);
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
        let results = table.entry((cell.key.metric, cell.key.stack, quantity, cell.key.size.bytes)).or_default();
        let result = results.entry(cell.key.pair.clone()).or_insert(sample.centre());
        // Several loads of one latency: the shortest round trip stands for the pair.
        if !quantity.higher_is_better() {
            *result = result.min(sample.centre());
        }
    }
    let mut found = Placement::default();
    for ((_, stack, quantity, bytes), results) in &table {
        found.best.extend(best_of(*stack, *quantity, *bytes, results));
        for end in [PairEnd::Sender, PairEnd::Receiver, PairEnd::Both] {
            found.offload.extend(offload_of(*stack, *quantity, *bytes, end, results));
        }
    }
    found
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

fn offload_of(stack: Stack, quantity: Quantity, bytes: u32, end: PairEnd, results: &BTreeMap<Pair, f64>) -> Option<Offload> {
    let to_dpu = |endpoint: &EndpointId| (endpoint.kind() == "cpu").then(|| EndpointId(format!("{}-dpu", endpoint.system())));
    let ratios: Vec<f64> = results
        .iter()
        .filter_map(|(pair, on_cpu)| {
            let moved = match end {
                PairEnd::Sender => Pair { from: to_dpu(&pair.from)?, to: pair.to.clone() },
                PairEnd::Receiver => Pair { from: pair.from.clone(), to: to_dpu(&pair.to)? },
                PairEnd::Both => Pair { from: to_dpu(&pair.from)?, to: to_dpu(&pair.to)? },
            };
            let on_dpu = results.get(&moved)?;
            (*on_cpu > 0.0).then_some(on_dpu / on_cpu)
        })
        .collect();
    Some(Offload {
        stack,
        quantity,
        bytes,
        end,
        change: statistics::geometric_mean(&ratios)?,
        low: ratios.iter().copied().fold(f64::INFINITY, f64::min),
        high: ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        matched: ratios.len(),
    })
}
