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
        "{file} of RDMA device {device} cannot be opened for reading and writing: run linerate as root, give the device to the container, or load the module ib_uverbs"
    )]
    NoAccess {
        /// The device.
        device: String,
        /// Its character device.
        file: String,
    },
    /// The process may not send raw packets.
    #[error(
        "raw Ethernet frames through RDMA device {device} need the capability CAP_NET_RAW: run linerate as root, or give it to the container"
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

/// The RDMA port that an interface of a place belongs to. Everything that perftest needs there is checked.
///
/// # Errors
/// There is none, or perftest cannot use it.
pub fn rdma_port(location: &Location, interface: &str) -> Result<RdmaPort, NoRdmaPort> {
    rdma_port_below("", location, interface)
}

fn rdma_port_below(root: &str, location: &Location, interface: &str) -> Result<RdmaPort, NoRdmaPort> {
    let words = ["sh", "-c", SCRIPT, "sh", root, interface];
    let output = run(&CommandSpec::new(location.clone(), words).with_timeout(LIMIT))?;
    judge(interface, &output.stdout_text())
}

/// What the script printed.
fn judge(interface: &str, printed: &str) -> Result<RdmaPort, NoRdmaPort> {
    let all = |key: &'static str| {
        printed.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' ')).filter(|value| !value.is_empty())
    };
    let one = |key: &'static str| all(key).next();
    let owned = str::to_owned;
    let Some(address) = one("address") else { return Err(NoRdmaPort::NoInterface { interface: owned(interface) }) };
    let Some(device) = one("device").map(owned) else { return Err(NoRdmaPort::NoDevice { interface: owned(interface) }) };
    let ports: Vec<(u32, &str)> =
        all("port").filter_map(|port| port.split_once(' ')).filter_map(|(n, link)| Some((n.parse().ok()?, link))).collect();
    // A device with several ports has an interface for each, numbered from 0 (`dev_port` in sysfs-class-net).
    let number = one("dev_port").and_then(|port| port.parse::<u32>().ok()).map_or(1, |port| port.saturating_add(1));
    let found = ports.iter().find(|(port, _)| *port == number || ports.len() == 1).copied();
    let Some((number, link_layer)) = found else { return Err(NoRdmaPort::NoPort { interface: owned(interface), device }) };
    if link_layer != ETHERNET {
        return Err(NoRdmaPort::NotEthernet { device, port: number, link_layer: owned(link_layer) });
    }
    if let Some(file) = one("no_access").map(owned) {
        return Err(NoRdmaPort::NoAccess { device, file });
    }
    let capabilities = one("capabilities").and_then(|set| u64::from_str_radix(set, 16).ok());
    if capabilities.is_some_and(|set| set >> CAP_NET_RAW & 1 == 0) {
        return Err(NoRdmaPort::NoCapability { device });
    }
    match one("missing").map(owned) {
        Some(program) => Err(NoRdmaPort::NoProgram { program }),
        None => Ok(RdmaPort { device, number, address: owned(address) }),
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
            std::os::unix::fs::symlink("../../../pci", root.join(&net).join("device")).unwrap();
        }
        for (port, link_layer) in [(1, "Ethernet"), (2, "InfiniBand")] {
            put(&format!("sys/pci/infiniband/mlx4_0/ports/{port}/link_layer"), &format!("{link_layer}\n"));
        }
        put("sys/pci/infiniband_verbs/uverbs7/dev", "231:199\n");
        put("dev/infiniband/uverbs7", "");
    }

    fn refused(root: &Path, interface: &str) -> String {
        rdma_port_below(&root.display().to_string(), &Location::Here, interface).unwrap_err().to_string()
    }

    #[test]
    fn the_port_of_an_interface_is_found_and_what_keeps_perftest_from_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        imitated(root);
        let found = rdma_port_below(&root.display().to_string(), &Location::Here, "ens1");
        match crate::process::find_program("raw_ethernet_bw") {
            Some(_) => {
                let port = RdmaPort { device: "mlx4_0".to_owned(), number: 1, address: "02:00:00:00:00:01".to_owned() };
                assert_eq!(found.unwrap(), port);
            }
            None => assert_eq!(found.unwrap_err().to_string(), "raw_ethernet_bw is not installed: sudo apt-get install perftest"),
        }
        assert!(refused(root, "ens2").starts_with("port 2 of RDMA device mlx4_0 is of InfiniBand"));
        assert!(refused(root, "ens9").starts_with("there is no interface ens9"));
        fs::remove_file(root.join("dev/infiniband/uverbs7")).unwrap();
        assert!(refused(root, "ens1").starts_with("/dev/infiniband/uverbs7 of RDMA device mlx4_0 cannot be opened"));
        fs::remove_dir_all(root.join("sys/pci/infiniband")).unwrap();
        assert!(refused(root, "ens1").starts_with("interface ens1 has no RDMA device"));
        assert!(rdma_port(&Location::Here, "lo").unwrap_err().to_string().starts_with("interface lo has no RDMA device"));
    }

    #[test]
    fn rights_and_programs_are_named_and_a_port_follows_from_its_interface() {
        let facts = |more: &str| format!("address 02:00:00:00:00:01\ndev_port 1\ndevice mlx5_0\n{more}");
        let both = "port 1 Ethernet\nport 2 Ethernet\naccess /dev/infiniband/uverbs0\n";
        let number = |text: &str| judge("ens1", &facts(text)).map(|port| port.number).map_err(|error| error.to_string());
        assert_eq!(number(&format!("{both}capabilities 0000000000002000\n")), Ok(2));
        assert_eq!(number("port 1 Ethernet\n"), Ok(1), "the only port");
        assert!(number(&format!("{both}capabilities 000001ffffffdfff\n")).unwrap_err().contains("CAP_NET_RAW"));
        assert!(number(&format!("{both}missing raw_ethernet_lat\n")).unwrap_err().contains("raw_ethernet_lat is not installed"));
        assert!(number("").unwrap_err().contains("shows no port"));
    }
}
