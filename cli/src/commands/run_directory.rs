//! The run directory of a command that measures. It has one writer, and only what was begun is continued.

use std::path::{Path, PathBuf};

use reporter::archive::{RunDirectory, RunLock, changed_input};
use reporter::record::Record;

use super::CommandError;

/// The directory to continue, with its records; otherwise a new one, at `out` or at `runs/TIME-NAME`. Nobody else writes to it while the lock is held.
pub fn open(resume: Option<&Path>, out: Option<&Path>, name: &str) -> Result<(RunDirectory, Vec<Record>, RunLock), CommandError> {
    if let Some(path) = resume {
        let lock = RunLock::take(path)?;
        let (directory, records) = RunDirectory::resume(path)?;
        if let Some(changed) = changed_input(path, &records)? {
            return Err(changed.into());
        }
        return Ok((directory, records, lock));
    }
    let path =
        out.map_or_else(|| PathBuf::from("runs").join(format!("{}-{name}", jiff::Zoned::now().strftime("%Y%m%d-%H%M%S"))), Path::to_owned);
    let directory = RunDirectory::create(&path)?;
    let lock = RunLock::take(&path)?;
    Ok((directory, Vec::new(), lock))
}
