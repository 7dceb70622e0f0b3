//! Which values differ from the others beyond noise.

use std::collections::BTreeSet;

use super::{Group, Judged, PeerNoise};
use crate::analysis::LEVEL;
use crate::analysis::statistics::{FEWEST_PEERS, IntervalMethod, LogDifference, benjamini_hochberg, logs, mean, p_of_odd_ones, variance};

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

/// With two testbeds each is all that the other can be compared with, however many pairs they have.
const FEWEST_TESTBEDS: usize = 3;

fn p_of(group: &mut Group) -> (Option<PeerNoise>, Vec<Option<f64>>) {
    let values: Vec<f64> = group.values.iter().map(|value| value.value.ln()).collect();
    let testbeds: BTreeSet<usize> = group.values.iter().map(|value| value.testbed).collect();
    if values.len() >= FEWEST_PEERS && testbeds.len() >= FEWEST_TESTBEDS {
        let median = group.distribution.median;
        group.values.iter_mut().for_each(|value| value.usual = median);
        return match p_of_odd_ones(&values) {
            Some(p) => (Some(PeerNoise::BetweenTestbeds), p.into_iter().map(Some).collect()),
            None => (None, vec![None; values.len()]),
        };
    }
    let others = |testbed: usize| group.values.iter().filter(move |value| value.testbed != testbed).map(|value| value.value.ln());
    let usual: Vec<Option<f64>> = group.values.iter().map(|value| mean(&others(value.testbed).collect::<Vec<_>>()).map(f64::exp)).collect();
    for (value, usual) in group.values.iter_mut().zip(usual) {
        value.usual = usual.unwrap_or(value.value);
    }
    let p: Vec<Option<f64>> = (0..values.len()).map(|place| p_within_runs(group, place, testbeds.len())).collect();
    (p.iter().any(Option::is_some).then_some(PeerNoise::WithinRuns), p)
}

/// A value against the mean of the other testbeds, with the noise of all repetitions. Of two testbeds the better one is the measure.
fn p_within_runs(group: &Group, place: usize, testbeds: usize) -> Option<f64> {
    let own = &group.values[place];
    if testbeds < FEWEST_TESTBEDS && group.worse_by(own) <= 0.0 {
        return None;
    }
    let samples: Vec<Vec<f64>> = group.values.iter().map(|value| logs(&value.repetitions)).collect::<Option<_>>()?;
    let freedom: f64 = samples.iter().map(|of| of.len() as f64 - 1.0).sum();
    if freedom < 1.0 {
        return None;
    }
    let squares: f64 = samples.iter().map(|of| variance(of).unwrap_or(0.0) * (of.len() as f64 - 1.0)).sum();
    let others: Vec<&Vec<f64>> =
        samples.iter().zip(&group.values).filter(|(_, value)| value.testbed != own.testbed).map(|(of, _)| of).collect();
    let of_others = others.iter().map(|of| 1.0 / of.len() as f64).sum::<f64>() / (others.len() as f64).powi(2);
    let squared = squares / freedom * (1.0 / samples[place].len() as f64 + of_others);
    let test = LogDifference {
        difference: (own.value / own.usual).ln(),
        standard_error: squared.sqrt(),
        freedom,
        method: IntervalMethod::SharedSpreadLog,
    };
    if squared > 0.0 { test.p() } else { None }
}
