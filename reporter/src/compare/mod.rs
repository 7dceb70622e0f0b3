//! Two runs side by side: what differs beyond noise, and what else differed between them.

mod environment;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::analysis::{Cell, CellKey, Cells, LEVEL, Quantity, Sample, statistics};
use crate::archive::Archive;
use crate::record::{Metric, Stack};

pub(crate) use environment::flatten;
pub use environment::{EnvironmentDifference, environment_differences};

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
    /// Measured once on a side, so that noise is unknown.
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
            Finding::CannotJudge => "n = 1: noise unknown",
            Finding::NotValid => "not valid",
        }
    }
}

/// One result in both runs.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// What was measured.
    pub key: CellKey,
    /// Judged by.
    pub quantity: Quantity,
    /// Before.
    pub base: Sample,
    /// After.
    pub new: Sample,
    /// mean(new) / mean(base).
    pub ratio: f64,
    /// Its 95 % interval, uncorrected.
    pub interval: Option<statistics::Interval>,
    /// Of the test, as it is.
    pub p: Option<f64>,
    /// Corrected for the number of comparisons.
    pub p_corrected: Option<f64>,
    /// The answer.
    pub finding: Finding,
}

impl Change {
    /// How much worse, 0.05 for 5 %; negative where it is better. Half a rate and twice a delay are both 0.5 and 1.
    pub fn worse_by(&self) -> f64 {
        if self.quantity.higher_is_better() { 1.0 - self.ratio } else { self.ratio - 1.0 }
    }

    /// The measurement's name on one line.
    pub fn name(&self) -> String {
        let load = self.key.load.as_ref().filter(|load| *load != "max").map(|load| format!(" at {load}")).unwrap_or_default();
        format!("{} {} {} {}{load}", self.key.pair, self.key.stack, self.key.size, self.quantity)
    }
}

/// Two runs compared.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Read before the numbers: what else was different.
    pub environment: Vec<EnvironmentDifference>,
    /// In the order of pairs, stacks and sizes.
    pub changes: Vec<Change>,
    /// Measured in the first run only.
    pub only_in_base: Vec<CellKey>,
    /// Measured in the second run only.
    pub only_in_new: Vec<CellKey>,
    /// How p was corrected.
    pub correction: Correction,
    /// The level of the tests after correction.
    pub level: f64,
    /// The test, in words.
    pub test: &'static str,
}

/// The test, for people.
pub const TEST: &str = "Welch's t-test of the logarithms of the repetitions, two-sided";

/// Compares every result that both runs hold.
pub fn compare(base: &Archive, new: &Archive, correction: Correction) -> Comparison {
    let (base_cells, new_cells) = (Cells::of(&base.records), Cells::of(&new.records));
    let by_key = |cells: &Cells<'_>| -> BTreeMap<CellKey, usize> { cells.iter().enumerate().map(|(i, c)| (c.key.clone(), i)).collect() };
    let (base_keys, new_keys) = (by_key(&base_cells), by_key(&new_cells));
    let mut changes = Vec::new();
    for (key, &at) in &base_keys {
        let Some(&there) = new_keys.get(key) else { continue };
        if let (Some(before), Some(after)) = (base_cells.iter().nth(at), new_cells.iter().nth(there)) {
            changes.extend(quantities(key).iter().filter_map(|&q| change(before, after, q)));
        }
    }
    correct(&mut changes, correction);
    Comparison {
        environment: environment_differences(base, new),
        changes,
        only_in_base: base_keys.keys().filter(|k| !new_keys.contains_key(k)).cloned().collect(),
        only_in_new: new_keys.keys().filter(|k| !base_keys.contains_key(k)).cloned().collect(),
        correction,
        level: LEVEL,
        test: TEST,
    }
}

/// One rate for each throughput result and up to two round trips for each latency result: more would count one thing twice.
fn quantities(key: &CellKey) -> &'static [Quantity] {
    match (key.metric, key.stack) {
        (Metric::Throughput, Stack::Dpdk) => &[Quantity::ForwardingRate],
        (Metric::Throughput, _) => &[Quantity::Goodput],
        (Metric::Latency, Stack::Dpdk) => &[Quantity::RttP50, Quantity::RttP99],
        (Metric::Latency, _) => &[Quantity::RttMean],
        _ => &[],
    }
}

fn change(before: &Cell<'_>, after: &Cell<'_>, quantity: Quantity) -> Option<Change> {
    let (base, new) = (before.sample(quantity)?, after.sample(quantity)?);
    let ratio = new.centre() / base.centre();
    if !ratio.is_finite() {
        return None;
    }
    let valid = base.trusted && new.trusted;
    let p = valid.then(|| statistics::welch_on_logs(&new.values, &base.values).map(|welch| welch.p)).flatten();
    Some(Change {
        key: before.key.clone(),
        quantity,
        ratio,
        interval: statistics::ratio_interval(&new.values, &base.values, u64::from(before.key.size.bytes)),
        finding: if valid { Finding::CannotJudge } else { Finding::NotValid },
        p,
        p_corrected: None,
        base,
        new,
    })
}

fn correct(changes: &mut [Change], correction: Correction) {
    let raw: Vec<f64> = changes.iter().filter_map(|c| c.p).collect();
    let mut corrected = match correction {
        Correction::BenjaminiHochberg => statistics::benjamini_hochberg(&raw),
        Correction::Holm => statistics::holm(&raw),
    }
    .into_iter();
    for change in changes.iter_mut().filter(|c| c.p.is_some()) {
        let p = corrected.next().unwrap_or(1.0);
        change.p_corrected = Some(p);
        change.finding = match (p < LEVEL, change.worse_by() > 0.0) {
            (false, _) => Finding::WithinNoise,
            (true, true) => Finding::Worse,
            (true, false) => Finding::Better,
        };
    }
}

impl Comparison {
    /// How many results have this answer.
    pub fn count(&self, finding: Finding) -> usize {
        self.changes.iter().filter(|c| c.finding == finding).count()
    }

    /// Results that are worse beyond noise by at least the threshold.
    pub fn regressions(&self, threshold: Threshold) -> Vec<&Change> {
        self.changes.iter().filter(|c| c.finding == Finding::Worse && c.worse_by() >= threshold.share()).collect()
    }

    /// Whether noise could be judged anywhere.
    pub fn can_judge(&self) -> bool {
        self.changes.iter().any(|c| c.p.is_some())
    }

    /// What the numbers say, in one sentence or two.
    pub fn summary(&self) -> String {
        let once = self.count(Finding::CannotJudge);
        if self.changes.is_empty() {
            return "The two runs have no result in common.".to_owned();
        }
        if !self.can_judge() {
            let reason =
                if once > 0 { "each was measured once (n = 1) on a side, so that noise cannot be judged" } else { "none is valid in both" };
            return format!("{} results in common, and {reason}: no difference is called real.", self.changes.len());
        }
        let mut summary = format!(
            "Of {} results in common, {} are worse and {} better beyond noise; {} are within it.",
            self.changes.len(),
            self.count(Finding::Worse),
            self.count(Finding::Better),
            self.count(Finding::WithinNoise),
        );
        if once > 0 {
            summary.push_str(&format!(" {once} were measured once (n = 1) on a side: noise cannot be judged there."));
        }
        let invalid = self.count(Finding::NotValid);
        if invalid > 0 {
            summary.push_str(&format!(" {invalid} are not valid on a side."));
        }
        summary
    }
}

/// How much worse is too much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Threshold(f64);

impl Threshold {
    /// 0.05 for 5 %.
    pub const fn share(self) -> f64 {
        self.0
    }
}

/// The text is not a threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a threshold: write a percentage from 0% to 100%, such as 5%")]
pub struct NotAThreshold(String);

impl FromStr for Threshold {
    type Err = NotAThreshold;

    /// Reads `5%` and `0.05`.
    fn from_str(text: &str) -> Result<Self, NotAThreshold> {
        let wrong = || NotAThreshold(text.to_owned());
        let (number, divisor) = match text.trim().strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text.trim(), 1.0),
        };
        let share = number.trim().parse::<f64>().map_err(|_| wrong())? / divisor;
        if (0.0..=1.0).contains(&share) { Ok(Threshold(share)) } else { Err(wrong()) }
    }
}
