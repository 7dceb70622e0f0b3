//! Results that can be compared with each other: alike in the kinds of their ends, stack, method, size, load and configuration.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Judged, PeerNoise, Testbed};
use crate::analysis::statistics::{geometric_mean, percentile_of_sorted};
use crate::analysis::{CellKey, Quantity};
use crate::record::{EndpointId, Pair};

/// The kinds of the two ends, and whether they belong to one system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PairKind {
    /// Both ends are in one system.
    pub inside: bool,
    /// Kind of the sender.
    pub from: String,
    /// Kind of the receiver.
    pub to: String,
}

impl PairKind {
    fn of(pair: &Pair) -> Self {
        PairKind { inside: pair.is_within_one_system(), from: pair.from.kind().to_owned(), to: pair.to.kind().to_owned() }
    }
}

impl fmt::Display for PairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}{}", self.from, self.to, if self.inside { " inside a system" } else { "" })
    }
}

/// One result of all testbeds.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// Between which kinds of endpoints.
    pub pair: PairKind,
    /// What was measured; its pair has the kinds for names.
    pub key: CellKey,
    /// Judged by.
    pub quantity: Quantity,
    /// A value for each pair of each testbed.
    pub values: Vec<Observation>,
    /// How the values are distributed.
    pub distribution: Distribution,
    /// What each value was compared with.
    pub noise: Option<PeerNoise>,
}

/// The result of one pair of one testbed.
#[derive(Debug, Clone, Serialize)]
pub struct Observation {
    /// Place among the testbeds.
    pub testbed: usize,
    /// Which pair.
    pub pair: Pair,
    /// Geometric mean of all repetitions, in base units.
    pub value: f64,
    /// What it was compared with: the median of all values, or with few testbeds the geometric mean of the other testbeds.
    pub usual: f64,
    /// All repetitions.
    #[serde(skip)]
    pub repetitions: Vec<f64>,
    /// Whether it differs from the others; none where that cannot be judged.
    pub judged: Option<Judged>,
}

/// Percentiles of the values, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distribution {
    /// The lowest.
    pub min: f64,
    /// 10 % are not above.
    pub p10: f64,
    /// Half are not above.
    pub median: f64,
    /// 90 % are not above.
    pub p90: f64,
    /// The highest.
    pub max: f64,
}

impl Distribution {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: f64| percentile_of_sorted(&sorted, percent);
        Some(Distribution { min: *sorted.first()?, p10: at(10.0)?, median: at(50.0)?, p90: at(90.0)?, max: *sorted.last()? })
    }
}

impl Group {
    /// The group's name on one line.
    pub fn name(&self) -> String {
        let inside = if self.pair.inside { " (inside a system)" } else { "" };
        format!("{}{inside}", crate::compare::result_name(&self.key, self.quantity))
    }

    /// How much worse a value is than what it was compared with, 0.05 for 5 %; negative where it is better.
    pub fn worse_by(&self, value: &Observation) -> f64 {
        self.quantity.worse_by(value.value / value.usual)
    }
}

/// All groups that more than one testbed has a value for.
pub(super) fn groups(testbeds: &[Testbed]) -> Vec<Group> {
    let mut groups: BTreeMap<(PairKind, CellKey, Quantity), Vec<Observation>> = BTreeMap::new();
    for (place, testbed) in testbeds.iter().enumerate() {
        for (result, repetitions) in &testbed.results {
            let kind = PairKind::of(&result.key.pair);
            let pair = Pair { from: EndpointId(kind.from.clone()), to: EndpointId(kind.to.clone()) };
            let key = CellKey { pair, ..result.key.clone() };
            let Some(value) = geometric_mean(repetitions) else { continue };
            groups.entry((kind, key, result.quantity)).or_default().push(Observation {
                testbed: place,
                pair: result.key.pair.clone(),
                value,
                usual: value,
                repetitions: repetitions.clone(),
                judged: None,
            });
        }
    }
    let shared = |values: &[Observation]| values.iter().any(|value| value.testbed != values[0].testbed);
    groups
        .into_iter()
        .filter(|(_, values)| shared(values))
        .filter_map(|((pair, key, quantity), values)| {
            let distribution = Distribution::of(values.iter().map(|value| value.value))?;
            Some(Group { pair, key, quantity, values, distribution, noise: None })
        })
        .collect()
}
