use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::location::Location;
use super::read_file;

/// Where Linux names its current boot (random(4)): one name for all namespaces and containers of a machine, a new one after a restart.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// One boot of one machine: two places with the same one share its processors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BootId(pub(crate) String);

impl BootId {
    /// That of this machine; empty where the kernel does not tell.
    pub(crate) fn here() -> Self {
        BootId(fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned())
    }

    /// That of the machine of a place; none where it cannot be read.
    pub(crate) fn of(location: &Location) -> Option<Self> {
        let id = match location {
            Location::Here | Location::Namespace(_) | Location::Confined(_) => BootId::here(),
            Location::Ssh(_) | Location::Container(_) => BootId(read_file(location, BOOT_ID, Duration::from_secs(10))?),
        };
        (!id.0.is_empty()).then_some(id)
    }
}
