use reporter::environment::KernelFiles;
use serde::Serialize;

/// A PCI Express link. The widths are in lanes, the speeds as the kernel writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
