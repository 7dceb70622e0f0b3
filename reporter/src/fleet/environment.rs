//! In what the environment of a testbed differs from that of most testbeds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Place, Testbed};
use crate::record::EndpointId;

/// A fact that is not as at most testbeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OddFact {
    /// Of which endpoint; absent for what the whole run has, such as a tool.
    pub endpoint: Option<EndpointId>,
    /// Which fact.
    pub what: String,
    /// Here; absent where it is not recorded.
    pub here: Option<String>,
    /// At most testbeds.
    pub usual: Option<String>,
    /// How many testbeds have the usual value throughout.
    pub usual_at: usize,
    /// How many testbeds that do not differ in their results share the value here.
    pub also_at: usize,
}

/// A fact by the kind of its endpoint.
type FactName = (Option<String>, String);

/// Facts of a testbed that most testbeds have otherwise.
pub(super) fn odd_facts(testbeds: &[Testbed], here: usize, odd: &BTreeSet<usize>, place: Option<&Place>) -> Vec<OddFact> {
    let named: Vec<Vec<(Option<EndpointId>, FactName, &String)>> = testbeds.iter().map(facts_of).collect();
    let mut values: BTreeMap<&FactName, BTreeMap<&String, BTreeSet<usize>>> = BTreeMap::new();
    for (testbed, facts) in named.iter().enumerate() {
        for (_, name, value) in facts {
            values.entry(name).or_default().entry(value).or_default().insert(testbed);
        }
    }
    let mut found: Vec<OddFact> = Vec::new();
    for (endpoint, name, value) in &named[here] {
        let Some(of_name) = values.get(name) else { continue };
        let Some((usual, at)) = of_name.iter().max_by_key(|(_, at)| at.len()) else { continue };
        // Where no value is usual, none is odd.
        if usual == value || at.len() * 2 <= testbeds.len() {
            continue;
        }
        found.push(OddFact {
            endpoint: endpoint.clone(),
            what: name.1.clone(),
            here: Some((*value).clone()),
            usual: Some((*usual).clone()),
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

fn facts_of(testbed: &Testbed) -> Vec<(Option<EndpointId>, FactName, &String)> {
    let named = |name: &String| match name.strip_prefix("endpoints.").and_then(|rest| rest.split_once('.')) {
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
