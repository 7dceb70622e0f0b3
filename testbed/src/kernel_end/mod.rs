//! One end of a kernel measurement, where it is: a tool's server or client, and around it what the interface counts and what the machine spends.
//!
//! The conductor runs it for endpoints on its own machine, and an agent for those on other machines, so that both are measured in the same way
//! and no login is between two readings.

mod interface;
mod reading;
mod server;
mod tool;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::process::ProcessError;

pub use interface::{InterfaceCounters, PacketsAndBytes, Way};
pub use reading::Spent;
pub use server::{Ready, Server};
pub use tool::{ToolRun, run_tool};

/// A tool's command, and the interface that its traffic crosses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCommand {
    /// The program and its arguments, as they are: no shell reads them.
    pub argv: Vec<String>,
    /// When it is ended.
    pub timeout: Duration,
    /// The interface whose counters are read before and after; none where nothing is to be counted.
    pub counted: Option<Counted>,
}

/// An interface, and which way its frames are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Its name.
    pub interface: String,
    /// Sent or received.
    pub way: Way,
}

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
    /// The server did not open its port.
    #[error("server `{command}` did not listen on port {port} within {limit_s} s: {said}")]
    NotReady {
        /// The server's command.
        command: String,
        /// The port.
        port: u16,
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
