use std::fmt;
use std::path::Path;

use serde::Serialize;

/// A PCI function's address: `domain:bus:device.function`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PciAddress(String);

impl PciAddress {
    /// The address that a name in `/sys/bus/pci/devices` is.
    pub(super) fn of_device(name: String) -> Self {
        PciAddress(name)
    }

    /// The address as the kernel and DPDK write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The PCI function that a path in `/sys/devices` lies below: the last part of it that is an address.
pub(in crate::inventory) fn function_of(path: &Path) -> Option<PciAddress> {
    let is_address = |part: &&str| {
        let bytes = part.as_bytes();
        bytes.len() >= 12 && bytes.get(4) == Some(&b':') && bytes.get(7) == Some(&b':') && bytes.get(10) == Some(&b'.')
    };
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    parts.iter().rev().copied().find(is_address).map(|address| PciAddress(address.to_owned()))
}
