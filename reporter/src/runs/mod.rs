//! Many runs at once: which directories hold runs, and of each run the numbers that a series or a fleet needs.
//!
//! A run is read, reduced to a [`RunDigest`] and forgotten, so that a thousand runs fit in memory. A directory that is not a run, or cannot be read, is named
//! in [`Runs::skipped`]; nothing is left out silently.

mod digest;
mod find;

use std::path::PathBuf;

use crate::archive::{Archive, ArchiveError, read_stopped};
use crate::parallel;

pub use digest::{ResultKey, RunDigest, RunValue};
pub use find::{FoundRun, NoDirectory, Skipped};

/// Runs in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// What was read.
    pub runs: Vec<RunDigest>,
    /// What was not, in the order of names.
    pub skipped: Vec<Skipped>,
}

impl Runs {
    /// Reads the runs in these directories: each is a run itself, or holds runs, also one folder deeper.
    pub fn read(directories: &[PathBuf]) -> Result<Runs, NoDirectory> {
        let (found, mut skipped) = find::find(directories)?;
        let mut runs = Vec::new();
        for (run, read) in found.iter().zip(parallel::map(&found, digest_of)) {
            match read {
                Ok(digest) => runs.push(digest),
                Err(why) => skipped.push(Skipped { directory: run.directory.clone(), why, testbed: run.folder.clone() }),
            }
        }
        runs.sort_by(|a, b| (a.started, &a.directory).cmp(&(b.started, &b.directory)));
        skipped.sort_by(|a, b| a.directory.cmp(&b.directory));
        Ok(Runs { runs, skipped })
    }
}

fn digest_of(run: &FoundRun) -> Result<RunDigest, String> {
    let archive = Archive::read_for_reports(&run.directory).and_then(Archive::with_records).map_err(|error| match error {
        ArchiveError::NoRecord { first, .. } => format!("none of its lines is a record; the first problem is {first}"),
        error => error.to_string(),
    })?;
    RunDigest::of(&archive, run).ok_or_else(|| match read_stopped(&run.directory) {
        Some(why) => format!("nothing was measured: {why}"),
        None => "it has no records yet".to_owned(),
    })
}
