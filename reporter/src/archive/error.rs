use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::damaged::DamagedLine;

/// A run directory could not be written or read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The directory already holds something.
    #[error("{} is not empty: choose another directory, or continue a run that was cut off with --resume", .0.display())]
    NotEmpty(PathBuf),
    /// Another process writes to the directory.
    #[error("{}: another linerate command (`run` or `tune`) writes to this run directory: wait for its end, or end it", .0.display())]
    InUse(PathBuf),
    /// The directory holds no results.
    #[error("{} is not a run directory: it has no results.jsonl; give the directory that `linerate run` or `linerate import` printed", .0.display())]
    NotARun(PathBuf),
    /// No line of the results is a record.
    #[error("{}: results.jsonl has no readable record, and nothing can be reported; the first problem is in line {}: {}. If the run was cut off, continue it with `linerate run --resume {}`", .run.display(), .first.line, .first.why, .run.display())]
    NoRecord {
        /// The run directory.
        run: PathBuf,
        /// What is wrong with the first line.
        first: DamagedLine,
    },
    /// The file system is full.
    #[error("no space left for {}: free some space or name a directory on another disk with --out; everything written before is kept", .0.display())]
    NoSpace(PathBuf),
    /// Access is denied.
    #[error("{} may not be {action}: name a directory that you own with --out, or correct its permissions", .file.display())]
    NotPermitted {
        /// The file or directory.
        file: PathBuf,
        /// What was tried, as a participle.
        action: &'static str,
    },
    /// Any other failure of the file system.
    #[error("{} could not be {action}: {source}; check that the disk is there and not read-only, or name another directory with --out", .file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// What was tried, as a participle.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// A record cannot be written as JSON.
    #[error("record {id} cannot be written as JSON: {source}; this is a defect of the program that made the record, please report it")]
    Unwritable {
        /// The record's id.
        id: String,
        /// What the serialiser says.
        source: serde_json::Error,
    },
    /// The raw file of a record lies outside the run directory.
    #[error("`{0}` is not a file inside the run directory: a raw file's path is relative and has no `..`; correct the record")]
    OutsideTheRun(String),
}

impl ArchiveError {
    /// Sorts an operating system's error into those that a user can fix.
    pub(crate) fn io(file: &Path, action: &'static str, source: io::Error) -> Self {
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ArchiveError::NoSpace(file),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ArchiveError::NotPermitted { file, action },
            _ => ArchiveError::Io { file, action, source },
        }
    }
}
