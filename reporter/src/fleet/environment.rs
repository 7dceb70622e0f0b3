//! In what the environment of a testbed differs from that of most testbeds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Place, Testbed};
use crate::compare::endpoint_of_fact;
use crate::record::EndpointId;

/// A fact whose value differs from that of most testbeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OddFact {
    /// Of which endpoint; absent for what the whole run has, such as a tool.
    pub endpoint: Option<EndpointId>,
    /// Which fact.
    pub what: String,
    /// The value here.
    pub here: String,
    /// The value at most testbeds.
    pub usual: String,
    /// How many testbeds have the usual value throughout.
    pub usual_at: usize,
    /// How many testbeds that do not differ in their results share the value here.
    pub also_at: usize,
}

/// A fact by the kind of its endpoint.
type FactName = (Option<String>, String);

/// The facts of all testbeds.
pub(super) struct FleetFacts<'t> {
    /// Those of each testbed.
    by_testbed: Vec<Vec<(Option<EndpointId>, FactName, &'t String)>>,
    /// Which testbeds have each value.
    values: BTreeMap<FactName, BTreeMap<&'t String, BTreeSet<usize>>>,
}

impl<'t> FleetFacts<'t> {
    pub(super) fn of(testbeds: &'t [Testbed]) -> Self {
        let by_testbed: Vec<Vec<_>> = testbeds.iter().map(facts_of).collect();
        let mut values: BTreeMap<FactName, BTreeMap<&String, BTreeSet<usize>>> = BTreeMap::new();
        for (testbed, facts) in by_testbed.iter().enumerate() {
            for (_, name, value) in facts {
                values.entry(name.clone()).or_default().entry(value).or_default().insert(testbed);
            }
        }
        FleetFacts { by_testbed, values }
    }

    /// Facts of a testbed that differ from those of most testbeds.
    pub(super) fn odd(&self, here: usize, odd: &BTreeSet<usize>, place: Option<&Place>) -> Vec<OddFact> {
        let mut found: Vec<OddFact> = Vec::new();
        for (endpoint, name, value) in &self.by_testbed[here] {
            let Some(of_name) = self.values.get(name) else { continue };
            let Some((usual, at)) = of_name.iter().max_by_key(|(_, at)| at.len()) else { continue };
            // Where no value is usual, none is odd.
            if usual == value || at.len() * 2 <= self.by_testbed.len() {
                continue;
            }
            found.push(OddFact {
                endpoint: endpoint.clone(),
                what: name.1.clone(),
                here: (*value).clone(),
                usual: (*usual).clone(),
                usual_at: at.iter().filter(|testbed| of_name.iter().all(|(other, at)| other == usual || !at.contains(testbed))).count(),
                also_at: of_name.get(value).map_or(0, |at| at.difference(odd).count()),
            });
        }
        let at_place = |fact: &OddFact| place.is_some_and(|place| fact.endpoint.as_ref().is_some_and(|endpoint| place.holds(endpoint)));
        found.sort_by(|a, b| {
            at_place(b).cmp(&at_place(a)).then(a.also_at.cmp(&b.also_at)).then(a.what.cmp(&b.what)).then(a.endpoint.cmp(&b.endpoint))
        });
        found
    }
}

fn facts_of(testbed: &Testbed) -> Vec<(Option<EndpointId>, FactName, &String)> {
    let named = |name: &String| match endpoint_of_fact(name) {
        Some((endpoint, fact)) => {
            let endpoint = EndpointId(endpoint.to_owned());
            let kind = endpoint.kind().to_owned();
            (Some(endpoint), (Some(kind), fact.to_owned()))
        }
        None => (None, (None, name.clone())),
    };
    testbed
        .facts
        .iter()
        .map(|(name, value)| {
            let (endpoint, fact) = named(name);
            (endpoint, fact, value)
        })
        .collect()
}
