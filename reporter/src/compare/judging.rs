//! Tests every change, and corrects for their number.

use std::collections::BTreeMap;

use super::{Change, Correction, Judgement, NoiseOf, Visible};
use crate::analysis::LEVEL;
use crate::analysis::statistics::{LogDifference, LogSpread, NoInterval, SharedNoise};

/// Beyond this ratio of repetitions a shared noise is mostly that of the side with more of them, and says little about the other.
const UNEQUAL: usize = 2;

/// Geometric means whose logarithms differ by no more than this are equal: what is left is rounding.
const EQUAL: f64 = 1e-9;

/// Tests every change of valid results.
pub(super) fn test(changes: &mut [Change], noise: NoiseOf) {
    match noise {
        NoiseOf::WithinARun => within_a_run(changes),
        NoiseOf::BetweenRuns => changes.iter_mut().filter(|c| c.finding != Judgement::NotValid).for_each(|c| settle(c, between_runs(c))),
    }
}

/// With the noise that results of a kind have in common, where there are enough of them.
fn within_a_run(changes: &mut [Change]) {
    let shared = |change: &Change| -> Option<LogSpread> {
        let (n, m) = (change.base.values.len(), change.new.values.len());
        let alike = n.min(m) > 1 && n.max(m) < UNEQUAL * n.min(m) && change.finding != Judgement::NotValid;
        LogSpread::pooled(&change.new.values, &change.base.values).ok().filter(|_| alike)
    };
    // The kind of a result: its repetitions vary as those of its like.
    let kind = |change: &Change| (change.key.stack, change.key.metric, change.key.configuration.tool.clone(), change.quantity);
    let mut spreads: BTreeMap<_, Vec<LogSpread>> = BTreeMap::new();
    for change in changes.iter() {
        spreads.entry(kind(change)).or_default().extend(shared(change));
    }
    let common: BTreeMap<_, SharedNoise> = spreads.into_iter().filter_map(|(kind, of)| Some((kind, SharedNoise::of(&of)?))).collect();
    for change in changes.iter_mut().filter(|change| change.finding != Judgement::NotValid) {
        let (new, base) = (&change.new.values, &change.base.values);
        let test = match (shared(change), common.get(&kind(change))) {
            (Some(own), Some(common)) => LogDifference::student(new, base, common.moderate(own)),
            // Two repetitions are too few for Welch. Both sides measured the same, so that one spread is a fair assumption.
            (Some(own), None) if new.len().min(base.len()) == 2 => LogDifference::student(new, base, own),
            _ => LogDifference::welch(new, base),
        };
        settle(change, test);
    }
}

/// A run is one value. Results share no noise here: what moves a run as a whole moves many of its results together, so that they are no
/// independent evidence about how runs vary. With one or two runs on a side, the runs of both sides are taken to vary alike.
fn between_runs(change: &Change) -> Result<LogDifference, NoInterval> {
    let (new, base) = (&change.new.values, &change.base.values);
    match new.len().min(base.len()) {
        0..=2 => LogDifference::student(new, base, LogSpread::pooled(new, base)?),
        _ => LogDifference::welch(new, base),
    }
}

fn settle(change: &mut Change, test: Result<LogDifference, NoInterval>) {
    match test {
        Ok(test) => {
            change.p = test.p();
            change.interval = test.interval();
            change.visible = Some(Visible::uncorrected(test));
            change.test = Some(test);
        }
        // Equal to the last digit on both sides: no difference, whatever the noise.
        Err(NoInterval::NoSpread) if change.ratio.ln().abs() <= EQUAL => change.p = Some(1.0),
        Err(why) => change.not_judged = Some(why),
    }
}

/// Corrects p and answers.
pub(super) fn correct(changes: &mut [Change], correction: Correction) {
    let raw: Vec<f64> = changes.iter().filter_map(|c| c.p).collect();
    let comparisons = raw.len();
    let mut corrected = correction.apply(&raw).into_iter();
    for change in changes.iter_mut().filter(|c| c.p.is_some()) {
        let p = corrected.next().unwrap_or(1.0);
        change.visible = change.visible.map(|visible| visible.among(comparisons));
        change.p_corrected = Some(p);
        change.finding = match (p < LEVEL, change.worse_by() > 0.0) {
            (false, _) => Judgement::WithinNoise,
            (true, true) => Judgement::Worse,
            (true, false) => Judgement::Better,
        };
    }
}
