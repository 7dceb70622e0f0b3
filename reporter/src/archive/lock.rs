use std::fs::{File, TryLockError};
use std::path::Path;

use super::ArchiveError;

/// The lock of a run directory, which has one writer at a time: two resumed runs of it would measure everything twice, and disturb each other.
///
/// It is a lock of the directory itself (flock(2)), which leaves no file behind and ends with the process.
#[derive(Debug)]
pub struct RunLock {
    _directory: File,
}

impl RunLock {
    /// Locks a run directory until this is dropped.
    ///
    /// # Errors
    /// Another process has the lock, or the directory cannot be opened.
    pub fn take(directory: &Path) -> Result<Self, ArchiveError> {
        let open = File::open(directory).map_err(|error| ArchiveError::io(directory, "opened", error))?;
        match open.try_lock() {
            Ok(()) => Ok(RunLock { _directory: open }),
            Err(TryLockError::WouldBlock) => Err(ArchiveError::InUse(directory.to_owned())),
            // A file system without locks (some network file systems): the run goes on as it did without them.
            Err(TryLockError::Error(_)) => Ok(RunLock { _directory: open }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_writer_and_no_file_is_left() {
        let place = tempfile::tempdir().unwrap();
        let first = RunLock::take(place.path()).unwrap();
        assert!(matches!(RunLock::take(place.path()), Err(ArchiveError::InUse(_))));
        drop(first);
        RunLock::take(place.path()).unwrap();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
