//! The ports of a device's embedded switch as the kernel lists them: also those that DPDK was not asked to open.

use std::fs;
use std::path::Path;

use super::port_name::PortName;
use crate::dpdk::pci_device::file_names;

/// The representors on the switch of the PCI device `address`, as the devargs key `representor` names them, in order. Empty where the device
/// has no switch or is not bound to a kernel driver. `root` is `/` outside tests.
pub(in crate::dpdk) fn representors_of(root: &Path, address: &str) -> Vec<String> {
    let interfaces = root.join("sys/class/net");
    let text = |interface: &str, file: &str| {
        let text = fs::read_to_string(interfaces.join(interface).join(file)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let port_of = |interface: &str| Some((text(interface, "phys_switch_id")?, PortName::parse(&text(interface, "phys_port_name")?)?));
    let own: Vec<(String, PortName)> =
        file_names(&root.join(format!("sys/bus/pci/devices/{address}/net"))).iter().filter_map(|interface| port_of(interface)).collect();
    let Some((switch, uplink)) = own.iter().find(|(_, port)| port.representor().is_none()) else { return Vec::new() };
    let on_switch = file_names(&interfaces).into_iter().filter_map(|interface| port_of(&interface));
    let mut ports: Vec<PortName> = on_switch.filter(|(id, port)| id == switch && port.pf() == uplink.pf()).map(|(_, port)| port).collect();
    ports.sort_by_key(|port| (port.controller, format!("{:?}", port.represents)));
    let mut representors: Vec<String> = ports.into_iter().filter_map(PortName::representor).collect();
    representors.dedup();
    representors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_lists_the_representors_of_a_device() {
        let root = tempfile::tempdir().unwrap();
        let interface = |name: &str, port: &str, switch: &str| {
            let folder = root.path().join("sys/class/net").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("phys_port_name"), format!("{port}\n")).unwrap();
            fs::write(folder.join("phys_switch_id"), format!("{switch}\n")).unwrap();
        };
        interface("p0", "p0", "aa00");
        interface("pf0hpf", "c1pf0", "aa00");
        interface("pf0vf0", "c1pf0vf0", "aa00");
        interface("en3f0pf0sf4", "pf0sf4", "aa00");
        interface("p1", "p1", "aa01");
        interface("pf1vf0", "c1pf1vf0", "aa01");
        fs::create_dir_all(root.path().join("sys/bus/pci/devices/0000:03:00.0/net/p0")).unwrap();
        assert_eq!(representors_of(root.path(), "0000:03:00.0"), ["sf4", "vf65535", "vf0"]);
        assert_eq!(representors_of(root.path(), "0000:03:00.1"), [] as [&str; 0]);
    }
}
