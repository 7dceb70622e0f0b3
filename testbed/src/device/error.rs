use thiserror::Error;

use crate::journal::JournalError;
use crate::process::ProcessError;
use crate::topology::DeviceId;

/// A device cannot be started, counted or stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A program did not run.
    #[error("device `{device}`: {source}")]
    Process {
        /// The device.
        device: DeviceId,
        /// Why not.
        #[source]
        source: ProcessError,
    },
    /// A command that sets the device up failed.
    #[error("device `{device}` at {place}: `{command}` failed: {said}")]
    Refused {
        /// The device.
        device: DeviceId,
        /// Where it runs.
        place: String,
        /// What was run.
        command: String,
        /// What it printed.
        said: String,
    },
    /// The changes cannot be written down, so that nothing is changed.
    #[error("device `{device}`: the journal of changes cannot be written: {source}; nothing was changed")]
    Journal {
        /// The device.
        device: DeviceId,
        /// Why not.
        #[source]
        source: JournalError,
    },
    /// It did not come so far that frames can pass.
    #[error("device `{device}` at {place} was not ready within {limit_s} s: {state}")]
    NotReady {
        /// The device.
        device: DeviceId,
        /// Where it runs.
        place: String,
        /// How long was waited.
        limit_s: u64,
        /// How far it came.
        state: String,
    },
    /// Its process has ended, or its bridge is gone.
    #[error("device `{device}` at {place} ended while it was needed: {ending}")]
    Ended {
        /// The device.
        device: DeviceId,
        /// Where it ran.
        place: String,
        /// How.
        ending: String,
    },
    /// Its counters are not what is expected.
    #[error("device `{device}` at {place}: `{command}` did not print its counters: {said}")]
    NoCounters {
        /// The device.
        device: DeviceId,
        /// Where it runs.
        place: String,
        /// What was run.
        command: String,
        /// What it printed.
        said: String,
    },
    /// The testbed has no such endpoint.
    #[error(transparent)]
    Testbed(#[from] crate::topology::TestbedError),
}

impl DeviceError {
    /// Whether a command of iproute2 did not make something because it is there (EEXIST).
    pub(super) fn exists_already(&self) -> bool {
        matches!(self, DeviceError::Refused { said, .. } if said.contains("File exists") || said.contains("Address already assigned"))
    }
}
