use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::choice::choose;
use super::{Cell, CellKey, Configuration, ConfigurationChoice};
use crate::record::{BEST, Metric, Pair, Record, Stack, State};

/// All cells of a run, in the order of their keys.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    cells: Vec<Cell<'a>>,
    choices: Vec<ConfigurationChoice>,
}

impl<'a> Cells<'a> {
    /// Groups the records of pairs that were measured alone. Those of pairs that were measured at the same time answer another question.
    pub fn of(records: &'a [Record]) -> Self {
        Cells::made_of(records.iter().filter(|record| !record.is_concurrent()))
    }

    /// Groups all records. Those of pairs that were measured at the same time have cells of their own.
    pub fn with_groups(records: &'a [Record]) -> Self {
        Cells::made_of(records.iter())
    }

    fn made_of(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut by_key: BTreeMap<CellKey, Repetitions<'a>> = BTreeMap::new();
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
                group: record.group().map(|group| group.members),
            };
            let cell = by_key.entry(key).or_default();
            match record.verdict.state {
                State::Valid => cell.valid.push(record),
                State::Invalid => cell.invalid.push(record),
                State::Failed => cell.failed += 1,
            }
        }
        let cell = |(key, Repetitions { valid, invalid, failed })| Cell { key, valid, invalid, failed, drawn: false, chosen: true };
        let mut cells: Vec<Cell<'a>> = by_key.into_iter().map(cell).collect();
        let bypass = bypass_method(&cells);
        for cell in &mut cells {
            // A tool's stream is drawn whatever the method of the poll loops.
            let by_tool = cell.key.stack.is_kernel() || cell.key.method == STREAM;
            let by_bypass = Some(&cell.key.method) == bypass.as_ref();
            // The best of several is chosen for being fast: it stands in the ladder, and in no curve and no ratio.
            cell.drawn = cell.key.metric == Metric::Throughput && (by_tool || by_bypass) && cell.key.method != BEST;
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

/// The records of one cell.
#[derive(Default)]
struct Repetitions<'a> {
    valid: Vec<&'a Record>,
    invalid: Vec<&'a Record>,
    failed: usize,
}

/// The method of tools that send as fast as they can.
const STREAM: &str = "stream";

fn bypass_method(cells: &[Cell<'_>]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let of_poll_loops = |key: &CellKey| !key.stack.is_kernel() && key.metric == Metric::Throughput && key.method != STREAM;
    for cell in cells.iter().filter(|cell| of_poll_loops(&cell.key)) {
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
