//! Which values differ from the others beyond noise.

use serde::Serialize;

use super::Group;
use crate::analysis::LEVEL;
use crate::analysis::statistics::{
    FEWEST_PEERS, IntervalMethod, LogDifference, LogSpread, benjamini_hochberg, logs, mean, p_of_odd_ones, variance,
};

/// What a value was held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerNoise {
    /// How the values of the other testbeds vary.
    BetweenTestbeds,
    /// Too few testbeds: how repetitions vary within runs. Testbeds differ by more than that, so that a difference is real and may be usual.
    WithinRuns,
}

/// The answer for one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judged {
    /// Of the hypothesis that it belongs with the others.
    pub p: f64,
    /// Corrected for the number of values.
    pub p_corrected: f64,
    /// Whether it differs.
    pub differs: bool,
}

/// Tests every value, and gives how many were tested.
pub(super) fn judge(groups: &mut [Group]) -> usize {
    let mut tested: Vec<(usize, usize, f64)> = Vec::new();
    for (place, group) in groups.iter_mut().enumerate() {
        let (noise, p) = p_of(group);
        group.noise = noise;
        tested.extend(p.into_iter().enumerate().filter_map(|(value, p)| Some((place, value, p?))));
    }
    let corrected = benjamini_hochberg(&tested.iter().map(|(_, _, p)| *p).collect::<Vec<_>>());
    for (&(group, value, p), p_corrected) in tested.iter().zip(corrected) {
        groups[group].values[value].judged = Some(Judged { p, p_corrected, differs: p_corrected < LEVEL });
    }
    tested.len()
}

fn p_of(group: &Group) -> (Option<PeerNoise>, Vec<Option<f64>>) {
    let values: Vec<f64> = group.values.iter().map(|value| value.value.ln()).collect();
    if values.len() >= FEWEST_PEERS {
        return match p_of_odd_ones(&values) {
            Some(p) => (Some(PeerNoise::BetweenTestbeds), p.into_iter().map(Some).collect()),
            None => (None, vec![None; values.len()]),
        };
    }
    let p: Vec<Option<f64>> = (0..values.len()).map(|place| p_within_runs(group, place)).collect();
    (p.iter().any(Option::is_some).then_some(PeerNoise::WithinRuns), p)
}

/// A value against the mean of the others, with the noise of all their repetitions. Of two testbeds the better one is the other's measure.
fn p_within_runs(group: &Group, place: usize) -> Option<f64> {
    let own = &group.values[place];
    if group.values.iter().all(|value| group.worse_by(value.value) >= group.worse_by(own.value)) && group.values.len() == 2 {
        return Some(1.0);
    }
    let logs: Vec<Vec<f64>> = group.values.iter().map(|value| logs(&value.repetitions)).collect::<Option<_>>()?;
    let freedom: f64 = logs.iter().map(|of| of.len() as f64 - 1.0).sum();
    if freedom < 1.0 {
        return None;
    }
    let squares: f64 = logs.iter().map(|of| variance(of).unwrap_or(0.0) * (of.len() as f64 - 1.0)).sum();
    let spread = LogSpread { variance: squares / freedom, freedom };
    let others: Vec<f64> = (0..logs.len()).filter(|other| *other != place).filter_map(|other| mean(&logs[other])).collect();
    let error_of_others: f64 = (0..logs.len()).filter(|other| *other != place).map(|other| 1.0 / logs[other].len() as f64).sum::<f64>()
        / (others.len() as f64).powi(2);
    let squared = spread.variance * (1.0 / logs[place].len() as f64 + error_of_others);
    let test = LogDifference {
        difference: mean(&logs[place])? - mean(&others)?,
        standard_error: squared.sqrt(),
        freedom,
        method: IntervalMethod::SharedSpreadLog,
    };
    if squared > 0.0 { test.p() } else { None }
}
