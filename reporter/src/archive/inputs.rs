//! Whether the plan and the testbed that a run directory keeps are those that its records were made with.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::read::GIVEN_LIMIT;
use super::run_directory::{Digest, earlier_copies, hash_key};
use super::{ArchiveError, PLAN_FILE, TESTBED_FILE};
use crate::files::read_regular;
use crate::record::Record;

/// A kept file was changed after records were made with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{} was changed after the run began: its records were made with SHA-256 {}…, and it has {}… now; put the old text back to continue the run, or start a new one",
    .file.display(), short(.recorded), short(.now)
)]
pub struct ChangedInput {
    /// The file.
    pub file: PathBuf,
    /// The hash in the records.
    pub recorded: String,
    /// The hash of the file.
    pub now: String,
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// The first of the kept plan and testbed that no record was made with; `None` where there are no records. A file is also unchanged if records were
/// made with an earlier copy of it: then linerate itself replaced it.
pub fn changed_input(directory: &Path, records: &[Record]) -> Result<Option<ChangedInput>, ArchiveError> {
    for name in [PLAN_FILE, TESTBED_FILE] {
        let key = hash_key(name);
        let hashes: Vec<&str> = records.iter().filter_map(|record| record.provenance.get(&key)?.as_str()).collect();
        // Records of other programs do not say.
        let Some(last) = hashes.last() else { continue };
        let read = |name: &str| {
            let bytes =
                read_regular(directory, name, GIVEN_LIMIT).map_err(|error| ArchiveError::io(&directory.join(name), "read", error))?;
            Ok::<_, ArchiveError>(Digest::of(&bytes))
        };
        let now = read(name)?;
        let mut known = vec![now.clone()];
        for copy in earlier_copies(directory, name) {
            known.push(read(&copy)?);
        }
        if !known.iter().any(|hash| hashes.contains(&hash.as_str())) {
            return Ok(Some(ChangedInput { file: directory.join(name), recorded: (*last).to_owned(), now: now.to_string() }));
        }
    }
    Ok(None)
}
