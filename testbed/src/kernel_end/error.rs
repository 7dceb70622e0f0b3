use thiserror::Error;

use crate::process::ProcessError;

/// Why a tool did not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelEndError {
    /// The program could not be started or waited for.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The user ended the run.
    #[error("interrupted")]
    Interrupted,
    /// The server was not ready in time.
    #[error("server `{command}` did not {awaited} within {limit_s} s: {said}")]
    NotReady {
        /// The server's command.
        command: String,
        /// What it does when it is ready: `listen on port 15201`.
        awaited: String,
        /// How long was waited.
        limit_s: u64,
        /// What it wrote to standard error.
        said: String,
    },
    /// Another program has the port.
    #[error("port {port} is in use by another program{holder}: end it, and measure again")]
    PortInUse {
        /// The port.
        port: u16,
        /// Which program that is, where it can be seen: ` (iperf3, process 123)`.
        holder: String,
    },
}
