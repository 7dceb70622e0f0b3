use std::path::PathBuf;

use reporter::record::EndpointId;
use serde::{Deserialize, Serialize};

use super::super::kind::ContainerChoice;
use super::super::layout::LabEndpoint;
use super::super::name::LabName;
use crate::process::{Confinement, Container, ContainerEngine, Location, NotAContainerName};

/// The memory limit of a container, in MiB. Two agents with their packet buffers take less than half of it.
pub(super) const MEMORY_MIB: u64 = 2048;

/// A container of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabContainer {
    /// The endpoint that it is.
    pub endpoint: EndpointId,
    /// The container's name, or that of its control groups.
    pub name: String,
    /// The CPUs that its programs may use.
    pub cpus: Vec<u32>,
    /// Its memory limit in MiB; none where the machine has no controller for one.
    pub memory_mib: Option<u64>,
    /// What made it.
    pub made_by: MadeBy,
}

/// What made a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "kebab-case")]
pub enum MadeBy {
    /// Podman.
    Podman {
        /// Its version, and the runtime that it used.
        version: String,
    },
    /// The lab itself: a network namespace and control groups.
    Namespaces {
        /// Why Podman was not used; empty if it was not asked for.
        reason: String,
        /// The folders of the control groups.
        groups: Vec<PathBuf>,
    },
}

impl LabContainer {
    /// How programs are started in it.
    pub(crate) fn location(&self, endpoint: &LabEndpoint) -> Result<Location, NotAContainerName> {
        Ok(match &self.made_by {
            MadeBy::Podman { .. } => Location::Container(Container::new(ContainerEngine::Podman, &self.name)?),
            MadeBy::Namespaces { groups, .. } => {
                Location::Confined(Confinement { namespace: endpoint.namespace.clone(), cpus: self.cpus.clone(), groups: groups.clone() })
            }
        })
    }

    /// What it is, for reports: `podman 4.3.1 with runc, CPU 0, 2048 MiB`.
    pub fn describe(&self) -> String {
        let made_by = match &self.made_by {
            MadeBy::Podman { version } => version.clone(),
            MadeBy::Namespaces { groups, .. } if groups.is_empty() => "network namespace".to_owned(),
            MadeBy::Namespaces { .. } => "network namespace and control groups".to_owned(),
        };
        let cpus: Vec<String> = self.cpus.iter().map(ToString::to_string).collect();
        let memory = self.memory_mib.map_or_else(|| "no memory limit".to_owned(), |mib| format!("{mib} MiB"));
        format!("{made_by}, CPU {}, {memory}", cpus.join(" and "))
    }

    /// What made it, as `--engine` has it.
    pub fn engine(&self) -> ContainerChoice {
        match self.made_by {
            MadeBy::Namespaces { .. } => ContainerChoice::Namespaces,
            MadeBy::Podman { .. } => ContainerChoice::Podman,
        }
    }

    /// Why it was not made by Podman, where that was tried.
    pub fn why_not_podman(&self) -> Option<&str> {
        match &self.made_by {
            MadeBy::Namespaces { reason, .. } => Some(reason.as_str()).filter(|reason| !reason.is_empty()),
            MadeBy::Podman { .. } => None,
        }
    }
}

/// The name of an endpoint's container and control groups.
pub(super) fn name_of(lab: &LabName, endpoint: &LabEndpoint) -> String {
    format!("linerate-{lab}-{}", endpoint.id)
}
