use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::configuration::choose;
use super::{Configuration, ConfigurationChoice, Quantity, statistics};
use crate::record::{Metric, Pair, Record, Size, SizeKind, Stack, State, View};

/// What repetitions of one measurement have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CellKey {
    /// From where to where.
    pub pair: Pair,
    /// What carried the traffic.
    pub stack: Stack,
    /// What was measured.
    pub metric: Metric,
    /// By which procedure.
    pub method: String,
    /// How large.
    pub size: SizeKey,
    /// In which view it belongs.
    pub view: Option<View>,
    /// At which intended load.
    pub load: Option<String>,
    /// Set up how.
    pub configuration: Configuration,
}

impl CellKey {
    /// What was measured, however it was set up.
    pub fn measurement(&self) -> CellKey {
        CellKey { configuration: Configuration::default(), ..self.clone() }
    }
}

/// A [`Size`] that can be ordered: by kind, then by bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SizeKey {
    /// What the bytes count.
    pub kind: SizeKind,
    /// Bytes.
    pub bytes: u32,
}

/// Bytes that an Ethernet frame with IPv4 and UDP adds to its payload (18 + 20 + 8).
const UDP4_OVERHEAD: u32 = 46;

impl SizeKey {
    /// What an application hands over at once: the message, or the UDP payload of a frame.
    pub fn payload_bytes(self) -> u32 {
        match self.kind {
            SizeKind::Frame => self.bytes.saturating_sub(UDP4_OVERHEAD),
            SizeKind::Message => self.bytes,
        }
    }
}

impl From<Size> for SizeKey {
    fn from(size: Size) -> Self {
        SizeKey { kind: size.kind, bytes: size.bytes }
    }
}

impl fmt::Display for SizeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Size { kind: self.kind, bytes: self.bytes }.fmt(f)
    }
}

/// The repetitions of one measurement.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// What they have in common.
    pub key: CellKey,
    /// Those that can be believed.
    pub valid: Vec<&'a Record>,
    /// Those that were measured but are spoilt.
    pub invalid: Vec<&'a Record>,
    /// How many gave no result.
    pub failed: usize,
    drawn: bool,
    pub(super) chosen: bool,
}

/// A cell's values of one quantity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// Of what.
    pub quantity: Quantity,
    /// In base units, in the order of the records.
    pub values: Vec<f64>,
    /// Whether they come from valid records.
    pub trusted: bool,
}

impl Sample {
    /// The sample's mean (one value: that value).
    pub fn centre(&self) -> f64 {
        statistics::mean(&self.values).unwrap_or(f64::NAN)
    }

    /// The sample's geometric mean, which ratios and changes are made of.
    pub fn geometric_mean(&self) -> f64 {
        statistics::geometric_mean(&self.values).unwrap_or(f64::NAN)
    }

    /// Lowest and highest value.
    pub fn range(&self) -> (f64, f64) {
        self.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    }
}

impl<'a> Cell<'a> {
    /// The values of valid records; where there are none, those of invalid records, marked as not trusted.
    pub fn sample(&self, quantity: Quantity) -> Option<Sample> {
        let of = |records: &[&Record]| -> Vec<f64> { records.iter().filter_map(|r| quantity.of(r)).collect() };
        let valid = of(&self.valid);
        if !valid.is_empty() {
            return Some(Sample { quantity, values: valid, trusted: true });
        }
        let invalid = of(&self.invalid);
        (!invalid.is_empty()).then_some(Sample { quantity, values: invalid, trusted: false })
    }

    /// The records that [`sample`](Self::sample) draws on.
    pub fn shown(&self) -> &[&'a Record] {
        if self.valid.is_empty() { &self.invalid } else { &self.valid }
    }

    /// Whether this is a point of the report's throughput figures: kernel goodput, and DPDK at maximum load (`mrr`); in a run without
    /// `mrr`, DPDK by the procedure that most results come from. Of several configurations, the chosen one.
    pub fn is_throughput_curve(&self) -> bool {
        self.drawn && self.chosen
    }

    /// Whether the cell's configuration is the one that figures and conclusions rest on, where there are several.
    pub fn is_chosen(&self) -> bool {
        self.chosen
    }
}

/// All cells of a run, in the order of their keys.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    cells: Vec<Cell<'a>>,
    choices: Vec<ConfigurationChoice>,
}

impl<'a> Cells<'a> {
    /// Groups records.
    pub fn of(records: &'a [Record]) -> Self {
        let mut by_key: BTreeMap<CellKey, Cell<'a>> = BTreeMap::new();
        for record in records {
            let key = CellKey {
                pair: record.pair.clone(),
                stack: record.stack,
                metric: record.metric,
                method: record.method.clone(),
                size: record.size.into(),
                view: record.view,
                load: record.load.clone(),
                configuration: Configuration::of(record),
            };
            let cell = by_key.entry(key.clone()).or_insert_with(|| Cell {
                key,
                valid: Vec::new(),
                invalid: Vec::new(),
                failed: 0,
                drawn: false,
                chosen: true,
            });
            match record.verdict.state {
                State::Valid => cell.valid.push(record),
                State::Invalid => cell.invalid.push(record),
                State::Failed => cell.failed += 1,
            }
        }
        let mut cells: Vec<Cell<'a>> = by_key.into_values().collect();
        let bypass = bypass_method(&cells);
        for cell in &mut cells {
            let by_bypass = Some(&cell.key.method) == bypass.as_ref();
            cell.drawn = cell.key.metric == Metric::Throughput && (cell.key.stack.is_kernel() || by_bypass);
        }
        let choices = choose(&mut cells);
        Cells { cells, choices }
    }

    /// What was chosen where a measurement was made with several configurations.
    pub fn choices(&self) -> &[ConfigurationChoice] {
        &self.choices
    }

    /// Every cell.
    pub fn iter(&self) -> impl Iterator<Item = &Cell<'a>> {
        self.cells.iter()
    }

    /// The pairs that were measured, in the order of [`Group`]s and names.
    pub fn pairs(&self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = self.cells.iter().map(|cell| cell.key.pair.clone()).collect();
        pairs.sort_by_key(|pair| (Group::of(pair), pair.clone()));
        pairs.dedup();
        pairs
    }

    /// The groups that were measured.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.cells.iter().map(|cell| Group::of(&cell.key.pair)).collect();
        groups.sort();
        groups.dedup();
        groups
    }

    /// A pair's throughput cells of one stack in ascending size.
    pub fn curve(&self, pair: &Pair, stack: Stack) -> Vec<&Cell<'a>> {
        let mut curve: Vec<_> =
            self.cells.iter().filter(|c| c.key.pair == *pair && c.key.stack == stack && c.is_throughput_curve()).collect();
        curve.sort_by_key(|cell| cell.key.size);
        curve
    }
}

fn bypass_method(cells: &[Cell<'_>]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in cells.iter().filter(|c| !c.key.stack.is_kernel() && c.key.metric == Metric::Throughput) {
        *counts.entry(&cell.key.method).or_default() += 1;
    }
    match counts.contains_key("mrr") {
        true => Some("mrr".to_owned()),
        false => counts.into_iter().max_by_key(|(_, count)| *count).map(|(method, _)| method.to_owned()),
    }
}

/// Pairs that a figure draws together: all from one system to another, or all inside one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// From one system to another.
    Between {
        /// The sending system.
        from: String,
        /// The receiving system.
        to: String,
    },
    /// Within one system.
    Inside(String),
    /// Endpoints whose names do not say which system they belong to.
    Unnamed,
}

impl Group {
    /// The group of a pair.
    pub fn of(pair: &Pair) -> Self {
        let (from, to) = (pair.from.system(), pair.to.system());
        if from.is_empty() || to.is_empty() {
            Group::Unnamed
        } else if from == to {
            Group::Inside(from.to_owned())
        } else {
            Group::Between { from: from.to_owned(), to: to.to_owned() }
        }
    }

    /// The name of a pair within the group: `cpu→dpu`, or the whole names where kinds do not tell pairs apart.
    pub fn short(&self, pair: &Pair) -> String {
        match self {
            Group::Unnamed => pair.to_string(),
            _ => format!("{}→{}", pair.from.kind(), pair.to.kind()),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Between { from, to } => write!(f, "system {from} → system {to}"),
            Group::Inside(system) => write!(f, "inside system {system}"),
            Group::Unnamed => f.write_str("all pairs"),
        }
    }
}
