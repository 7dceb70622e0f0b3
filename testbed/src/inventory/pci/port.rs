use dataplane::KernelDriver;
use reporter::environment::KernelFiles;
use serde::Serialize;

use super::address::PciAddress;
use super::id::PciId;
use super::interface::Interface;
use super::link::{self, PcieLink};
use super::models::{self, MELLANOX};
use super::networks::{Networks, PciNetwork, Representor};

/// PCI base class "network controller", and its subclass "Ethernet" (pci.ids, class 02 00).
const ETHERNET_CLASS: u32 = 0x0200;

/// A network function on PCI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PciPort {
    /// Where.
    pub address: PciAddress,
    /// What, by number.
    pub id: PciId,
    /// Its name in pci.ids, where it is there.
    pub model: Option<String>,
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

/// What a PCI function needs before DPDK can open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Readiness {
    /// Nothing: its DPDK driver works beside the kernel's (mlx5), or it is bound to a driver for user space.
    Ready,
    /// It must be bound to a driver for user space; its kernel interfaces are removed then.
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

pub(in crate::inventory) fn read(files: &KernelFiles) -> Vec<PciPort> {
    let networks = Networks::read(files);
    let addresses = files.names("sys/bus/pci/devices").into_iter();
    addresses.filter_map(|address| port(files, &networks, PciAddress::of_device(address))).collect()
}

fn port(files: &KernelFiles, networks: &Networks, address: PciAddress) -> Option<PciPort> {
    let attribute = |name: &str| format!("sys/bus/pci/devices/{address}/{name}");
    if files.hexadecimal(&attribute("class"))? >> 8 != ETHERNET_CLASS {
        return None;
    }
    let number = |name: &str| files.hexadecimal(&attribute(name)).and_then(|number| u16::try_from(number).ok());
    let id = PciId { vendor: number("vendor")?, device: number("device")? };
    let driver = files.link_name(&attribute("driver"));
    let (switch_ports, own): (Vec<&PciNetwork>, Vec<&PciNetwork>) =
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
        pcie: link::read(files, &attribute),
        devargs: address.to_string(),
        representors: switch_ports.iter().filter_map(|network| network.representor(&address)).collect(),
        id,
        address,
    })
}

fn readiness(address: &PciAddress, id: PciId, driver: Option<&str>, interfaces: &[Interface]) -> Readiness {
    let routed = interfaces.iter().find(|interface| interface.has_default_route);
    match routed {
        Some(interface) => Readiness::InUse { interface: interface.name.clone() },
        // Bifurcated: DPDK's driver works through the kernel's, which keeps the function.
        None if matches!(driver.map(KernelDriver::of), Some(KernelDriver::Bifurcated | KernelDriver::UserSpace)) => Readiness::Ready,
        None if id.vendor == MELLANOX => Readiness::Bind { command: "sudo modprobe mlx5_core mlx5_ib".to_owned() },
        None => Readiness::Bind { command: format!("sudo modprobe vfio-pci && sudo dpdk-devbind.py --bind=vfio-pci {address}") },
    }
}
