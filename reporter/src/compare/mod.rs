//! Two runs, or several runs a side: what differs beyond noise, and what else differed between them.

mod across;
mod change;
mod correction;
mod environment;
mod judging;
mod matching;
mod noise;
mod sentences;
mod threshold;
mod visible;
mod visible_by_kind;

use serde::Serialize;

use crate::analysis::statistics::{ratio_interval, ratio_of_geometric_means};
use crate::analysis::{CellKey, Cells, LEVEL, Quantity};
use crate::archive::Archive;
use crate::record::Metric;
use matching::{Matches, SideCell, refuse_falling_together};

pub use across::{Across, AcrossValue, FallTogether, NotAcross};
pub(crate) use change::result_name;
pub use change::{Change, Judgement};
pub use correction::Correction;
pub use environment::{EnvironmentDifference, environment_differences};
pub(crate) use environment::{endpoint_of_fact, facts, flatten};
pub use noise::NoiseOf;
pub use threshold::{NotAThreshold, Threshold};
pub use visible::Visible;
pub use visible_by_kind::VisibleByKind;

/// Two sides compared.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Read before the numbers: what else was different.
    pub environment: Vec<EnvironmentDifference>,
    /// In the order of pairs, stacks and sizes.
    pub changes: Vec<Change>,
    /// How large shifts had to be to be found, by kind of result.
    pub visible: Vec<VisibleByKind>,
    /// Measured on both sides, but with nothing that could be compared: procedures whose results are curves or times.
    pub not_compared: usize,
    /// Measured on the first side only.
    pub only_in_base: Vec<CellKey>,
    /// Measured on the second side only.
    pub only_in_new: Vec<CellKey>,
    /// How p was corrected.
    pub correction: Correction,
    /// The level of the tests after correction.
    pub level: f64,
    /// The test, in words.
    pub test: &'static str,
    /// Which noise differences are compared with.
    pub noise: NoiseOf,
    /// How many runs each side has: base, new.
    pub runs: (usize, usize),
    /// The plan keys that do not count for which results are compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub across: Vec<String>,
    /// Where the sides have no result in common: the plan keys in which they differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apart_in: Vec<String>,
}

/// Compares every result that both runs hold.
pub fn compare(base: &Archive, new: &Archive, correction: Correction) -> Comparison {
    compare_runs(&[base], &[new], correction)
}

/// Compares every result that both sides hold. With several runs on a side a run is one value, and the noise is that between runs.
pub fn compare_runs(base: &[&Archive], new: &[&Archive], correction: Correction) -> Comparison {
    Sides { base, new, base_cells: cells(base), new_cells: cells(new) }.compared(correction, &Across::default())
}

/// [`compare_runs`], where results may differ in the values of some keys: a default and a tuned setting.
///
/// # Errors
/// Without these keys, two results of a side are the same.
pub fn compare_across(base: &[&Archive], new: &[&Archive], correction: Correction, across: &Across) -> Result<Comparison, FallTogether> {
    let sides = Sides { base, new, base_cells: cells(base), new_cells: cells(new) };
    refuse_falling_together(&sides.base_cells, "base", across)?;
    refuse_falling_together(&sides.new_cells, "new", across)?;
    Ok(sides.compared(correction, across))
}

fn cells<'a>(runs: &[&'a Archive]) -> Vec<Cells<'a>> {
    runs.iter().map(|run| Cells::with_groups(&run.records)).collect()
}

/// The runs of both sides.
struct Sides<'a> {
    base: &'a [&'a Archive],
    new: &'a [&'a Archive],
    base_cells: Vec<Cells<'a>>,
    new_cells: Vec<Cells<'a>>,
}

impl Sides<'_> {
    fn compared(&self, correction: Correction, across: &Across) -> Comparison {
        let Sides { base, new, base_cells, new_cells } = self;
        let noise = if base.len().max(new.len()) > 1 { NoiseOf::BetweenRuns } else { NoiseOf::WithinARun };
        let matches = Matches::of(base_cells, new_cells, across);
        let mut changes = Vec::new();
        let mut not_compared = 0;
        for (before, after) in &matches.both {
            let quantities = quantities(&before.key);
            not_compared += usize::from(quantities.is_empty());
            changes.extend(quantities.iter().filter_map(|&q| change(before, after, q, noise, across)));
        }
        judging::test(&mut changes, noise);
        judging::correct(&mut changes, correction);
        let visible = VisibleByKind::of(&changes);
        let mut environment = environment_differences(base, new);
        environment.extend(matches.configurations);
        let apart_in =
            if changes.is_empty() { across.others_between(&matches.only_in_base, &matches.only_in_new).keys() } else { Vec::new() };
        Comparison {
            environment,
            changes,
            visible,
            not_compared,
            only_in_base: matches.only_in_base,
            only_in_new: matches.only_in_new,
            correction,
            level: LEVEL,
            test: noise.test(),
            noise,
            runs: (base.len(), new.len()),
            across: across.keys(),
            apart_in,
        }
    }
}

/// One rate for each throughput result and up to two round trips for each latency result: more would count one thing twice.
pub(crate) fn quantities(key: &CellKey) -> &'static [Quantity] {
    match (key.metric, key.stack.is_kernel()) {
        (Metric::Throughput, false) => &[Quantity::ForwardingRate],
        (Metric::Throughput, _) => &[Quantity::Goodput],
        (Metric::Latency, false) => &[Quantity::RttP50, Quantity::RttP99],
        (Metric::Latency, _) => &[Quantity::RttMean],
        _ => &[],
    }
}

fn change(before: &SideCell<'_, '_>, after: &SideCell<'_, '_>, quantity: Quantity, noise: NoiseOf, across: &Across) -> Option<Change> {
    let (base, new) = (before.sample(quantity, noise)?, after.sample(quantity, noise)?);
    let ratio = ratio_of_geometric_means(&new.values, &base.values)?;
    let finding = if base.trusted && new.trusted { Judgement::CannotJudge } else { Judgement::NotValid };
    let interval = ratio_interval(&new.values, &base.values).ok();
    let key = after.key.clone();
    Some(Change {
        key,
        across: across.values(&before.key, &after.key),
        quantity,
        ratio,
        interval,
        visible: None,
        finding,
        p: None,
        p_corrected: None,
        not_judged: None,
        test: None,
        base,
        new,
    })
}
