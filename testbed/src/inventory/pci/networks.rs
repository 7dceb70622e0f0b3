use dataplane::{PortName, Represented};
use methodology::units::LinkSpeed;
use reporter::environment::KernelFiles;
use serde::Serialize;

use super::address::PciAddress;
use super::interface::Interface;
use crate::inventory::shared_interface::default_routes4;

/// A port of an e-switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Representor {
    /// The kernel interface.
    pub interface: Interface,
    /// What it stands for.
    pub name: PortName,
    /// Which e-switch it is on (`phys_switch_id`).
    pub switch_id: String,
    /// The devargs that open it; those of a representor open the uplink as the port before it.
    pub devargs: String,
}

/// All kernel interfaces, with what tells where they belong.
#[derive(Debug)]
pub(super) struct Networks {
    all: Vec<PciNetwork>,
}

#[derive(Debug)]
pub(super) struct PciNetwork {
    pub(super) interface: Interface,
    port_name: Option<PortName>,
    switch_id: Option<String>,
}

impl Networks {
    pub(super) fn read(files: &KernelFiles) -> Self {
        let routed: Vec<String> = default_routes4(&files.text("proc/net/route").unwrap_or_default()).collect();
        let read_one = |name: String| {
            let attribute = |attribute: &str| format!("sys/class/net/{name}/{attribute}");
            PciNetwork {
                port_name: files.text(&attribute("phys_port_name")).as_deref().and_then(PortName::parse),
                switch_id: files.text(&attribute("phys_switch_id")),
                interface: Interface {
                    // -1, or no answer, while the link is down.
                    speed: files.number::<u32>(&attribute("speed")).filter(|mbps| (1..u32::MAX).contains(mbps)).map(LinkSpeed::from_mbps),
                    mtu: files.number(&attribute("mtu")),
                    has_default_route: routed.contains(&name),
                    name,
                },
            }
        };
        Networks { all: files.names("sys/class/net").into_iter().map(read_one).collect() }
    }

    /// The interfaces of a PCI function: those that the kernel hangs below it, and those on the e-switch that it manages. Which of the two
    /// a representor is depends on the kernel's version: some hang every representor below the function, some only the uplink.
    pub(super) fn of_function(&self, files: &KernelFiles, address: &PciAddress) -> Vec<&PciNetwork> {
        let below = below_function(files, &format!("sys/bus/pci/devices/{address}"));
        let hung: Vec<&PciNetwork> = self.all.iter().filter(|network| below.contains(&network.interface.name)).collect();
        let uplink = hung.iter().find(|network| network.is_uplink());
        let managed = |network: &&PciNetwork| {
            uplink.is_some_and(|uplink| {
                network.switch_id.is_some()
                    && network.switch_id == uplink.switch_id
                    && network.port_name.map(PortName::pf) == uplink.port_name.map(PortName::pf)
            })
        };
        self.all.iter().filter(|network| below.contains(&network.interface.name) || managed(network)).collect()
    }
}

/// The names in `net` of the function, or of the virtio device below it.
fn below_function(files: &KernelFiles, function: &str) -> Vec<String> {
    let children = files.names(function).into_iter().filter(|name| name.starts_with("virtio"));
    let mut names = files.names(&format!("{function}/net"));
    names.extend(children.flat_map(|child| files.names(&format!("{function}/{child}/net"))));
    names
}

impl PciNetwork {
    /// Its place on an e-switch; without `phys_switch_id` the e-switch is not in switchdev mode, and `p0` is an ordinary interface.
    pub(super) fn switch_port(&self) -> Option<(PortName, &str)> {
        self.port_name.zip(self.switch_id.as_deref())
    }

    pub(super) fn is_uplink(&self) -> bool {
        self.switch_port().is_some_and(|(name, _)| matches!(name.represents, Represented::Uplink { .. }))
    }

    pub(super) fn representor(&self, function: &PciAddress) -> Option<Representor> {
        let (name, switch_id) = self.switch_port()?;
        let devargs = match name.representor() {
            Some(representor) => format!("{function},representor={representor}"),
            None => function.to_string(),
        };
        Some(Representor { interface: self.interface.clone(), name, switch_id: switch_id.to_owned(), devargs })
    }
}
