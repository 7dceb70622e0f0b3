use serde::Serialize;

use super::containers::LabContainer;
use super::guests::LabGuest;
use super::kind::LabKind;
use super::layout::LabEndpoint;
use super::name::LabName;
use super::register::{Owner, Registration};
use super::removal;

/// A lab as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabStatus {
    /// Its name.
    pub name: LabName,
    /// What its endpoints are.
    pub kind: LabKind,
    /// Whether it can be used, and who takes it down.
    pub state: LabState,
    /// Its endpoints.
    pub endpoints: Vec<LabEndpoint>,
    /// Those of them that are containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<LabContainer>,
    /// Those of them that are virtual machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<LabGuest>,
    /// How many processes run inside it.
    pub processes: usize,
}

/// Whether a lab can be used, and who takes it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LabState {
    /// Up, and stays until it is taken down.
    Kept,
    /// Up, and goes when this process ends.
    InUse {
        /// The process that made it.
        process: u32,
    },
    /// Not whole, or left by a process that is dead.
    Broken {
        /// What is wrong with it.
        reason: String,
    },
}

pub(super) fn of(registration: &Registration) -> LabStatus {
    let endpoints = registration.layout().endpoints();
    let namespaces = registration.layout().namespaces();
    LabStatus {
        name: registration.name.clone(),
        kind: registration.kind,
        containers: registration.containers.clone(),
        guests: registration.guests.clone(),
        state: state(registration, &endpoints),
        processes: removal::processes_in(&namespaces).len(),
        endpoints,
    }
}

fn state(registration: &Registration, endpoints: &[LabEndpoint]) -> LabState {
    let missing = endpoints.iter().find(|endpoint| !endpoint.namespace.exists());
    match (&registration.owner, missing) {
        (Owner::Unknown { reason }, _) => LabState::Broken { reason: reason.clone() },
        (Owner::Process { identity, .. }, _) if registration.owner.is_dead() => {
            LabState::Broken { reason: format!("it was left by process {}, which is dead", identity.pid) }
        }
        (Owner::Process { identity, .. }, _) => LabState::InUse { process: identity.pid },
        (Owner::Nobody, Some(endpoint)) => LabState::Broken { reason: format!("its namespace {} is gone", endpoint.namespace) },
        (Owner::Nobody, None) => LabState::Kept,
    }
}
