use reporter::environment::KernelFiles;
use serde::{Deserialize, Serialize};

/// A PCI Express link. The widths are in lanes, the speeds as the kernel writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcieLink {
    /// Such as `16.0 GT/s PCIe`.
    pub speed: String,
    /// The fastest that the device can.
    pub max_speed: String,
    /// Lanes in use.
    pub width: u32,
    /// The most lanes that the device can use.
    pub max_width: u32,
}

impl PcieLink {
    /// The link of a port that DPDK opens with these devargs; none for ports without a PCI device, and where the kernel does not know the link.
    pub fn of_devargs(devargs: &str, files: &KernelFiles) -> Option<Self> {
        let device = devargs.split(',').next()?;
        let device = device.strip_prefix("pci:").unwrap_or(device);
        // DPDK takes an address without the domain, which is 0 then (lib/pci, `rte_pci_addr_parse`).
        let with_domain = if device.matches(':').count() == 1 { format!("0000:{device}") } else { device.to_owned() };
        read(files, &|name| format!("sys/bus/pci/devices/{with_domain}/{name}"))
    }

    /// Bits a second that the link carries each way, without the line code: 8b/10b up to 5 GT/s, 128b/130b up to 32 GT/s, and 236 of the 256 bytes of
    /// a flit at 64 GT/s (PCI Express Base Specification 6.0, §§4.2.1, 4.2.2 and 4.2.3). None for a speed that is not known.
    pub fn data_bps(&self) -> Option<f64> {
        let transfers: f64 = self.speed.split_whitespace().next()?.parse().ok()?;
        let share = match transfers {
            t if t <= 0.0 => return None,
            t if t <= 5.0 => 8.0 / 10.0,
            t if t <= 32.0 => 128.0 / 130.0,
            _ => 236.0 / 256.0,
        };
        Some(transfers * 1e9 * f64::from(self.width) * share)
    }

    /// Whether the link is slower or narrower than the device.
    pub fn is_reduced(&self) -> bool {
        self.width < self.max_width || self.speed != self.max_speed
    }
}

/// The link of the function whose attributes these are.
pub(super) fn read(files: &KernelFiles, attribute: &impl Fn(&str) -> String) -> Option<PcieLink> {
    Some(PcieLink {
        speed: files.text(&attribute("current_link_speed")).filter(|speed| speed != "Unknown")?,
        max_speed: files.text(&attribute("max_link_speed"))?,
        width: files.number(&attribute("current_link_width")).filter(|&width| width > 0)?,
        max_width: files.number(&attribute("max_link_width"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_a_link_is_that_of_its_lanes_without_the_line_code() {
        let link = |speed: &str, width| PcieLink { speed: speed.to_owned(), max_speed: speed.to_owned(), width, max_width: width };
        assert_eq!(link("2.5 GT/s PCIe", 4).data_bps(), Some(8e9));
        assert_eq!(link("8.0 GT/s PCIe", 8).data_bps().map(f64::round), Some(63_015_384_615.0));
        assert_eq!(link("64.0 GT/s PCIe", 1).data_bps(), Some(59e9));
        assert_eq!((link("Unknown", 1).data_bps(), link("0 GT/s", 1).data_bps()), (None, None));
    }
}
