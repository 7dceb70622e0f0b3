//! The port of the RDMA device that a kernel interface belongs to, and whether perftest can use it.

use std::time::Duration;

use reporter::kernel_tools::RdmaPort;
use thiserror::Error;

use crate::process::{CommandSpec, Location, ProcessError, package_of, run};

/// How long an endpoint may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// One command, because each can be a login.
const SCRIPT: &str = include_str!("rdma_port.sh");

/// The bit of CAP_NET_RAW (capabilities(7)). The kernel asks for it for queue pairs of raw packets and for flow rules (`rdma_uattrs_has_raw_cap`).
const CAP_NET_RAW: u32 = 13;

/// The Ethernet header and the FCS, which an MTU does not count.
const ETHERNET_BYTES: u32 = 18;

/// The link layer of an RDMA port that has an Ethernet link (sysfs-class-infiniband).
const ETHERNET: &str = "Ethernet";

/// Why stack `verbs` cannot be measured on an interface.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NoRdmaPort {
    /// The interface is not there.
    #[error("there is no interface {interface}: check `interface` in the testbed")]
    NoInterface {
        /// The interface.
        interface: String,
    },
    /// The interface belongs to no RDMA device.
    #[error(
        "interface {interface} has no RDMA device, which stack \"verbs\" needs: use the interface of a NIC such as ConnectX or BlueField (`rdma link` lists \
         them), or limit these measures to other endpoints with `pairs`"
    )]
    NoDevice {
        /// The interface.
        interface: String,
    },
    /// The device has no such port.
    #[error(
        "interface {interface} has RDMA device {device}, which shows no port for it: check that the driver's RDMA module (such as mlx5_ib) is loaded"
    )]
    NoPort {
        /// The interface.
        interface: String,
        /// The device.
        device: String,
    },
    /// The device's ports belong to other interfaces.
    #[error(
        "interface {interface} is of no port of RDMA device {device}, whose ports belong to {others}: name the interface of a port (`rdma link` lists them) as `interface` in the testbed"
    )]
    OtherInterfaces {
        /// The interface.
        interface: String,
        /// The device.
        device: String,
        /// The interfaces that have ports.
        others: String,
    },
    /// The interface does not take frames of a size.
    #[error("interface {interface} has MTU {mtu}, and frames of {bytes} bytes need {needed}: sudo ip link set {interface} mtu {needed}")]
    SmallMtu {
        /// The interface.
        interface: String,
        /// Its MTU.
        mtu: u32,
        /// The size of the frames, with their FCS.
        bytes: u32,
        /// The MTU for them.
        needed: u32,
    },
    /// The port has another link than Ethernet.
    #[error(
        "port {port} of RDMA device {device} is of {link_layer}, and stack \"verbs\" sends Ethernet frames: set the port to Ethernet (`mlxconfig`)"
    )]
    NotEthernet {
        /// The device.
        device: String,
        /// The number of the port.
        port: u32,
        /// What it has.
        link_layer: String,
    },
    /// The process may not open the device.
    #[error(
        "{file} of RDMA device {device} cannot be opened for reading and writing: run linerate as root (`become = \"sudo -n\"` for an endpoint on another machine), give the device to the container, or load the module ib_uverbs"
    )]
    NoAccess {
        /// The device.
        device: String,
        /// Its character device.
        file: String,
    },
    /// The process may not send raw packets.
    #[error(
        "raw Ethernet frames through RDMA device {device} need the capability CAP_NET_RAW: run linerate as root (`become = \"sudo -n\"` for an endpoint on another machine), or give it to the container"
    )]
    NoCapability {
        /// The device.
        device: String,
    },
    /// perftest is not installed.
    #[error("{program} is not installed: sudo apt-get install {}", package_of(.program).unwrap_or("perftest"))]
    NoProgram {
        /// The program.
        program: String,
    },
    /// The endpoint did not answer.
    #[error("{0}")]
    Process(#[from] ProcessError),
}

/// The RDMA port that an interface of a place belongs to. Everything that perftest needs there is checked, also whether the interface takes frames of so
/// many bytes with their FCS.
///
/// # Errors
/// There is none, or perftest cannot use it.
pub fn rdma_port(location: &Location, interface: &str, frame_bytes: Option<u32>) -> Result<RdmaPort, NoRdmaPort> {
    rdma_port_below("", location, interface, frame_bytes)
}

fn rdma_port_below(root: &str, location: &Location, interface: &str, frame_bytes: Option<u32>) -> Result<RdmaPort, NoRdmaPort> {
    let words = ["sh", "-c", SCRIPT, "sh", root, interface];
    let output = run(&CommandSpec::new(location.clone(), words).with_timeout(LIMIT))?;
    judge(interface, frame_bytes, &output.stdout_text())
}

/// A port of one of the RDMA devices.
struct Port<'p> {
    device: &'p str,
    number: u32,
    link_layer: &'p str,
    /// The interfaces of its addresses.
    interfaces: Vec<&'p str>,
}

/// The ports that the script printed, each after its device.
fn ports(printed: &str) -> Vec<Port<'_>> {
    let mut ports: Vec<Port<'_>> = Vec::new();
    let mut device = "";
    for (key, value) in printed.lines().filter_map(|line| line.split_once(' ')) {
        let numbered = || value.split_once(' ').and_then(|(number, of_port)| Some((number.parse::<u32>().ok()?, of_port)));
        match key {
            "device" => device = value,
            "port" => ports.extend(numbered().map(|(number, link_layer)| Port { device, number, link_layer, interfaces: Vec::new() })),
            "netdev" => {
                let Some((number, interface)) = numbered() else { continue };
                if let Some(port) = ports.last_mut().filter(|port| port.number == number) {
                    port.interfaces.push(interface);
                }
            }
            _ => {}
        }
    }
    ports
}

/// The port of an interface. A port names its interfaces; the representors of a NIC's other functions share its folder and have RDMA ports of their own or
/// none. Where no port names any, an interface has its number from 0 (`dev_port` in sysfs-class-net).
fn port_of<'a, 'p>(interface: &str, dev_port: Option<u32>, ports: &'a [Port<'p>]) -> Option<&'a Port<'p>> {
    if ports.iter().any(|port| !port.interfaces.is_empty()) {
        return ports.iter().find(|port| port.interfaces.contains(&interface));
    }
    let number = dev_port.map_or(1, |port| port.saturating_add(1));
    ports.iter().find(|port| port.number == number || ports.len() == 1)
}

/// What the script printed.
fn judge(interface: &str, frame_bytes: Option<u32>, printed: &str) -> Result<RdmaPort, NoRdmaPort> {
    let all = |key: &'static str| {
        printed.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' ')).filter(|value| !value.is_empty())
    };
    let one = |key: &'static str| all(key).next();
    let number = |key: &'static str| one(key).and_then(|value| value.parse::<u32>().ok());
    let owned = str::to_owned;
    let Some(address) = one("address") else { return Err(NoRdmaPort::NoInterface { interface: owned(interface) }) };
    let Some(first) = one("device") else { return Err(NoRdmaPort::NoDevice { interface: owned(interface) }) };
    let ports = ports(printed);
    let Some(&Port { device, number: port, link_layer, .. }) = port_of(interface, number("dev_port"), &ports) else {
        let mut others: Vec<&str> = ports.iter().flat_map(|port| port.interfaces.iter().copied()).collect();
        others.sort_unstable();
        others.dedup();
        return Err(match others.is_empty() {
            true => NoRdmaPort::NoPort { interface: owned(interface), device: owned(first) },
            false => NoRdmaPort::OtherInterfaces { interface: owned(interface), device: owned(first), others: others.join(", ") },
        });
    };
    let device = owned(device);
    if link_layer != ETHERNET {
        return Err(NoRdmaPort::NotEthernet { device, port, link_layer: owned(link_layer) });
    }
    let no_access = all("no_access").filter_map(|value| value.split_once(' ')).find(|(of, _)| *of == device);
    if let Some((_, file)) = no_access {
        return Err(NoRdmaPort::NoAccess { device, file: owned(file) });
    }
    let capabilities = one("capabilities").and_then(|set| u64::from_str_radix(set, 16).ok());
    if capabilities.is_some_and(|set| set >> CAP_NET_RAW & 1 == 0) {
        return Err(NoRdmaPort::NoCapability { device });
    }
    if let (Some(mtu), Some(bytes)) = (number("mtu"), frame_bytes) {
        let needed = bytes.saturating_sub(ETHERNET_BYTES);
        if needed > mtu {
            return Err(NoRdmaPort::SmallMtu { interface: owned(interface), mtu, bytes, needed });
        }
    }
    match one("missing").map(owned) {
        Some(program) => Err(NoRdmaPort::NoProgram { program }),
        None => Ok(RdmaPort { device, number: port, address: owned(address) }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// An imitation of a machine with an RDMA device of two ports, as the kernel's ABI documents name its files.
    fn imitated(root: &Path) {
        let put = |file: &str, text: &str| {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        for (interface, address, dev_port) in [("ens1", "02:00:00:00:00:01", "0"), ("ens2", "02:00:00:00:00:02", "1")] {
            let net = format!("sys/class/net/{interface}");
            put(&format!("{net}/address"), &format!("{address}\n"));
            put(&format!("{net}/dev_port"), &format!("{dev_port}\n"));
            put(&format!("{net}/mtu"), "1500\n");
            std::os::unix::fs::symlink("../../../pci", root.join(&net).join("device")).unwrap();
        }
        for (port, link_layer) in [(1, "Ethernet"), (2, "InfiniBand")] {
            put(&format!("sys/pci/infiniband/mlx4_0/ports/{port}/link_layer"), &format!("{link_layer}\n"));
        }
        put("sys/pci/infiniband_verbs/uverbs7/dev", "231:199\n");
        put("sys/pci/infiniband_verbs/uverbs7/ibdev", "mlx4_0\n");
        put("dev/infiniband/uverbs7", "");
    }

    fn refused(root: &Path, interface: &str) -> String {
        rdma_port_below(&root.display().to_string(), &Location::Here, interface, Some(9000)).unwrap_err().to_string()
    }

    #[test]
    fn the_port_of_an_interface_is_found_and_what_keeps_perftest_from_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        imitated(root);
        let found = rdma_port_below(&root.display().to_string(), &Location::Here, "ens1", Some(1518));
        match crate::process::find_program("raw_ethernet_bw") {
            Some(_) => {
                let port = RdmaPort { device: "mlx4_0".to_owned(), number: 1, address: "02:00:00:00:00:01".to_owned() };
                assert_eq!(found.unwrap(), port);
            }
            None => assert_eq!(found.unwrap_err().to_string(), "raw_ethernet_bw is not installed: sudo apt-get install perftest"),
        }
        assert!(refused(root, "ens2").starts_with("port 2 of RDMA device mlx4_0 is of InfiniBand"));
        assert!(refused(root, "ens1").ends_with("has MTU 1500, and frames of 9000 bytes need 8982: sudo ip link set ens1 mtu 8982"));
        let name = root.join("sys/pci/infiniband/mlx4_0/ports/1/gid_attrs/ndevs");
        fs::create_dir_all(&name).unwrap();
        fs::write(name.join("0"), "ens1\n").unwrap();
        fs::write(name.join("1"), "ens1.5\n").unwrap();
        assert!(refused(root, "ens1").contains("has MTU 1500"));
        assert!(
            refused(root, "ens2").starts_with("interface ens2 is of no port of RDMA device mlx4_0, whose ports belong to ens1, ens1.5")
        );
        assert!(refused(root, "ens9").starts_with("there is no interface ens9"));
        fs::remove_file(root.join("dev/infiniband/uverbs7")).unwrap();
        assert!(refused(root, "ens1").starts_with("/dev/infiniband/uverbs7 of RDMA device mlx4_0 cannot be opened"));
        fs::remove_dir_all(root.join("sys/pci/infiniband_verbs")).unwrap();
        assert!(refused(root, "ens1").starts_with("/dev/infiniband/uverbs* of RDMA device mlx4_0 cannot be opened"));
        fs::remove_dir_all(root.join("sys/pci/infiniband")).unwrap();
        assert!(refused(root, "ens1").starts_with("interface ens1 has no RDMA device"));
        assert!(rdma_port(&Location::Here, "lo", None).unwrap_err().to_string().starts_with("interface lo has no RDMA device"));
    }

    #[test]
    fn rights_and_programs_are_named_and_a_port_follows_from_its_interface() {
        let facts = |more: &str| format!("address 02:00:00:00:00:01\ndev_port 1\ndevice mlx5_0\n{more}");
        let both = "port 1 Ethernet\nport 2 Ethernet\n";
        let number = |text: &str| judge("ens1", None, &facts(text)).map(|port| port.number).map_err(|error| error.to_string());
        assert_eq!(number(&format!("{both}capabilities 0000000000002000\n")), Ok(2));
        assert_eq!(number("port 1 Ethernet\n"), Ok(1), "the only port");
        assert!(number(&format!("{both}capabilities 000001ffffffdfff\n")).unwrap_err().contains("CAP_NET_RAW"));
        assert!(number(&format!("{both}missing raw_ethernet_lat\n")).unwrap_err().contains("raw_ethernet_lat is not installed"));
        assert!(number("").unwrap_err().contains("shows no port"));
    }

    #[test]
    fn a_port_names_its_interfaces_and_representors_share_the_folder_of_the_device() {
        let facts = "address 02:00:00:00:00:01\ndev_port 0\ndevice mlx5_0\nport 1 Ethernet\nnetdev 1 ens1\nport 2 Ethernet\nnetdev 2 ens1_pf0vf0\n\
                     device mlx5_1\nport 1 Ethernet\nnetdev 1 ens2\nno_access mlx5_1 /dev/infiniband/uverbs1\n";
        let found = |interface| judge(interface, None, facts).map(|port| (port.device, port.number)).map_err(|error| error.to_string());
        assert_eq!(found("ens1"), Ok(("mlx5_0".to_owned(), 1)));
        assert_eq!(found("ens1_pf0vf0"), Ok(("mlx5_0".to_owned(), 2)));
        assert!(found("ens2").unwrap_err().starts_with("/dev/infiniband/uverbs1 of RDMA device mlx5_1 cannot be opened"));
        assert!(found("ens1_pf0vf1").unwrap_err().contains("whose ports belong to ens1, ens1_pf0vf0, ens2"));
    }
}
