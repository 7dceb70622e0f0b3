//! Two runs, or several runs a side: what differs beyond noise, and what else differed between them.

mod environment;
mod judging;
mod matching;
mod sentences;
mod threshold;
mod visible;

use std::fmt;

use serde::Serialize;

use crate::analysis::statistics::{self, Interval, LogDifference, NoInterval, ratio_of_geometric_means};
use crate::analysis::{CellKey, Cells, LEVEL, Quantity, Sample};
use crate::archive::Archive;
use crate::record::Metric;
use matching::{Matches, SideCell};

pub(crate) use environment::flatten;
pub use environment::{EnvironmentDifference, environment_differences};
pub use threshold::{NotAThreshold, Threshold};
pub use visible::{Visible, VisibleByKind};

/// Which noise a difference is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseOf {
    /// One run a side: how the repetitions of a run vary. What changes from run to run (placement of memory, the scheduler's choices, what
    /// else the machine did that hour) is not in it.
    WithinARun,
    /// Several runs on a side: how runs vary.
    BetweenRuns,
}

/// How many comparisons are kept from raising false alarms by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// Benjamini and Hochberg: at most 5 % of what is flagged is flagged wrongly. The default, because a run has hundreds of results
    /// with few repetitions each; with two runs that do not differ at all, the chance of any flag is 5 % as well.
    #[default]
    BenjaminiHochberg,
    /// Holm: the chance that anything at all is flagged wrongly is at most 5 %. Finds less.
    Holm,
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Correction::BenjaminiHochberg => "Benjamini-Hochberg",
            Correction::Holm => "Holm",
        })
    }
}

impl Correction {
    /// Adjusted p in the given order.
    fn apply(self, p: &[f64]) -> Vec<f64> {
        match self {
            Correction::BenjaminiHochberg => statistics::benjamini_hochberg(p),
            Correction::Holm => statistics::holm(p),
        }
    }
}

/// The answer for one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Differs beyond noise, for the better.
    Better,
    /// Differs beyond noise, for the worse.
    Worse,
    /// Does not differ beyond noise.
    WithinNoise,
    /// Noise is unknown: measured once on a side, or repetitions that agree exactly ([`Change::not_judged`]).
    CannotJudge,
    /// Not from valid trials on both sides.
    NotValid,
}

impl Finding {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Finding::Better => "better",
            Finding::Worse => "worse",
            Finding::WithinNoise => "within noise",
            Finding::CannotJudge => "noise unknown",
            Finding::NotValid => "not valid",
        }
    }
}

/// One result on both sides.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// What was measured.
    pub key: CellKey,
    /// Judged by.
    pub quantity: Quantity,
    /// Before: a value a repetition, or a value a run where noise is between runs.
    pub base: Sample,
    /// After.
    pub new: Sample,
    /// The geometric mean of `new` over that of `base`.
    pub ratio: f64,
    /// Its 95 % interval, uncorrected, from the same noise as the test.
    pub interval: Option<Interval>,
    /// How large a shift had to be to be found; none where noise is unknown.
    pub visible: Option<Visible>,
    /// Of the test, as it is.
    pub p: Option<f64>,
    /// Corrected for the number of comparisons.
    pub p_corrected: Option<f64>,
    /// The answer.
    pub finding: Finding,
    /// Why there was no test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<NoInterval>,
    #[serde(skip)]
    test: Option<LogDifference>,
}

impl Change {
    /// How much worse, 0.05 for 5 %; negative where it is better. Half a rate and twice a delay are both 0.5 and 1.
    pub fn worse_by(&self) -> f64 {
        if self.quantity.higher_is_better() { 1.0 - self.ratio } else { self.ratio - 1.0 }
    }

    /// The measurement's name on one line.
    pub fn name(&self) -> String {
        let load = self.key.load.as_ref().filter(|load| *load != "max").map(|load| format!(" at {load}")).unwrap_or_default();
        let setup = self.key.configuration.settings_in_words().map(|settings| format!(" ({settings})")).unwrap_or_default();
        format!("{} {} {} {}{load}{setup}", self.key.pair, self.key.stack, self.key.size, self.quantity)
    }
}

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
    /// Which noise differences are held against.
    pub noise: NoiseOf,
    /// How many runs each side has: base, new.
    pub runs: (usize, usize),
}

/// Compares every result that both runs hold.
pub fn compare(base: &Archive, new: &Archive, correction: Correction) -> Comparison {
    compare_runs(&[base], &[new], correction)
}

/// Compares every result that both sides hold. With several runs on a side a run is one value, and the noise is that between runs.
pub fn compare_runs(base: &[&Archive], new: &[&Archive], correction: Correction) -> Comparison {
    let noise = if base.len().max(new.len()) > 1 { NoiseOf::BetweenRuns } else { NoiseOf::WithinARun };
    let base_cells: Vec<Cells<'_>> = base.iter().map(|run| Cells::of(&run.records)).collect();
    let new_cells: Vec<Cells<'_>> = new.iter().map(|run| Cells::of(&run.records)).collect();
    let matches = Matches::of(&base_cells, &new_cells);
    let mut changes = Vec::new();
    let mut not_compared = 0;
    for (before, after) in &matches.both {
        let quantities = quantities(&before.key);
        not_compared += usize::from(quantities.is_empty());
        changes.extend(quantities.iter().filter_map(|&q| change(before, after, q, noise)));
    }
    judging::test(&mut changes, noise);
    judging::correct(&mut changes, correction);
    let visible = VisibleByKind::of(&changes);
    let mut environment = environment_differences(base, new);
    environment.extend(matches.configurations);
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
    }
}

/// One rate for each throughput result and up to two round trips for each latency result: more would count one thing twice.
fn quantities(key: &CellKey) -> &'static [Quantity] {
    match (key.metric, key.stack.is_kernel()) {
        (Metric::Throughput, false) => &[Quantity::ForwardingRate],
        (Metric::Throughput, _) => &[Quantity::Goodput],
        (Metric::Latency, false) => &[Quantity::RttP50, Quantity::RttP99],
        (Metric::Latency, _) => &[Quantity::RttMean],
        _ => &[],
    }
}

fn change(before: &SideCell<'_, '_>, after: &SideCell<'_, '_>, quantity: Quantity, noise: NoiseOf) -> Option<Change> {
    let (base, new) = (before.sample(quantity, noise)?, after.sample(quantity, noise)?);
    let ratio = ratio_of_geometric_means(&new.values, &base.values)?;
    let finding = if base.trusted && new.trusted { Finding::CannotJudge } else { Finding::NotValid };
    let interval = statistics::ratio_interval(&new.values, &base.values).ok();
    let key = after.key.clone();
    Some(Change {
        key,
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
