//! Who stays in the race.

use super::estimate::Estimates;
use crate::statistics::quantile_t;

/// The probability that a race drops a setting that is as good as the leader, over all settings.
const FALSE_DROPS: f64 = 0.01;

/// The probability that the race ends although a setting is better than the leader by more than the share that does not matter.
const FALSE_ENDS: f64 = 0.05;

/// The tests of one round of the race.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// A setting that is below the leader by so many standard errors is dropped.
    drop: f64,
    /// If a setting's lead over the leader plus so many standard errors is below `margin`, the setting is not better by more than what matters.
    end: f64,
    /// What does not matter, as a logarithm.
    margin: f64,
}

impl Rule {
    /// For a space of `settings`, of which `left` are in the race. None before anything was repeated: then nothing can be said.
    pub(super) fn new(estimates: &Estimates, settings: usize, left: usize, within: f64) -> Option<Rule> {
        if estimates.freedom < 1.0 {
            return None;
        }
        let quantile = |chance: f64| quantile_t(1.0 - chance, estimates.freedom);
        // Bonferroni's bound: the chance is shared between the settings.
        let drop = quantile(FALSE_DROPS / (2.0 * settings.max(2) as f64))?;
        let end = quantile(FALSE_ENDS / left.max(1) as f64)?;
        Some(Rule { drop, end, margin: within.ln_1p() })
    }

    /// Whether `candidate` is worse than the leader beyond noise.
    pub(super) fn is_worse(&self, estimates: &Estimates, candidate: usize, leader: usize) -> bool {
        estimates.difference(leader, candidate).is_some_and(|(behind, error)| behind > self.drop * error)
    }

    /// Whether `candidate` is ahead of the leader by less than what matters.
    pub(super) fn is_no_better(&self, estimates: &Estimates, candidate: usize, leader: usize) -> bool {
        estimates.difference(candidate, leader).is_some_and(|(ahead, error)| ahead + self.end * error < self.margin)
    }
}

/// The setting with the best mean, less one standard error: a setting that was measured once does not lead by luck.
pub(super) fn leader(estimates: &Estimates, among: impl Iterator<Item = usize>) -> Option<usize> {
    let lower = |candidate: usize| estimates.centres[candidate].map(|centre| (candidate, centre.mean - centre.error));
    among.filter_map(lower).max_by(|one, other| one.1.total_cmp(&other.1)).map(|(candidate, _)| candidate)
}
