use serde::{Deserialize, Serialize};

use super::comparison::Gain;
use super::estimate::Estimates;
use super::outcome::Aim;
use super::race::Rule;
use super::space::{Candidate, Space};
use crate::statistics::{lower_t, quantile_t};

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuneResult {
    /// The setting to use: the winner, or the default where no difference between the two was shown.
    pub chosen: Candidate,
    /// The setting with the best mean.
    pub winner: Candidate,
    /// Whether the winner is better than the default beyond noise.
    pub better_than_default: bool,
    /// Winner against default; none where the winner is the default, or the search ended before.
    pub gain: Option<Gain>,
    /// The settings that are not shown to be worse than the winner, the best first. The winner is one of them.
    pub equal: Vec<Candidate>,
    /// The one of them that takes the fewest cores; of several, the best.
    pub cheapest: Candidate,
    /// At least this is the probability that no measured setting is better than the chosen one by more than the share that does not matter.
    pub confidence: f64,
    /// The same of the winner.
    pub winner_confidence: f64,
    /// Relative standard deviation of a trial.
    pub noise: Option<f64>,
    /// Every setting with a valid trial, the best first.
    pub measured: Vec<Estimate>,
    /// Settings that do not work here.
    pub failed: Vec<Candidate>,
    /// Settings that were tried and have no valid trial: nothing is known of them.
    pub unknown: Vec<Candidate>,
    /// Settings that were not tried.
    pub untried: usize,
    /// Invalid trials.
    pub invalid: usize,
    /// Trials, those without a value included.
    pub trials: usize,
}

/// What is known of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Which.
    pub candidate: Candidate,
    /// Its value, free of drift and outliers.
    pub value: f64,
    /// The 95 % interval; none before anything was repeated.
    pub interval: Option<(f64, f64)>,
    /// Valid trials behind it.
    pub trials: usize,
}

/// What [`result`] is made of.
pub(super) struct Known<'a> {
    pub space: &'a Space,
    pub aim: Aim,
    pub within: f64,
    pub estimates: &'a Estimates,
    pub winner: usize,
    pub gain: Option<Gain>,
    pub failed: Vec<Candidate>,
    /// Invalid trials by setting.
    pub invalid: &'a [u32],
    pub trials: usize,
}

pub(super) fn result(known: Known<'_>) -> TuneResult {
    let Known { space, aim, within, estimates, winner, gain, failed, invalid, trials } = known;
    let default = space.default_setting();
    let rule = Rule::new(estimates, space.len(), space.len(), within);
    let worse = |candidate: usize| rule.is_some_and(|rule| rule.is_worse(estimates, candidate, winner));
    let works = |candidate: usize| !failed.contains(&Candidate(candidate));
    let mut order: Vec<usize> = (0..space.len()).filter(|&candidate| estimates.centres[candidate].is_some() && works(candidate)).collect();
    estimates.sort_best_first(&mut order);
    let shown = gain.is_some_and(|gain| gain.shown);
    // Nothing is better than a default of which nothing is known.
    let better = winner != default.index() && (shown || !works(default.index()) || worse(default.index()));
    let without_value = || (0..space.len()).filter(|&candidate| estimates.centres[candidate].is_none() && works(candidate));
    let equal: Vec<Candidate> =
        order.iter().copied().filter(|&candidate| candidate == winner || !worse(candidate)).map(Candidate).collect();
    let fewest = equal.iter().map(|&candidate| space.cores(candidate)).min();
    let chosen = if better { Candidate(winner) } else { default };
    // Of several that take the fewest, the chosen one, or the best.
    let of_fewest = |candidate: &Candidate| Some(space.cores(*candidate)) == fewest;
    let cheapest = [chosen].into_iter().filter(|chosen| equal.contains(chosen)).chain(equal.iter().copied()).find(of_fewest);
    let cheapest = cheapest.unwrap_or(Candidate(winner));
    TuneResult {
        chosen,
        winner: Candidate(winner),
        better_than_default: better,
        gain,
        cheapest,
        equal,
        confidence: confidence(estimates, &order, chosen.index(), within),
        winner_confidence: confidence(estimates, &order, winner, within),
        noise: (estimates.freedom >= 1.0).then_some(estimates.noise),
        measured: order.iter().filter_map(|&candidate| estimate(aim, estimates, candidate)).collect(),
        unknown: without_value().filter(|&candidate| invalid[candidate] > 0).map(Candidate).collect(),
        untried: without_value().filter(|&candidate| invalid[candidate] == 0).count(),
        invalid: invalid.iter().map(|&count| count as usize).sum(),
        failed,
        trials,
    }
}

fn estimate(aim: Aim, estimates: &Estimates, candidate: usize) -> Option<Estimate> {
    let centre = estimates.centres[candidate]?;
    let reach = (estimates.freedom >= 1.0).then(|| quantile_t(0.975, estimates.freedom)).flatten().map(|t| t * centre.error);
    Some(Estimate {
        candidate: Candidate(candidate),
        value: aim.value(centre.mean),
        interval: reach.map(|reach| aim.interval(centre.mean, reach)),
        trials: centre.count,
    })
}

/// One less the sum of the probabilities that each other setting is better by more than what matters: Bonferroni's bound.
fn confidence(estimates: &Estimates, measured: &[usize], chosen: usize, within: f64) -> f64 {
    if estimates.freedom < 1.0 || estimates.centres[chosen].is_none() {
        return 0.0;
    }
    let better = |candidate: usize| {
        let (ahead, error) = estimates.difference(candidate, chosen)?;
        lower_t((ahead - within.ln_1p()) / error, estimates.freedom)
    };
    let others = measured.iter().copied().filter(|&candidate| candidate != chosen);
    (1.0 - others.filter_map(better).sum::<f64>()).max(0.0)
}
