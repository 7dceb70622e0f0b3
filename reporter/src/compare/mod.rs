//! Two runs side by side: what differs beyond noise, and what else differed between them.

mod environment;
mod visible;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::analysis::noise::CommonNoise;
use crate::analysis::statistics::Spread;
use crate::analysis::{Amount, Cell, CellKey, Cells, LEVEL, Quantity, Sample, Unit, statistics};
use crate::archive::Archive;
use crate::record::Metric;

pub(crate) use environment::flatten;
pub use environment::{EnvironmentDifference, environment_differences};
pub use visible::{Visible, VisibleByKind};

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
    /// Its 95 % interval, uncorrected, from the same noise as the test.
    pub interval: Option<statistics::Interval>,
    /// How large a shift had to be to be found; none where noise is unknown.
    pub visible: Option<Visible>,
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
        let setup = self.key.configuration.settings_in_words().map(|settings| format!(" ({settings})")).unwrap_or_default();
        format!("{} {} {} {}{load}{setup}", self.key.pair, self.key.stack, self.key.size, self.quantity)
    }
}

/// Two runs compared.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Read before the numbers: what else was different.
    pub environment: Vec<EnvironmentDifference>,
    /// In the order of pairs, stacks and sizes.
    pub changes: Vec<Change>,
    /// How large shifts had to be to be found, by kind of result.
    pub visible: Vec<VisibleByKind>,
    /// Measured in both runs, but with nothing that could be compared: procedures whose results are curves or times.
    pub not_compared: usize,
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
pub const TEST: &str = "t-tests of the logarithms of the repetitions, two-sided; the noise of each result is learnt from all results of its \
                        kind (Smyth 2004), or, with fewer than 20 of them or very unequal repetitions, from itself (Welch)";

/// Compares every result that both runs hold.
pub fn compare(base: &Archive, new: &Archive, correction: Correction) -> Comparison {
    let (base_cells, new_cells) = (Cells::of(&base.records), Cells::of(&new.records));
    let matches = Matches::of(&base_cells, &new_cells);
    let mut changes = Vec::new();
    let mut not_compared = 0;
    for (before, after) in &matches.both {
        let quantities = quantities(&before.key);
        not_compared += usize::from(quantities.is_empty());
        changes.extend(quantities.iter().filter_map(|&q| change(before, after, q)));
    }
    test(&mut changes);
    correct(&mut changes, correction);
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
        test: TEST,
    }
}

/// Which cell of one run stands beside which of the other.
struct Matches<'c, 'a> {
    both: Vec<(&'c Cell<'a>, &'c Cell<'a>)>,
    only_in_base: Vec<CellKey>,
    only_in_new: Vec<CellKey>,
    configurations: Vec<EnvironmentDifference>,
}

impl<'c, 'a> Matches<'c, 'a> {
    /// Cells with the same key. Where each run has one configuration of a measurement and the two are not the same (one run before tuning and
    /// one after, or an older record that says less), they are compared, and the difference stands before the numbers.
    fn of(base: &'c Cells<'a>, new: &'c Cells<'a>) -> Self {
        let group = |cells: &'c Cells<'a>| -> BTreeMap<CellKey, Vec<&'c Cell<'a>>> {
            cells.iter().fold(BTreeMap::new(), |mut groups, cell| {
                groups.entry(cell.key.measurement()).or_default().push(cell);
                groups
            })
        };
        let (base, mut new) = (group(base), group(new));
        let mut found = Matches { both: Vec::new(), only_in_base: Vec::new(), only_in_new: Vec::new(), configurations: Vec::new() };
        for (measurement, before) in base {
            let mut after = new.remove(&measurement).unwrap_or_default();
            if let ([one], [other]) = (before.as_slice(), after.as_slice())
                && one.key.configuration.tool == other.key.configuration.tool
            {
                found.note_configurations(one, other);
                found.both.push((one, other));
                continue;
            }
            for cell in before {
                match after.iter().position(|other| other.key == cell.key) {
                    Some(at) => found.both.push((cell, after.remove(at))),
                    None => found.only_in_base.push(cell.key.clone()),
                }
            }
            found.only_in_new.extend(after.into_iter().map(|cell| cell.key.clone()));
        }
        found.only_in_new.extend(new.into_values().flatten().map(|cell| cell.key.clone()));
        found
    }

    fn note_configurations(&mut self, base: &Cell<'_>, new: &Cell<'_>) {
        if base.key.configuration == new.key.configuration {
            return;
        }
        let difference = EnvironmentDifference {
            what: format!("configuration of {} {}", base.key.stack, base.key.method),
            base: Some(base.key.configuration.to_string()),
            new: Some(new.key.configuration.to_string()),
        };
        if !self.configurations.contains(&difference) {
            self.configurations.push(difference);
        }
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

fn change(before: &Cell<'_>, after: &Cell<'_>, quantity: Quantity) -> Option<Change> {
    let (base, new) = (before.sample(quantity)?, after.sample(quantity)?);
    let ratio = new.centre() / base.centre();
    let finding = if base.trusted && new.trusted { Finding::CannotJudge } else { Finding::NotValid };
    let (key, interval) = (after.key.clone(), statistics::welch_on_logs(&new.values, &base.values).and_then(|test| test.interval()));
    ratio.is_finite().then_some(Change { key, quantity, ratio, interval, visible: None, finding, p: None, p_corrected: None, base, new })
}

/// Beyond this ratio of repetitions a shared noise is mostly that of the side with more of them, and says little about the other.
const UNEQUAL: usize = 2;

/// Tests every change of valid results, with the noise that results of its kind have in common where there are enough of them.
fn test(changes: &mut [Change]) {
    let shared = |change: &Change| -> Option<Spread> {
        let (n, m) = (change.base.values.len(), change.new.values.len());
        let alike = n.max(m) < UNEQUAL * n.min(m) && change.finding != Finding::NotValid;
        Spread::shared(&change.new.values, &change.base.values).filter(|_| alike)
    };
    // The kind of a result: its repetitions vary as those of its like.
    let kind = |change: &Change| (change.key.stack, change.key.metric, change.key.configuration.tool.clone(), change.quantity);
    let mut spreads: BTreeMap<_, Vec<Spread>> = BTreeMap::new();
    for change in changes.iter() {
        spreads.entry(kind(change)).or_default().extend(shared(change));
    }
    let common: BTreeMap<_, CommonNoise> = spreads.into_iter().filter_map(|(kind, of)| Some((kind, CommonNoise::of(&of)?))).collect();
    for change in changes.iter_mut().filter(|change| change.finding != Finding::NotValid) {
        let (new, base) = (&change.new.values, &change.base.values);
        let test = match (shared(change), common.get(&kind(change))) {
            (Some(own), Some(common)) => statistics::student_on_logs(new, base, common.moderate(own)),
            _ => statistics::welch_on_logs(new, base),
        };
        let Some(test) = test else { continue };
        change.p = Some(test.p);
        change.interval = test.interval();
        change.visible = Some(Visible::uncorrected(test));
    }
}

fn correct(changes: &mut [Change], correction: Correction) {
    let raw: Vec<f64> = changes.iter().filter_map(|c| c.p).collect();
    let mut corrected = match correction {
        Correction::BenjaminiHochberg => statistics::benjamini_hochberg(&raw),
        Correction::Holm => statistics::holm(&raw),
    }
    .into_iter();
    let comparisons = raw.len();
    for change in changes.iter_mut().filter(|c| c.p.is_some()) {
        let p = corrected.next().unwrap_or(1.0);
        change.visible = change.visible.map(|visible| visible.among(comparisons));
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

    /// How many results could not have shown a shift of this size if they alone had shifted.
    pub fn blind_to(&self, threshold: Threshold) -> usize {
        self.changes.iter().filter_map(|c| c.visible).filter(|v| v.alone > threshold.share()).count()
    }

    /// Whether any result could have shown a shift of this size, even if all of them had shifted.
    pub fn can_see(&self, threshold: Threshold) -> bool {
        self.changes.iter().filter_map(|c| c.visible).any(|v| v.together <= threshold.share())
    }

    /// What could have been seen, a sentence for each kind of result.
    pub fn visibility(&self) -> Vec<String> {
        let percent = |share: f64| match share * 100.0 {
            p if p < 0.01 => "less than 0.01 %".to_owned(),
            p if p >= 1000.0 => "more than tenfold".to_owned(),
            p => Amount { unit: Unit::Percent, value: p }.to_string(),
        };
        let of = |kind: &VisibleByKind| {
            format!(
                "{} {}: from {} if one result alone shifts, from {} if all do ({} judged)",
                kind.stack,
                kind.quantity,
                percent(kind.alone),
                percent(kind.together),
                kind.results
            )
        };
        self.visible.iter().map(of).collect()
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
        if self.not_compared > 0 {
            summary.push_str(&format!(" {} more are in both runs and hold no single number to compare.", self.not_compared));
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
