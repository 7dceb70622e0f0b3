//! A lab that stays, and is used by processes: it is not taken down while one of them measures in it.

use std::fs::File;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::directory::directory;
use super::error::LabError;
use super::name::LabName;
use super::register::failure;

/// A lock (flock(2)) on the lab's directory. It ends with the process that holds it, however that ends.
#[derive(Debug)]
pub(super) struct Held {
    _lock: Flock<File>,
}

impl Held {
    /// For a process that uses the lab. Several can.
    pub(super) fn to_use(name: &LabName) -> Result<Held, LabError> {
        Held::with(name, FlockArg::LockSharedNonblock)?.ok_or_else(|| LabError::BeingRemoved { name: name.clone() })
    }

    /// For the process that takes the lab down. Refused while another process uses the lab.
    pub(super) fn to_remove(name: &LabName) -> Result<Held, LabError> {
        Held::with(name, FlockArg::LockExclusiveNonblock)?.ok_or_else(|| LabError::Used { name: name.clone(), directory: directory(name) })
    }

    /// `None` where another process has a lock that forbids this one.
    fn with(name: &LabName, how: FlockArg) -> Result<Option<Held>, LabError> {
        let path: &Path = &directory(name);
        let file = File::open(path).map_err(failure("open", path))?;
        match Flock::lock(file, how) {
            Ok(lock) => Ok(Some(Held { _lock: lock })),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(failure("lock", path)(errno.into())),
        }
    }
}
