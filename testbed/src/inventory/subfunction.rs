use std::fs;

use reporter::environment::KernelFiles;
use serde::Serialize;

use super::pci::{PciAddress, function_of};

/// A subfunction of an mlx5 device, on the auxiliary bus: an ordinary port that is reached through the e-switch's rules, the fair
/// counterpart of a kernel interface on the same card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subfunction {
    /// The device on the auxiliary bus, such as `mlx5_core.sf.4`.
    pub device: String,
    /// The number that its user gave it.
    pub number: Option<u32>,
    /// The PCI function that it is a part of.
    pub parent: Option<PciAddress>,
    /// Its kernel interfaces.
    pub interfaces: Vec<String>,
    /// The devargs that open it.
    pub devargs: String,
}

pub(super) fn read(files: &KernelFiles) -> Vec<Subfunction> {
    let devices = files.names("sys/bus/auxiliary/devices").into_iter().filter(|name| name.starts_with("mlx5_core.sf."));
    devices.map(|device| subfunction(files, device)).collect()
}

fn subfunction(files: &KernelFiles, device: String) -> Subfunction {
    let path = format!("sys/bus/auxiliary/devices/{device}");
    Subfunction {
        number: files.number(&format!("{path}/sfnum")),
        parent: fs::canonicalize(files.path(&path)).ok().as_deref().and_then(function_of),
        interfaces: files.names(&format!("{path}/net")),
        devargs: format!("auxiliary:{device}"),
        device,
    }
}
