use std::fmt;

use serde::Serialize;

use crate::record::EndpointId;

/// A part of a testbed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// One endpoint: a processor or a card.
    Endpoint(EndpointId),
    /// One system: a server with its card.
    System(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Endpoint(id) => write!(f, "endpoint {id}"),
            Place::System(name) => write!(f, "system {name}"),
        }
    }
}

impl Place {
    pub(super) fn holds(&self, endpoint: &EndpointId) -> bool {
        match self {
            Place::Endpoint(id) => endpoint == id,
            Place::System(name) => endpoint.system() == name,
        }
    }
}
