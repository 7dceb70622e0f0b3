use std::fs;

use reporter::environment::parse_ethtool_pause;
use serde::Deserialize;
use serde_json::Value;

use super::check::{Check, CheckLevel};
use super::machine::Machine;
use super::pci_express::max_read_request;
use crate::inventory::{BlueFieldView, Inventory, PciPort, Readiness};

/// What DPDK's mlx5 guide recommends ("Performance tuning"), in bytes.
const GOOD_READ_REQUEST: u32 = 1024;
/// The smallest MTU with which all frame sizes of RFC 2544 §9.1 pass: 1518 bytes with header and FCS.
const ETHERNET_MTU: u32 = 1500;

/// The ports that could be measured; the one that carries the default route could not, and is left out.
pub(super) fn check(machine: &Machine) -> Vec<Check> {
    let inventory = Inventory::read(machine.root());
    let ports: Vec<&PciPort> = inventory.pci.iter().filter(|port| !matches!(port.readiness, Readiness::InUse { .. })).collect();
    let mut checks: Vec<Check> = ports.iter().flat_map(|port| check_port(machine, port)).collect();
    if ports.is_empty() {
        checks.push(Check::found(
            CheckLevel::Note,
            "ports",
            "no network card is free",
            "the lab and software ports can be measured, no wire",
        ));
    }
    checks.extend(inventory.bluefield.map(bluefield));
    checks
}

fn check_port(machine: &Machine, port: &PciPort) -> Vec<Check> {
    let of_function = [near_cores(machine, port), link(port), read_request(machine, port), e_switch(machine, port)];
    let of_interfaces = port.interfaces.iter().flat_map(|interface| {
        let name = interface.name.as_str();
        [pause(machine, name), interface.mtu.and_then(|bytes| mtu(name, bytes)), addresses(machine, name)]
    });
    of_function.into_iter().chain(of_interfaces).flatten().collect()
}

fn near_cores(machine: &Machine, port: &PciPort) -> Option<Check> {
    let nodes = machine.files.names("sys/devices/system/node").into_iter().filter(|name| name.starts_with("node")).count();
    let node = port.numa_node.filter(|_| nodes > 1)?;
    let cores = machine.files.text(&format!("sys/devices/system/node/node{node}/cpulist")).unwrap_or_default();
    let why = "cores and memory of another node reach the port more slowly: pin the poll loops to these";
    Some(Check::found(CheckLevel::Note, format!("{} NUMA", port.address), format!("node {node}, cores {cores}"), why))
}

fn link(port: &PciPort) -> Option<Check> {
    let link = port.pcie.as_ref()?;
    let subject = format!("{} PCIe link", port.address);
    let seen = format!("{} x{}", link.speed, link.width);
    Some(if link.is_reduced() {
        let why = "the slot, or the power saving, gives the port less than it can use; it may not reach line rate";
        Check::found(CheckLevel::Warning, subject, format!("{seen}, while the port can {} x{}", link.max_speed, link.max_width), why)
            .fixed_by(format!("sudo lspci -vvs {} (compare LnkCap and LnkSta; then try another slot)", port.address))
    } else {
        Check::ok(subject, seen)
    })
}

fn read_request(machine: &Machine, port: &PciPort) -> Option<Check> {
    let config = fs::read(machine.files.path(&format!("sys/bus/pci/devices/{}/config", port.address))).ok()?;
    let bytes = max_read_request(&config)?;
    let subject = format!("{} read request", port.address);
    Some(if bytes < GOOD_READ_REQUEST {
        let why = "the port fetches frames from memory in smaller pieces than DPDK's guide for mlx5 recommends (1024)";
        Check::found(CheckLevel::Note, subject, format!("{bytes} bytes"), why)
            .fixed_by(format!("sudo setpci -s {} CAP_EXP+8.w=3000:7000", port.address))
    } else {
        Check::ok(subject, format!("{bytes} bytes"))
    })
}

/// Only the kernel's mlx5 driver has e-switch modes that matter here, and only the Arm side of a BlueField needs one of them.
fn e_switch(machine: &Machine, port: &PciPort) -> Option<Check> {
    let device = format!("pci/{}", port.address);
    let answer =
        machine.ask(&["devlink", "-json", "dev", "eswitch", "show", &device]).filter(|_| port.driver.as_deref() == Some("mlx5_core"))?;
    let answer: Value = serde_json::from_str(&answer).ok()?;
    let mode = answer.get("dev")?.get(&device)?.get("mode")?.as_str()?.to_owned();
    let subject = format!("{} e-switch", port.address);
    Some(if mode == "switchdev" {
        Check::ok(subject, mode)
    } else {
        let why = "representors exist in switchdev mode only; for an ordinary port this is as it should be";
        Check::found(CheckLevel::Note, subject, mode, why).fixed_by(format!("sudo devlink dev eswitch set {device} mode switchdev"))
    })
}

fn pause(machine: &Machine, interface: &str) -> Option<Check> {
    let pause = parse_ethtool_pause(&machine.ask(&["ethtool", "--json", "-a", interface])?)?;
    let subject = format!("{interface} pause frames");
    Some(match (pause.rx, pause.tx) {
        (false, false) => Check::ok(subject, "off"),
        (rx, tx) => {
            let on = |on: bool| if on { "on" } else { "off" };
            let why = "a receiver that is too slow stops the sender instead of losing frames: the rate drops and no loss shows";
            Check::found(CheckLevel::Warning, subject, format!("receive {}, send {}", on(rx), on(tx)), why)
                .fixed_by(format!("sudo ethtool -A {interface} autoneg off rx off tx off"))
        }
    })
}

fn mtu(interface: &str, bytes: u32) -> Option<Check> {
    (bytes < ETHERNET_MTU).then(|| {
        let why = "frames of 1518 bytes, the largest of RFC 2544 §9.1, do not fit";
        Check::found(CheckLevel::Warning, format!("{interface} MTU"), format!("{bytes}"), why)
            .fixed_by(format!("sudo ip link set {interface} mtu {ETHERNET_MTU}"))
    })
}

/// An interface as `ip -json address` shows it.
#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    local: String,
    prefixlen: u8,
}

fn addresses(machine: &Machine, interface: &str) -> Option<Check> {
    let answer = machine.ask(&["ip", "-json", "-4", "address", "show", "dev", interface])?;
    let links: Vec<Link> = serde_json::from_str(&answer).ok()?;
    let addresses: Vec<String> =
        links.iter().flat_map(|link| &link.addr_info).map(|address| format!("{}/{}", address.local, address.prefixlen)).collect();
    if addresses.is_empty() {
        return None;
    }
    let why = "the kernel answers and sends on this port too; its frames appear as foreign ones. Kernel measurements need the address, poll-mode ones do not";
    Some(Check::found(CheckLevel::Note, format!("{interface} addresses"), addresses.join(", "), why))
}

fn bluefield(view: BlueFieldView) -> Check {
    let why = "results in different modes are not comparable";
    match view {
        BlueFieldView::ArmInDpuMode => Check::ok("BlueField", view.to_string()),
        BlueFieldView::Host | BlueFieldView::ArmWithoutHost | BlueFieldView::ArmWithoutPorts => {
            Check::found(CheckLevel::Note, "BlueField", view.to_string(), why)
        }
    }
}
