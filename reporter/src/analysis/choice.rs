use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Cell, Configuration};
use crate::record::{BEST, Metric, Pair, Stack, View};

/// Which of several configurations of one measurement stands in figures, ratios and tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigurationChoice {
    /// On which stack.
    pub stack: Stack,
    /// What was measured.
    pub metric: Metric,
    /// By which procedure.
    pub method: String,
    /// In which view.
    pub view: Option<View>,
    /// What is drawn and concluded from, with the number of results.
    pub drawn: Vec<(Setup, usize)>,
    /// What was measured beside it, with the number of results.
    pub left_out: Vec<(Setup, usize)>,
}

/// A configuration, and for throughput the load: two loads of one size are not one result.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Setup {
    /// How it was set up.
    pub configuration: Configuration,
    /// At which load; none for round trips, where the loads stand beside each other.
    pub load: Option<String>,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.load.as_deref().filter(|load| *load != "max") {
            Some(load) => write!(f, "{} at {load}", self.configuration),
            None => self.configuration.fmt(f),
        }
    }
}

type Family = (Stack, Metric, String, Option<View>);

/// Marks the cells of the chosen setup, and says what was chosen wherever there was a choice.
///
/// Within a pair one setup is chosen for all sizes: the one with most sizes that have a valid result; of those the one that the run has most of;
/// of those the plainest (fewest queues). The fastest is never chosen for being fast: the best of many looks better than it is.
///
/// Transfer times are not chosen from: the section on files shows every setup. Nor are results of a search for the best setup: only the ladder uses them.
pub(super) fn choose(cells: &mut [Cell<'_>]) -> Vec<ConfigurationChoice> {
    let mut cells: Vec<&mut Cell<'_>> =
        cells.iter_mut().filter(|cell| cell.key.metric != Metric::TransferTime && cell.key.method != BEST).collect();
    let setup = |cell: &Cell<'_>| Setup {
        configuration: cell.key.configuration.clone(),
        load: cell.key.load.clone().filter(|_| cell.key.metric == Metric::Throughput),
    };
    let family = |cell: &Cell<'_>| -> Family { (cell.key.stack, cell.key.metric, cell.key.method.clone(), cell.key.view) };
    let mut in_run: BTreeMap<(Family, Setup), usize> = BTreeMap::new();
    let mut in_pair: BTreeMap<(Family, Pair), BTreeMap<Setup, usize>> = BTreeMap::new();
    for cell in cells.iter() {
        *in_run.entry((family(cell), setup(cell))).or_default() += 1;
        let counts = in_pair.entry((family(cell), cell.key.pair.clone())).or_default();
        *counts.entry(setup(cell)).or_default() += usize::from(!cell.valid.is_empty());
    }
    let mut chosen: BTreeMap<(Family, Pair), Setup> = BTreeMap::new();
    for ((family, pair), counts) in in_pair {
        let rank = |setup: &Setup, valid: usize| {
            let (sender, receiver) = setup.configuration.queues();
            let known = in_run.get(&(family.clone(), setup.clone())).copied().unwrap_or(0);
            // Loads count for less than the maximum, which has one meaning everywhere.
            let at_most = setup.load.as_deref().is_none_or(|load| load == "max");
            (valid, known, at_most, std::cmp::Reverse((sender.saturating_add(receiver), setup.configuration.settings.len(), setup.clone())))
        };
        if let Some((best, _)) = counts.iter().max_by_key(|(setup, valid)| rank(setup, **valid)) {
            chosen.insert((family.clone(), pair), best.clone());
        }
    }
    let mut choices: BTreeMap<Family, [BTreeMap<Setup, usize>; 2]> = BTreeMap::new();
    for cell in cells.iter_mut() {
        let setup = setup(cell);
        cell.chosen = chosen.get(&(family(cell), cell.key.pair.clone())) == Some(&setup);
        let [drawn, left_out] = choices.entry(family(cell)).or_default();
        *(if cell.chosen { drawn } else { left_out }).entry(setup).or_default() += 1;
    }
    choices
        .into_iter()
        .filter(|(_, [drawn, left_out])| drawn.len() > 1 || !left_out.is_empty())
        .map(|((stack, metric, method, view), [drawn, left_out])| ConfigurationChoice {
            stack,
            metric,
            method,
            view,
            drawn: drawn.into_iter().collect(),
            left_out: left_out.into_iter().collect(),
        })
        .collect()
}
