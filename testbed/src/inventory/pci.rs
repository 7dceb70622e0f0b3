use std::fmt;
use std::path::Path;

use methodology::units::LinkSpeed;
use serde::Serialize;

use super::kernel_files::KernelFiles;
use super::models::{self, MELLANOX};
use super::port_name::{PortName, Represented};

/// PCI base class "network controller", and its subclass "Ethernet" (pci.ids, class 02 00).
const ETHERNET_CLASS: u32 = 0x0200;

/// A PCI function's address: `domain:bus:device.function`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PciAddress(String);

impl PciAddress {
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

/// A PCI function's vendor and device numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct PciId {
    /// Who made it.
    pub vendor: u16,
    /// What it is.
    pub device: u16,
}

impl fmt::Display for PciId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.device)
    }
}

/// A network function on PCI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PciPort {
    /// Where.
    pub address: PciAddress,
    /// What, by number.
    pub id: PciId,
    /// What, by name, where linerate knows it.
    pub model: Option<&'static str>,
    /// The kernel driver that it is bound to.
    pub driver: Option<String>,
    /// Its own kernel interfaces. Representors are listed apart.
    pub interfaces: Vec<Interface>,
    /// The NUMA node whose cores are near; absent on a machine with one.
    pub numa_node: Option<u32>,
    /// The PCI Express link that it sits on.
    pub pcie: Option<PcieLink>,
    /// The devargs that open it.
    pub devargs: String,
    /// What must be done before.
    pub readiness: Readiness,
    /// The ports of its e-switch, if it manages one.
    pub representors: Vec<Representor>,
}

impl PciPort {
    /// Whether it belongs to a BlueField card.
    pub fn is_bluefield(&self) -> bool {
        models::is_bluefield(self.id)
    }
}

/// A kernel interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// The link's speed, where it is up and says.
    pub speed: Option<LinkSpeed>,
    /// Its MTU in bytes.
    pub mtu: Option<u32>,
    /// Whether the default route leaves through it.
    pub has_default_route: bool,
}

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

/// What a PCI function needs before DPDK can open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Readiness {
    /// Nothing: its DPDK driver works beside the kernel's (mlx5), or it is bound to a driver for user space.
    Ready,
    /// It must be bound to a driver for user space; its kernel interfaces go away then.
    Bind {
        /// The command that does it.
        command: String,
    },
    /// It carries the default route: taking it would cut this machine off.
    InUse {
        /// The interface with the route.
        interface: String,
    },
}

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

pub(super) fn read(files: &KernelFiles) -> Vec<PciPort> {
    let networks = Networks::read(files);
    let addresses = files.names("sys/bus/pci/devices").into_iter();
    addresses.filter_map(|address| port(files, &networks, PciAddress(address))).collect()
}

fn port(files: &KernelFiles, networks: &Networks, address: PciAddress) -> Option<PciPort> {
    let attribute = |name: &str| format!("sys/bus/pci/devices/{address}/{name}");
    if files.hexadecimal(&attribute("class"))? >> 8 != ETHERNET_CLASS {
        return None;
    }
    let number = |name: &str| files.hexadecimal(&attribute(name)).and_then(|number| u16::try_from(number).ok());
    let id = PciId { vendor: number("vendor")?, device: number("device")? };
    let driver = files.link_name(&attribute("driver"));
    let (switch_ports, own): (Vec<&Network>, Vec<&Network>) =
        networks.of_function(files, &address).into_iter().partition(|network| network.switch_port().is_some());
    // The uplink is the function's own interface as well as a port of the e-switch.
    let uplinks = switch_ports.iter().filter(|network| network.is_uplink());
    let interfaces: Vec<Interface> = own.iter().chain(uplinks).map(|network| network.interface.clone()).collect();
    Some(PciPort {
        model: models::model(id),
        readiness: readiness(&address, id, driver.as_deref(), &interfaces),
        driver,
        interfaces,
        // -1 where the machine has one node or does not say.
        numa_node: files.number(&attribute("numa_node")),
        pcie: pcie_link(files, &attribute),
        devargs: address.to_string(),
        representors: switch_ports.iter().filter_map(|network| network.representor(&address)).collect(),
        id,
        address,
    })
}

fn readiness(address: &PciAddress, id: PciId, driver: Option<&str>, interfaces: &[Interface]) -> Readiness {
    let routed = interfaces.iter().find(|interface| interface.has_default_route);
    // The mlx5 driver of DPDK works through the kernel's, which keeps the function ("bifurcated").
    let bifurcated = id.vendor == MELLANOX && driver.is_some_and(|driver| driver == "mlx5_core");
    let in_user_space = driver.is_some_and(|driver| matches!(driver, "vfio-pci" | "igb_uio" | "uio_pci_generic"));
    match routed {
        Some(interface) => Readiness::InUse { interface: interface.name.clone() },
        None if bifurcated || in_user_space => Readiness::Ready,
        None if id.vendor == MELLANOX => Readiness::Bind { command: "sudo modprobe mlx5_core mlx5_ib".to_owned() },
        None => Readiness::Bind { command: format!("sudo modprobe vfio-pci && sudo dpdk-devbind.py --bind=vfio-pci {address}") },
    }
}

fn pcie_link(files: &KernelFiles, attribute: &impl Fn(&str) -> String) -> Option<PcieLink> {
    Some(PcieLink {
        speed: files.text(&attribute("current_link_speed")).filter(|speed| speed != "Unknown")?,
        max_speed: files.text(&attribute("max_link_speed"))?,
        width: files.number(&attribute("current_link_width")).filter(|&width| width > 0)?,
        max_width: files.number(&attribute("max_link_width"))?,
    })
}

/// All kernel interfaces, with what tells where they belong.
#[derive(Debug)]
struct Networks {
    all: Vec<Network>,
}

#[derive(Debug)]
struct Network {
    interface: Interface,
    port_name: Option<PortName>,
    switch_id: Option<String>,
}

impl Networks {
    fn read(files: &KernelFiles) -> Self {
        let routed = default_route_interfaces(files);
        let read_one = |name: String| {
            let attribute = |attribute: &str| format!("sys/class/net/{name}/{attribute}");
            Network {
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
    fn of_function(&self, files: &KernelFiles, address: &PciAddress) -> Vec<&Network> {
        let below = below_function(files, &format!("sys/bus/pci/devices/{address}"));
        let hung: Vec<&Network> = self.all.iter().filter(|network| below.contains(&network.interface.name)).collect();
        let uplink = hung.iter().find(|network| network.is_uplink());
        let managed = |network: &&Network| {
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

impl Network {
    /// Its place on an e-switch; without `phys_switch_id` the e-switch is not in switchdev mode, and `p0` is an ordinary interface.
    fn switch_port(&self) -> Option<(PortName, &str)> {
        self.port_name.zip(self.switch_id.as_deref())
    }

    fn is_uplink(&self) -> bool {
        self.switch_port().is_some_and(|(name, _)| matches!(name.represents, Represented::Uplink { .. }))
    }

    fn representor(&self, function: &PciAddress) -> Option<Representor> {
        let (name, switch_id) = self.switch_port()?;
        let devargs = match name.representor() {
            Some(representor) => format!("{function},representor={representor}"),
            None => function.to_string(),
        };
        Some(Representor { interface: self.interface.clone(), name, switch_id: switch_id.to_owned(), devargs })
    }
}

/// Interfaces with an IPv4 default route: destination and mask 0 in `/proc/net/route`.
fn default_route_interfaces(files: &KernelFiles) -> Vec<String> {
    let table = files.text("proc/net/route").unwrap_or_default();
    let is_default = |fields: &[&str]| fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|fields| is_default(fields)).filter_map(|fields| fields.first().map(|name| (*name).to_owned())).collect()
}

/// The PCI function that a path in `/sys/devices` lies below: the last part of it that is an address.
pub(super) fn function_of(path: &Path) -> Option<PciAddress> {
    let is_address = |part: &&str| {
        let bytes = part.as_bytes();
        bytes.len() >= 12 && bytes.get(4) == Some(&b':') && bytes.get(7) == Some(&b':') && bytes.get(10) == Some(&b'.')
    };
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    parts.iter().rev().copied().find(is_address).map(|address| PciAddress(address.to_owned()))
}
