//! One value a run for each result.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::Configuration;
use crate::runs::{ResultKey, RunDigest};

/// The values of one result.
#[derive(Debug, Clone)]
pub struct Series {
    pub key: ResultKey,
    /// Run and value, in the order of runs.
    pub values: Vec<(usize, f64)>,
    /// Runs whose result is not valid.
    pub not_valid: Vec<usize>,
}

/// A series, and the configuration of each of its runs.
pub struct Collected {
    pub series: Series,
    pub configurations: Vec<(usize, Configuration)>,
}

/// The series of all results. A measurement that every run made with one configuration is one series, though the configuration may have
/// changed: that is a change of the environment. With several configurations in a run, each is a series.
pub fn collect(runs: &[RunDigest]) -> Vec<Collected> {
    let mut several: BTreeSet<ResultKey> = BTreeSet::new();
    for run in runs {
        let mut seen = BTreeSet::new();
        for key in run.results.keys() {
            let measurement = key.measurement();
            if !seen.insert(measurement.clone()) {
                several.insert(measurement);
            }
        }
    }
    let mut collected: BTreeMap<ResultKey, Collected> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        for (key, value) in &run.results {
            let measurement = key.measurement();
            let name = if several.contains(&measurement) { key.clone() } else { measurement };
            let of = collected.entry(name).or_insert_with(|| Collected {
                series: Series { key: key.clone(), values: Vec::new(), not_valid: Vec::new() },
                configurations: Vec::new(),
            });
            // The newest configuration names the series.
            of.series.key = key.clone();
            of.configurations.push((place, key.key.configuration.clone()));
            if value.trusted {
                of.series.values.push((place, value.mean));
            } else {
                of.series.not_valid.push(place);
            }
        }
    }
    collected.into_values().collect()
}
