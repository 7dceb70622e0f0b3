//! The numbers of one run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::FoundRun;
use crate::analysis::{CellKey, Cells, Quantity, VerdictCounts};
use crate::archive::Archive;
use crate::compare::{facts, quantities};

/// One number that a run has for a measurement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ResultKey {
    /// Of which measurement.
    pub key: CellKey,
    /// Judged by.
    pub quantity: Quantity,
}

impl ResultKey {
    /// The result's name on one line.
    pub fn name(&self) -> String {
        crate::compare::result_name(&self.key, self.quantity)
    }

    /// The result without the configuration that it was measured with; the tool still counts.
    pub fn measurement(&self) -> ResultKey {
        let mut key = self.key.measurement();
        key.configuration.tool.clone_from(&self.key.configuration.tool);
        ResultKey { key, quantity: self.quantity }
    }
}

/// The repetitions of a result in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunValue {
    /// In base units, in the order of the records.
    pub repetitions: Vec<f64>,
    /// Their geometric mean.
    pub mean: f64,
    /// Whether they come from valid records.
    pub trusted: bool,
}

/// A run without its records.
#[derive(Debug, Clone)]
pub struct RunDigest {
    /// Where it is.
    pub directory: PathBuf,
    /// The name of its directory.
    pub name: String,
    /// The folder that it lies in, where that is not the one that was asked for.
    pub folder: Option<String>,
    /// When its first measurement ended.
    pub started: Timestamp,
    /// How many records it has, by verdict.
    pub verdicts: VerdictCounts,
    /// How many lines could not be read.
    pub damaged: usize,
    /// Why the first record without a valid result has none.
    pub trouble: Option<String>,
    /// The results that a comparison of runs judges.
    pub results: BTreeMap<ResultKey, RunValue>,
    /// Everything beside the results: endpoints, plan, testbed, tools.
    pub facts: BTreeMap<String, String>,
    /// The text of `testbed.toml`.
    pub testbed: Option<String>,
}

impl RunDigest {
    /// The digest of an archive; none where it has no records.
    pub fn of(archive: &Archive, run: &FoundRun) -> Option<RunDigest> {
        let started = archive.records.iter().map(|record| record.time).min()?;
        let mut results = BTreeMap::new();
        for cell in Cells::with_groups(&archive.records).iter() {
            for &quantity in quantities(&cell.key) {
                let Some(sample) = cell.sample(quantity) else { continue };
                let value = RunValue { mean: sample.geometric_mean(), trusted: sample.trusted, repetitions: sample.values };
                results.insert(ResultKey { key: cell.key.clone(), quantity }, value);
            }
        }
        Some(RunDigest {
            name: run.directory.file_name().map_or_else(|| run.directory.display().to_string(), |name| name.to_string_lossy().into_owned()),
            directory: run.directory.clone(),
            folder: run.folder.clone(),
            started,
            verdicts: VerdictCounts::of(&archive.records),
            damaged: archive.damaged.len(),
            trouble: archive.records.iter().find_map(|record| Some(record.verdict.reasons.first()?.to_string())),
            results,
            facts: facts(archive),
            testbed: archive.testbed.clone(),
        })
    }
}
