//! What is here that could be measured, and which device arguments (devargs) open it in DPDK.
//!
//! [`Inventory::read`] looks at `/sys` and `/proc` only: it starts no DPDK and changes nothing. What it says about BlueField-2 follows
//! NVIDIA's and DPDK's documents and the drivers' code; it has been tried on imitated trees, not on the hardware.

mod bluefield;
mod native_xdp;
mod pci;
mod rdma_port;
mod shared_interface;
mod software;
mod subfunction;

use std::path::Path;

use reporter::environment::KernelFiles;
use serde::Serialize;

pub use bluefield::BlueFieldView;
pub use native_xdp::{NoNativeXdp, check_native_xdp};
pub use pci::{Interface, PciAddress, PciId, PciPort, PcieLink, Readiness, Representor};
pub use rdma_port::{NoRdmaPort, rdma_port};
pub use shared_interface::{PortInUse, Traffic, check_port};
pub use software::{SOFTWARE_PORTS, SoftwarePort};
pub use subfunction::Subfunction;

/// The ports of one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Network functions on PCI, by address, with the representors that belong to each.
    pub pci: Vec<PciPort>,
    /// Subfunctions of mlx5 devices.
    pub subfunctions: Vec<Subfunction>,
    /// What can be said of a BlueField's mode from here; absent where there is none.
    pub bluefield: Option<BlueFieldView>,
    /// Ports that DPDK makes out of software, on any machine.
    pub software: &'static [SoftwarePort],
}

impl Inventory {
    /// Reads the trees below `root`, which is `/` outside tests. What cannot be read is absent; this cannot fail.
    ///
    /// `/sys/class/net` shows the interfaces of the network namespace that mounted it.
    pub fn read(root: &Path) -> Self {
        let files = KernelFiles::below(root);
        let pci = pci::read(&files);
        let bluefield = bluefield::view(&files, &pci);
        Inventory { subfunctions: subfunction::read(&files), bluefield, pci, software: &SOFTWARE_PORTS }
    }
}

#[cfg(test)]
mod tests;
