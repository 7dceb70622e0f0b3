//! The directory of a program at an endpoint.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::error::TransferError;
use crate::agent::{Reply, Request, WaitLimit};
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::conductor::kernel::processes::ToolRunError;
use crate::kernel_end::MeasurementDirectory;
use crate::topology::KernelEndpoint;

/// How long an agent may take to make or to remove one: a file of 1 GB is removed with it.
const LIMIT: Duration = Duration::from_secs(30);

/// A directory at an endpoint, which ends with what holds it: this process, or the endpoint's agent on another machine.
pub(super) struct Directory<'a> {
    endpoint: KernelEndpoint<'a>,
    path: PathBuf,
    /// None where an agent holds it.
    here: Option<MeasurementDirectory>,
}

impl<'a> Directory<'a> {
    pub(super) fn make(endpoint: KernelEndpoint<'a>, agents: &mut EndpointAgents, interrupted: &AtomicBool) -> Result<Self, TransferError> {
        if endpoint.is_here() {
            let failure = |source| TransferError::Directory { endpoint: endpoint.id.clone(), base: std::env::temp_dir(), source };
            let here = MeasurementDirectory::make().map_err(failure)?;
            return Ok(Directory { endpoint, path: here.path().to_owned(), here: Some(here) });
        }
        let wait = WaitLimit { limit: LIMIT, interrupted };
        let made = agents.ask(&endpoint, &Request::MakeDirectory, "make a directory for the files", wait, |reply| match reply {
            Reply::Directory { path } => Ok(path),
            other => Err(Box::new(other)),
        });
        Ok(Directory { endpoint, path: made.map_err(ToolRunError::from)?, here: None })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, also when the user ended the run.
    pub(super) fn remove(self, agents: &mut EndpointAgents) {
        if self.here.is_some() {
            return;
        }
        let wait = WaitLimit { limit: LIMIT, interrupted: &AtomicBool::new(false) };
        let request = Request::RemoveDirectory { path: self.path };
        let removed = agents.ask(&self.endpoint, &request, "remove the files of the transfer", wait, |reply| match reply {
            Reply::DirectoryRemoved => Ok(()),
            other => Err(Box::new(other)),
        });
        if let Err(error) = removed {
            tracing::warn!("{error}");
        }
    }
}
