//! Steps of several results at one run are one event.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{FactChange, Trend};
use crate::analysis::statistics::median;

/// What happened at one run.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// The first run on the new levels: where most of them begin. A step that may lie here, because it is placed badly, counts too.
    pub run: usize,
    /// Places among the trends of those that have a step here, worst first, with new level over old.
    pub shifts: Vec<(usize, f64)>,
    /// How many are worse.
    pub worse: usize,
    /// The median of how much worse those are; 0.05 for 5 %.
    pub worse_by: Option<f64>,
    /// How many are better.
    pub better: usize,
    /// The median of how much better those are.
    pub better_by: Option<f64>,
    /// What else changed: at this run, or where the steps may lie.
    pub environment: Vec<FactChange>,
}

/// A run at which several results stand out.
#[derive(Debug, Clone, Serialize)]
pub struct BadRun {
    /// Which run.
    pub run: usize,
    /// How many results stand out from the runs before and after.
    pub results: usize,
}

/// Steps that are two runs apart are one: 95 of 100 are placed within one run, and nearly all within two.
const NEAR: usize = 2;
/// With fewer results than this standing out, a run is not worth a line of its own.
const SEVERAL: usize = 3;

/// Events in the order of time.
pub(super) fn events(trends: &[Trend], environment: &[FactChange]) -> Vec<Event> {
    let mut open: Vec<(usize, usize)> =
        trends.iter().enumerate().flat_map(|(trend, of)| (0..of.shifts.len()).map(move |shift| (trend, shift))).collect();
    let mut events = Vec::new();
    while !open.is_empty() {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for &(trend, shift) in &open {
            *counts.entry(trends[trend].shifts[shift].run).or_default() += 1;
        }
        // Of runs with equally many steps, the first.
        let Some((&run, _)) = counts.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0))) else { break };
        // A weak step is placed badly: it belongs to what happened where it may lie.
        let (here, rest) = open.into_iter().partition(|&(trend, shift)| {
            let shift = &trends[trend].shifts[shift];
            shift.run.abs_diff(run) <= NEAR || (shift.earliest..=shift.latest).contains(&run)
        });
        events.push(event(run, here, trends, environment));
        open = rest;
    }
    events.sort_by_key(|event| event.run);
    events
}

fn event(run: usize, steps: Vec<(usize, usize)>, trends: &[Trend], environment: &[FactChange]) -> Event {
    let shift = |&(trend, shift): &(usize, usize)| &trends[trend].shifts[shift];
    // All steps have one cause, so it lies where the best placed of them may lie.
    let earliest = steps.iter().map(|step| shift(step).earliest).max().unwrap_or(run).min(run);
    let latest = steps.iter().map(|step| shift(step).latest).min().unwrap_or(run).max(run);
    let mut shifts: Vec<(usize, f64)> = steps.iter().map(|step| (step.0, shift(step).ratio)).collect();
    let worse_by = |&(trend, ratio): &(usize, f64)| trends[trend].worse_by(ratio);
    shifts.sort_by(|a, b| worse_by(b).total_cmp(&worse_by(a)));
    let (worse, better): (Vec<f64>, Vec<f64>) = shifts.iter().map(worse_by).partition(|by| *by > 0.0);
    Event {
        run,
        worse: worse.len(),
        worse_by: median(&worse),
        better: better.len(),
        better_by: median(&better).map(|by| -by),
        environment: environment.iter().filter(|change| (earliest..=latest).contains(&change.run)).cloned().collect(),
        shifts,
    }
}

/// Runs with several outliers, in the order of time.
pub(super) fn bad_runs(trends: &[Trend]) -> Vec<BadRun> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for run in trends.iter().flat_map(|trend| &trend.outliers) {
        *counts.entry(*run).or_default() += 1;
    }
    counts.into_iter().filter(|(_, results)| *results >= SEVERAL).map(|(run, results)| BadRun { run, results }).collect()
}
