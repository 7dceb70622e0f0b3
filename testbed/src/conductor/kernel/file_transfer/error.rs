use std::io;
use std::path::PathBuf;

use reporter::kernel_tools::CurlError;
use reporter::record::{EndpointId, ReasonKind};
use thiserror::Error;

use crate::conductor::kernel::processes::ToolRunError;
use crate::topology::KernelEndpoint;

/// Why a file was not moved, in one line.
#[derive(Debug, Error)]
pub(super) enum TransferError {
    /// A program did not run.
    #[error(transparent)]
    Run(#[from] ToolRunError),
    /// A program has no directory.
    #[error("endpoint {endpoint}: no directory can be made in {}: {source}", base.display())]
    Directory { endpoint: EndpointId, base: PathBuf, source: io::Error },
    /// A step before or after the transfer failed.
    #[error("endpoint {endpoint}: could not {task}: {said}")]
    Script { endpoint: EndpointId, task: &'static str, said: String },
    /// The transfer failed.
    #[error("endpoint {endpoint}: transfer {number}: {source}{advice}")]
    Curl { endpoint: EndpointId, number: u32, source: CurlError, advice: String },
    /// What came is not what was sent.
    #[error("endpoint {endpoint}: transfer {number}: the file that came has the wrong hash: SHA-256 {came} instead of {sent}")]
    WrongHash { endpoint: EndpointId, number: u32, came: String, sent: String },
}

impl TransferError {
    /// A script's error: the last line that it printed.
    pub(super) fn script(endpoint: KernelEndpoint<'_>, task: &'static str, text: &str) -> Self {
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it printed no error");
        TransferError::Script { endpoint: endpoint.id.clone(), task, said: last.chars().filter(|c| !c.is_control()).take(300).collect() }
    }

    /// The kind of reason that a record has for it.
    pub(super) fn reason_kind(&self) -> ReasonKind {
        match self {
            TransferError::Run(error) => error.reason_kind(),
            TransferError::Curl { source: CurlError::TimedOut { .. }, .. } => ReasonKind::TimedOut,
            TransferError::Curl { .. } | TransferError::Directory { .. } | TransferError::Script { .. } => ReasonKind::ToolFailed,
            TransferError::WrongHash { .. } => ReasonKind::CountersDisagree,
        }
    }
}
