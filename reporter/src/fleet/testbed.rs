//! The testbeds of a fleet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::runs::{ResultKey, RunDigest, Skipped};

/// One testbed with all its runs.
#[derive(Debug, Clone, Serialize)]
pub struct Testbed {
    /// Its name: that of the folder that its runs lie in, or the name in `testbed.toml`, or that of the run.
    pub name: String,
    /// The names of its runs, in the order of time.
    pub runs: Vec<String>,
    /// The repetitions of each result in all runs; valid ones.
    #[serde(skip)]
    pub results: BTreeMap<ResultKey, Vec<f64>>,
    /// The facts of its newest run.
    #[serde(skip)]
    pub facts: BTreeMap<String, String>,
}

/// A testbed that cannot be compared with the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unusable {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// The testbeds with a valid result, and those without. A testbed whose runs have no record is one without.
pub(super) fn testbeds(runs: &[RunDigest], skipped: &[Skipped]) -> (Vec<Testbed>, Vec<Unusable>) {
    let mut by_name: BTreeMap<String, Vec<&RunDigest>> = BTreeMap::new();
    for run in runs {
        by_name.entry(name_of(run)).or_default().push(run);
    }
    let (mut usable, mut unusable) = (Vec::new(), Vec::new());
    for (name, runs) in by_name {
        let mut results: BTreeMap<ResultKey, Vec<f64>> = BTreeMap::new();
        for (key, value) in runs.iter().flat_map(|run| &run.results).filter(|(_, value)| value.trusted && value.mean > 0.0) {
            results.entry(key.clone()).or_default().extend(&value.repetitions);
        }
        match (results.is_empty(), runs.last()) {
            (false, Some(newest)) => {
                let names = runs.iter().map(|run| run.name.clone()).collect();
                usable.push(Testbed { name, runs: names, results, facts: newest.facts.clone() });
            }
            _ => {
                let trouble = runs.iter().find_map(|run| run.trouble.clone()).unwrap_or_else(|| "no reason is recorded".to_owned());
                let count: usize = runs.iter().map(|run| run.verdicts.total()).sum();
                unusable.push(Unusable { name, why: format!("none of its {count} measurements is valid; the first reason: {trouble}") });
            }
        }
    }
    // The newest run of a testbed comes last: names of runs begin with their time.
    let nothing: BTreeMap<&str, &str> = skipped.iter().filter_map(|run| Some((run.testbed.as_deref()?, run.why.as_str()))).collect();
    for (name, why) in nothing {
        if !usable.iter().any(|testbed: &Testbed| testbed.name == name) && !unusable.iter().any(|testbed: &Unusable| testbed.name == name) {
            unusable.push(Unusable { name: name.to_owned(), why: why.to_owned() });
        }
    }
    (usable, unusable)
}

fn name_of(run: &RunDigest) -> String {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let in_file = || run.testbed.as_deref().and_then(|text| toml::from_str::<Named>(text).ok()).map(|named| named.name);
    run.folder.clone().or_else(in_file).unwrap_or_else(|| run.name.clone())
}
