//! A directory for the files of a measurement, which ends with the process that made it.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// What the names of all begin with; sixteen hexadecimal digits follow.
const PREFIX: &str = "linerate-file-";

/// How often another name is tried where another process takes a new directory for one that was left.
const ATTEMPTS: usize = 8;

/// A directory in `TMPDIR` that is removed, with everything in it, when this is dropped.
///
/// A process that is killed cannot remove it. It holds a lock on it (flock(2)) until it ends in any way, so that the next process that makes a directory
/// finds those without a lock and removes them.
#[derive(Debug)]
pub struct MeasurementDirectory {
    path: PathBuf,
    _lock: Flock<File>,
}

impl MeasurementDirectory {
    /// Makes one that only this user can read, and removes what killed processes of this user left.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make() -> io::Result<Self> {
        let base = std::env::temp_dir();
        remove_left(&base);
        MeasurementDirectory::make_in(&base)
    }

    /// Removes what killed processes of this user left.
    pub fn remove_left() {
        remove_left(&std::env::temp_dir());
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn make_in(base: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let path = base.join(format!("{PREFIX}{:016x}", random()));
            DirBuilder::new().mode(0o700).create(&path)?;
            // Until it is locked, another process can remove it as one that was left.
            match File::open(&path).map(|open| Flock::lock(open, FlockArg::LockExclusiveNonblock)) {
                Ok(Ok(lock)) if path.is_dir() => return Ok(MeasurementDirectory { path, _lock: lock }),
                Ok(Ok(_) | Err((_, Errno::EWOULDBLOCK))) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(Err((_, errno))) => return Err(unlockable(&path, errno.into())),
                Err(error) => return Err(unlockable(&path, error)),
            }
        }
        Err(io::Error::other(format!("another process removes new directories from {}", base.display())))
    }
}

impl Drop for MeasurementDirectory {
    fn drop(&mut self) {
        // What cannot be removed now is removed by a later process.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes a new directory that cannot be locked.
fn unlockable(path: &Path, error: io::Error) -> io::Error {
    let _ = fs::remove_dir(path);
    io::Error::new(error.kind(), format!("{} cannot be locked: {error}; set TMPDIR to a folder of a local file system", path.display()))
}

/// Whether a name is one that this module gives: a folder of the user's with the same beginning is not removed.
fn is_given(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)))
}

/// Removes the directories of this user that no process holds.
fn remove_left(base: &Path) {
    let own = nix::unistd::geteuid().as_raw();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_own = || entry.metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == own);
        if is_given(&entry.file_name())
            && is_own()
            && let Ok(open) = File::open(entry.path())
            && let Ok(_lock) = Flock::lock(open, FlockArg::LockExclusiveNonblock)
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Each `RandomState` has keys of its own.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_held_is_not() {
        let base = tempfile::tempdir().unwrap();
        let held = MeasurementDirectory::make_in(base.path()).unwrap();
        fs::write(held.path().join("key.pem"), "secret").unwrap();
        assert_eq!(fs::metadata(held.path()).unwrap().mode() & 0o777, 0o700);
        let [left, other, results] =
            [format!("{PREFIX}00000000000000aa"), "other".to_owned(), format!("{PREFIX}results")].map(|name| base.path().join(name));
        for folder in [&left, &other, &results] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(left.join("key.pem"), "secret").unwrap();
        remove_left(base.path());
        assert!(!left.exists() && other.exists() && results.exists() && held.path().join("key.pem").exists());
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }
}
