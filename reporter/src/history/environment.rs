//! What changed beside the results, from run to run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::series::Collected;
use crate::runs::RunDigest;

/// A fact that differs from that of the run before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FactChange {
    /// The first run with the new value.
    pub run: usize,
    /// Which fact: `endpoints.a-cpu.kernel`, `plan.toml`, `tool iperf3`.
    pub what: String,
    /// Before; absent where it was not recorded.
    pub before: Option<String>,
    /// From this run on; absent where it is not recorded.
    pub after: Option<String>,
}

/// A fact that changes at more than this share of the runs is restless, for example a name that is new in each run.
const RESTLESS: f64 = 0.25;
/// That many changes may be in any series.
const FEW: usize = 3;

type Facts = BTreeMap<String, String>;

/// The facts of each run, and with what each kind of measurement was configured.
pub(super) fn with_configurations(runs: &[RunDigest], collected: &[Collected]) -> Vec<Facts> {
    let mut facts: Vec<Facts> = runs.iter().map(|run| run.facts.clone()).collect();
    for of in collected {
        let key = &of.series.key.key;
        let name = format!("configuration of {} {} ({})", key.stack, key.method, key.configuration.tool);
        for (run, configuration) in &of.configurations {
            let words = configuration.to_string();
            let held = facts[*run].entry(name.clone()).or_insert_with(|| words.clone());
            if !held.split("; ").any(|part| part == words) {
                held.push_str(&format!("; {words}"));
            }
        }
    }
    facts
}

/// Changes in the order of runs, and the facts that change all the time.
pub(super) fn changes(facts: &[Facts]) -> (Vec<FactChange>, Vec<String>) {
    let names: BTreeSet<&String> = facts.iter().flat_map(BTreeMap::keys).collect();
    let (mut changes, mut restless) = (Vec::new(), Vec::new());
    for name in names {
        let of_name: Vec<FactChange> = (1..facts.len())
            .filter(|&run| facts[run].get(name) != facts[run - 1].get(name))
            .map(|run| FactChange {
                run,
                what: name.clone(),
                before: facts[run - 1].get(name).cloned(),
                after: facts[run].get(name).cloned(),
            })
            .collect();
        if of_name.len() > FEW && of_name.len() as f64 > RESTLESS * facts.len() as f64 {
            restless.push(name.clone());
        } else {
            changes.extend(of_name);
        }
    }
    changes.sort();
    (changes, restless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_named_once_and_restless_facts_apart() {
        let facts: Vec<Facts> = (0..20)
            .map(|run| {
                let kernel = if run < 8 { "6.1" } else { "6.2" };
                Facts::from([("kernel".to_owned(), kernel.to_owned()), ("uptime".to_owned(), run.to_string())])
            })
            .collect();
        let (changes, restless) = changes(&facts);
        let kernel = FactChange { run: 8, what: "kernel".to_owned(), before: Some("6.1".to_owned()), after: Some("6.2".to_owned()) };
        assert_eq!((changes, restless), (vec![kernel], vec!["uptime".to_owned()]));
    }
}
