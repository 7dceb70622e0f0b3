//! The environment abstraction layer: DPDK's memory, CPUs and devices, once per process.

mod options;

pub use options::{EalOptions, Memory};

use std::sync::Arc;

use crate::error::DataplaneError;
use crate::port::{Port, PortOptions};
use crate::port_spec::PortSpec;

/// DPDK, initialised. Ports keep it alive; it is cleaned up when it and the last port are dropped.
#[derive(Debug)]
pub struct Dataplane {
    eal: Arc<Eal>,
}

/// Versions of DPDK.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DpdkVersion {
    /// Of the headers this program was built with.
    pub built: String,
    /// Of the library that is loaded.
    pub running: String,
}

#[derive(Debug)]
pub(crate) struct Eal;

impl Dataplane {
    /// Initialises DPDK and probes the devices named in `options`. Possible once per process.
    pub fn init(options: EalOptions) -> Result<Self, DataplaneError> {
        unimplemented!("{options:?}")
    }

    /// Which DPDK this is.
    pub fn version() -> DpdkVersion {
        unimplemented!()
    }

    /// The names of all ports there are now.
    pub fn port_names(&self) -> Vec<String> {
        unimplemented!()
    }

    /// Opens, sets up and starts a port. A software port that was not named at initialisation is made here.
    pub fn open(&self, spec: &PortSpec, options: PortOptions) -> Result<Port, DataplaneError> {
        unimplemented!("{spec} {options:?} {:?}", self.eal)
    }
}
