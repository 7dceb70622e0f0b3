//! The run directory of a command that measures. It has one writer, and only what was begun is continued.

use std::path::{Path, PathBuf};

use reporter::archive::{Archive, RunDirectory, RunLock, TESTBED_FILE, changed_input};
use reporter::record::Record;
use testbed::topology::{Testbed, measured_difference};

use super::CommandError;

/// The directory to continue, with its records; otherwise a new one, at `out` or at `runs/TIME-NAME`. The lock keeps other commands from writing to it.
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

/// The testbed of `--testbed`; for a directory that is continued, the testbed that it was begun on. `--testbed` may then only correct how its
/// endpoints are reached. `None` is the built-in lab.
pub fn testbed(named: Option<&Path>, resume: Option<&Path>) -> Result<Option<Testbed>, CommandError> {
    let named = named.map(Testbed::read).transpose()?;
    let Some(directory) = resume else { return Ok(named) };
    let kept = Testbed::read(&directory.join(TESTBED_FILE))?;
    let Some(named) = named else { return Ok((!kept.is_the_lab()).then_some(kept)) };
    let has_records = !Archive::read_for_reports(directory)?.records.is_empty();
    match measured_difference(&kept, &named).filter(|_| has_records) {
        Some(difference) => Err(CommandError::new(format!(
            "{}: the run started on another testbed (`{}`): {difference}; a run has one testbed: leave out --testbed to continue it, or start a new run",
            directory.display(),
            kept.name
        ))),
        None => Ok((!named.is_the_lab()).then_some(named)),
    }
}
