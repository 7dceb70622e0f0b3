//! The claim of the busy polling of a machine: the settings that are changed for one run are those of all sockets of the machine, in every network
//! namespace of it.

use std::fs::File;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::process::lock_holder;

/// What is locked: a folder that every process of a machine sees, whatever its network namespace is, and that leaves nothing behind. The files of the
/// settings are in the first network namespace only. Where a container has a /proc of its own, this folder is another one.
const LOCKED: &str = "/proc/sys/kernel";

/// What a run does with the busy polling of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusyPollUse {
    /// It measures with what is set. Any number of runs can do so at once.
    AsItIs,
    /// It changes the settings. No other run measures on the machine meanwhile.
    Changed,
}

/// A claim, until this is dropped or the process ends in any way.
#[derive(Debug)]
pub struct BusyPollClaim {
    _lock: Flock<File>,
}

/// Another run of linerate on the machine does not fit beside this one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("another run of linerate has claimed the busy polling of this machine ({holder})")]
pub struct BusyPollClaimed {
    /// Which, as text; empty where it cannot be seen.
    pub holder: String,
}

impl BusyPollClaim {
    /// Takes it; `None` where the lock cannot be tried.
    ///
    /// # Errors
    /// A run on this machine has changed the settings, or, where they are to be changed, any run measures here.
    pub fn take(usage: BusyPollUse) -> Result<Option<Self>, BusyPollClaimed> {
        let Ok(open) = File::open(LOCKED) else { return Ok(None) };
        claim(open, usage)
    }
}

fn claim(open: File, usage: BusyPollUse) -> Result<Option<BusyPollClaim>, BusyPollClaimed> {
    let kind = match usage {
        BusyPollUse::AsItIs => FlockArg::LockSharedNonblock,
        BusyPollUse::Changed => FlockArg::LockExclusiveNonblock,
    };
    match Flock::lock(open, kind) {
        Ok(lock) => Ok(Some(BusyPollClaim { _lock: lock })),
        Err((open, Errno::EWOULDBLOCK)) => Err(BusyPollClaimed { holder: lock_holder(&open).unwrap_or_default() }),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_changes_the_settings_is_alone_and_others_are_together() {
        let folder = tempfile::tempdir().unwrap();
        let take = |usage| claim(File::open(folder.path()).unwrap(), usage);
        let (one, other) = (take(BusyPollUse::AsItIs).unwrap(), take(BusyPollUse::AsItIs).unwrap());
        let refused = take(BusyPollUse::Changed).unwrap_err();
        assert!(refused.holder.contains(&format!("process {}", std::process::id())), "{refused}");
        drop((one, other));
        let alone = take(BusyPollUse::Changed).unwrap();
        assert!(take(BusyPollUse::AsItIs).is_err() && take(BusyPollUse::Changed).is_err());
        drop(alone);
        assert!(take(BusyPollUse::AsItIs).is_ok());
    }
}
