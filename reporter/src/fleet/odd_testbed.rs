//! Which testbed differs, in which results, and what those results have in common: a system, an endpoint, a stack.

use std::collections::BTreeSet;

use serde::Serialize;

use super::environment::{FleetFacts, OddFact};
use super::{Group, Observation, Place, Testbed};
use crate::analysis::statistics::{holm, median, p_of_so_many};
use crate::analysis::{CellKey, LEVEL, Quantity};
use crate::compare::result_name;
use crate::record::{EndpointId, Stack};

/// A testbed with results that differ from those of the others.
#[derive(Debug, Clone, Serialize)]
pub struct OddTestbed {
    /// Place among the testbeds.
    pub testbed: usize,
    /// How many of its results were judged.
    pub judged: usize,
    /// How many differ.
    pub differing: usize,
    /// Of those, how many are worse.
    pub worse: usize,
    /// The median of how much worse than usual those are; 0.05 for 5 %.
    pub worse_by: Option<f64>,
    /// The median of how much better the others are.
    pub better_by: Option<f64>,
    /// The result that is worst, or where none is worse, the best: a median hides it.
    pub extreme: Option<Extreme>,
    /// Stacks and quantities that differ.
    pub kinds: Vec<(Stack, Quantity)>,
    /// What the results that differ have in common, and the others have not.
    pub place: Option<Place>,
    /// In what its environment differs from that of most testbeds; facts of the place first, then those that fewest others share.
    pub facts: Vec<OddFact>,
}

/// A result that differs most.
#[derive(Debug, Clone, Serialize)]
pub struct Extreme {
    /// Between which endpoints, and what: `a-cpu→b-cpu kernel-tcp 64 B message goodput`.
    pub name: String,
    /// Its value over what it was compared with.
    pub ratio: f64,
}

/// A place is named where results that cross it differ more often than the others by at least this share.
const TELLING: f64 = 0.5;

/// p of a testbed: that so many of its results, or one so clearly, differ by chance.
fn p_of(judged: &[(&Group, &Observation)], differing: usize, rate: f64) -> f64 {
    let clearest = judged.iter().filter_map(|(_, value)| value.judged).map(|judged| judged.p).fold(1.0, f64::min);
    let many = p_of_so_many(differing, judged.len(), rate);
    (2.0 * many.min(clearest * judged.len() as f64)).min(1.0)
}

/// Testbeds that differ, those with the most results first. Of all results that differ a share is wrong, and it is spread over all testbeds: one or
/// two of hundreds name none.
pub(super) fn odd_testbeds(testbeds: &[Testbed], groups: &[Group]) -> Vec<OddTestbed> {
    let differs = |value: &Observation| value.judged.is_some_and(|judged| judged.differs);
    let odd_ones: BTreeSet<usize> = groups.iter().flat_map(|g| &g.values).filter(|v| differs(v)).map(|v| v.testbed).collect();
    // The p up to which results count as different.
    let rate = groups.iter().flat_map(|g| &g.values).filter(|v| differs(v)).filter_map(|v| v.judged).map(|j| j.p).fold(0.0, f64::max);
    // The judged values of each testbed.
    let mut values: Vec<Vec<(&Group, &Observation)>> = vec![Vec::new(); testbeds.len()];
    for group in groups {
        group.values.iter().filter(|value| value.judged.is_some()).for_each(|value| values[value.testbed].push((group, value)));
    }
    let p: Vec<f64> = values.iter().map(|judged| p_of(judged, judged.iter().filter(|(_, value)| differs(value)).count(), rate)).collect();
    let corrected = holm(&p);
    let odd_ones: BTreeSet<usize> = odd_ones.into_iter().filter(|&testbed| corrected[testbed] < LEVEL).collect();
    let facts = FleetFacts::of(testbeds);
    let mut odd: Vec<OddTestbed> = odd_ones
        .iter()
        .map(|&testbed| {
            let judged = &values[testbed];
            let differing: Vec<&(&Group, &Observation)> = judged.iter().filter(|(_, value)| differs(value)).collect();
            let (worse, better): (Vec<f64>, Vec<f64>) = differing.iter().map(|(group, v)| group.worse_by(v)).partition(|by| *by > 0.0);
            let kinds: BTreeSet<(Stack, Quantity)> = differing.iter().map(|(group, _)| (group.key.stack, group.quantity)).collect();
            let of_kinds: Vec<(bool, &Observation)> = judged
                .iter()
                .filter(|(group, _)| kinds.contains(&(group.key.stack, group.quantity)))
                .map(|(_, value)| (differs(value), *value))
                .collect();
            let place = place(&of_kinds);
            OddTestbed {
                testbed,
                judged: judged.len(),
                differing: differing.len(),
                worse: worse.len(),
                worse_by: median(&worse),
                better_by: median(&better).map(|by| -by),
                extreme: extreme(&differing),
                kinds: kinds.into_iter().collect(),
                facts: facts.odd(testbed, &odd_ones, place.as_ref()),
                place,
            }
        })
        .collect();
    odd.sort_by(|a, b| b.differing.cmp(&a.differing).then(a.testbed.cmp(&b.testbed)));
    odd
}

/// The worst of the results that differ; the best where none is worse.
fn extreme(differing: &[&(&Group, &Observation)]) -> Option<Extreme> {
    let by = |(group, value): &(&Group, &Observation)| group.worse_by(value);
    let worst = differing.iter().max_by(|a, b| by(a).total_cmp(&by(b)))?;
    let best = differing.iter().min_by(|a, b| by(a).total_cmp(&by(b)))?;
    let (group, value) = if by(worst) > 0.0 { worst } else { best };
    let key = CellKey { pair: value.pair.clone(), ..group.key.clone() };
    Some(Extreme { name: result_name(&key, group.quantity), ratio: value.value / value.usual })
}

/// The place that the results that differ cross, and the others do not.
fn place(results: &[(bool, &Observation)]) -> Option<Place> {
    let endpoints: BTreeSet<&EndpointId> = results.iter().flat_map(|(_, value)| [&value.pair.from, &value.pair.to]).collect();
    let systems: BTreeSet<&str> = endpoints.iter().map(|endpoint| endpoint.system()).filter(|system| !system.is_empty()).collect();
    let candidates =
        endpoints.iter().map(|id| Place::Endpoint((*id).clone())).chain(systems.iter().map(|name| Place::System((*name).to_owned())));
    let crosses = |place: &Place, value: &Observation| place.holds(&value.pair.from) || place.holds(&value.pair.to);
    let share = |place: &Place, crossing: bool| {
        let of: Vec<bool> = results.iter().filter(|(_, value)| crosses(place, value) == crossing).map(|(differs, _)| *differs).collect();
        (!of.is_empty()).then(|| of.iter().filter(|differs| **differs).count() as f64 / of.len() as f64)
    };
    candidates
        .filter_map(|place| Some((share(&place, true)? - share(&place, false)?, place)))
        .filter(|(telling, _)| *telling >= TELLING)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, place)| place)
}
