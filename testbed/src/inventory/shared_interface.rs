//! What else depends on the kernel interfaces of a DPDK port: the default route, and the ssh session that linerate runs in.
//!
//! A bifurcated driver such as mlx5 takes all traffic of its interface, and test frames fill the link of any port. A login over it would hang in
//! the middle of a trial.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use dataplane::PortSpec;
use nix::ifaddrs::getifaddrs;
use reporter::environment::KernelFiles;
use thiserror::Error;

/// A port carries traffic that must not stop.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "port `{port}` carries {what} (interface {interface}): a run would cut it off; use another port, or, if you reach this machine in another way, `--force {port}`"
)]
pub struct PortInUse {
    /// The port, as it is written.
    pub port: String,
    /// The kernel interface that carries the traffic: that of the port, or one above it (bond, bridge, VLAN).
    pub interface: String,
    /// What it carries.
    pub what: Traffic,
}

/// Traffic that must not stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// The default route of IPv4.
    DefaultRoute4,
    /// The default route of IPv6.
    DefaultRoute6,
    /// The ssh session that linerate runs in.
    SshSession,
}

impl std::fmt::Display for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Traffic::DefaultRoute4 => "the IPv4 default route",
            Traffic::DefaultRoute6 => "the IPv6 default route",
            Traffic::SshSession => "the current ssh session",
        })
    }
}

/// Refuses a port whose interface carries the default route or this ssh session, also through a bond, a bridge or a VLAN.
pub fn check_port(port: &PortSpec) -> Result<(), PortInUse> {
    Host::here().check(port)
}

/// What is read of a machine.
struct Host {
    /// Its `/proc` and `/sys`.
    files: KernelFiles,
    /// The address of this machine that the ssh session is connected to.
    session: Option<IpAddr>,
    /// The addresses of interfaces.
    addresses: Vec<(String, IpAddr)>,
}

impl Host {
    fn here() -> Host {
        let files = KernelFiles::below(Path::new("/"));
        let session = std::env::var("SSH_CONNECTION").ok().or_else(|| of_ancestors(&files, std::process::id()));
        let ip = |address: nix::sys::socket::SockaddrStorage| match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
            (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
            (_, Some(v6)) => Some(IpAddr::V6(v6.ip())),
            _ => None,
        };
        let all = getifaddrs().into_iter().flatten();
        let addresses = all.filter_map(|one| Some((one.interface_name, ip(one.address?)?))).collect();
        Host { files, session: session.as_deref().and_then(server_address), addresses }
    }

    fn check(&self, port: &PortSpec) -> Result<(), PortInUse> {
        // A representor's own traffic is that of its function, not that of this machine.
        if port.argument("representor").is_some() {
            return Ok(());
        }
        let own = self.interfaces_of(port);
        let carrying = self.carrying().into_iter().find(|(interface, _)| !self.with_lower(interface).is_disjoint(&own));
        match carrying {
            Some((interface, what)) => Err(PortInUse { port: port.to_string(), interface, what }),
            None => Ok(()),
        }
    }

    /// The kernel interfaces of a port: the one that it names, or those of its device.
    fn interfaces_of(&self, port: &PortSpec) -> BTreeSet<String> {
        if port.is_software() {
            return port.kernel_interface().map(str::to_owned).into_iter().collect();
        }
        ["pci", "auxiliary"].iter().flat_map(|bus| self.files.names(&format!("sys/bus/{bus}/devices/{}/net", port.name()))).collect()
    }

    /// The interfaces that carry traffic which must not stop.
    fn carrying(&self) -> Vec<(String, Traffic)> {
        let read = |file: &str| self.files.text(&format!("proc/net/{file}")).unwrap_or_default();
        let mut all: Vec<(String, Traffic)> = self
            .addresses
            .iter()
            .filter(|(_, ip)| Some(*ip) == self.session)
            .map(|(name, _)| (name.clone(), Traffic::SshSession))
            .collect();
        all.extend(default_routes4(&read("route")).map(|name| (name, Traffic::DefaultRoute4)));
        all.extend(default_routes6(&read("ipv6_route")).map(|name| (name, Traffic::DefaultRoute6)));
        all
    }

    /// An interface and all below it: the members of a bond or a bridge, the interface of a VLAN (sysfs-class-net, `lower_*`).
    fn with_lower(&self, interface: &str) -> BTreeSet<String> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![interface.to_owned()]);
        while let Some(name) = waiting.pop() {
            let names = self.files.names(&format!("sys/class/net/{name}"));
            if found.insert(name) {
                waiting.extend(names.into_iter().filter_map(|name| name.strip_prefix("lower_").map(str::to_owned)));
            }
        }
        found
    }
}

/// Flags of <linux/route.h>.
const RTF_UP: u32 = 0x1;
const RTF_REJECT: u32 = 0x200;

fn is_in_use(flags: &str) -> bool {
    u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & RTF_UP != 0 && flags & RTF_REJECT == 0)
}

/// The interfaces of default routes in `/proc/net/route`: interface, destination, gateway, flags, three numbers, mask.
pub(super) fn default_routes4(routes: &str) -> impl Iterator<Item = String> {
    routes.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, "00000000", _, flags, _, _, _, "00000000", ..] = fields[..] else { return None };
        is_in_use(flags).then(|| interface.to_owned())
    })
}

/// The interfaces of default routes in `/proc/net/ipv6_route`: destination and its prefix, source and its prefix, next hop, metric, two counts,
/// flags, interface.
fn default_routes6(routes: &str) -> impl Iterator<Item = String> {
    routes.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, "00", _, _, _, _, _, _, flags, interface] = fields[..] else { return None };
        (destination.bytes().all(|digit| digit == b'0') && interface != "lo" && is_in_use(flags)).then(|| interface.to_owned())
    })
}

/// This machine's address in `SSH_CONNECTION` (ssh(1)): client address and port, server address and port.
fn server_address(connection: &str) -> Option<IpAddr> {
    let address = connection.split_whitespace().nth(2)?;
    // A link-local address has its interface behind a percent sign.
    address.split('%').next()?.parse().ok()
}

/// `SSH_CONNECTION` of the nearest ancestor that has it: `sudo` removes it from the environment.
fn of_ancestors(files: &KernelFiles, mut pid: u32) -> Option<String> {
    while pid > 1 {
        let environment = files.text(&format!("proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split('\0');
        if let Some(connection) = variables.find_map(|variable| variable.strip_prefix("SSH_CONNECTION=").map(str::to_owned)) {
            return Some(connection);
        }
        let status = files.text(&format!("proc/{pid}/status"))?;
        pid = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        bond0.5\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth3\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
        eth4\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n";
    const ROUTES6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 br0\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n\
        fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth3\n";

    /// A machine with a VLAN on a bond of eth0 and eth1, a bridge with eth2, and eth3 with the address of an ssh session.
    fn host(root: &Path) -> Host {
        let folder = |path: &str| fs::create_dir_all(root.join(path)).unwrap();
        folder("proc/net");
        fs::write(root.join("proc/net/route"), ROUTES).unwrap();
        fs::write(root.join("proc/net/ipv6_route"), ROUTES6).unwrap();
        for (upper, lower) in [("bond0.5", "bond0"), ("bond0", "eth0"), ("bond0", "eth1"), ("br0", "eth2")] {
            folder(&format!("sys/class/net/{upper}/lower_{lower}"));
        }
        for (device, interface) in [(1, "eth1"), (2, "eth2"), (3, "eth3"), (4, "eth4")] {
            folder(&format!("sys/bus/pci/devices/0000:0{device}:00.0/net/{interface}"));
        }
        folder("sys/bus/auxiliary/devices/mlx5_core.sf.2/net/eth2");
        let addresses = vec![("eth3".to_owned(), "192.0.2.7".parse().unwrap()), ("lo".to_owned(), "127.0.0.1".parse().unwrap())];
        Host { files: KernelFiles::below(root), session: server_address("198.51.100.1 50000 192.0.2.7 22"), addresses }
    }

    #[test]
    fn a_port_below_the_default_route_or_the_session_is_refused_and_others_are_not() {
        let root = tempfile::tempdir().unwrap();
        let host = host(root.path());
        let of = |port: &str| host.check(&port.parse().unwrap()).err().map(|in_use| (in_use.interface, in_use.what));
        let carried = |interface: &str, what| Some((interface.to_owned(), what));
        assert_eq!(of("0000:01:00.0"), carried("bond0.5", Traffic::DefaultRoute4), "a member of the bond below the VLAN");
        assert_eq!(of("net_af_packet0,iface=eth0"), carried("bond0.5", Traffic::DefaultRoute4));
        assert_eq!(of("net_af_xdp0,iface=bond0"), carried("bond0.5", Traffic::DefaultRoute4));
        assert_eq!(of("0000:02:00.0"), carried("br0", Traffic::DefaultRoute6), "a port of the bridge");
        assert_eq!(of("auxiliary:mlx5_core.sf.2"), carried("br0", Traffic::DefaultRoute6));
        assert_eq!(of("0000:03:00.0"), carried("eth3", Traffic::SshSession));
        // A route that rejects, a device that DPDK has, and ports without an interface.
        for other in ["0000:04:00.0", "0000:05:00.0", "net_vhost0,iface=eth0", "net_null0", "0000:01:00.0,representor=vf0"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_message_names_the_port_the_interface_and_how_to_go_on() {
        let root = tempfile::tempdir().unwrap();
        let said = host(root.path()).check(&"0000:03:00.0".parse().unwrap()).unwrap_err().to_string();
        for word in ["`0000:03:00.0`", "current ssh session", "interface eth3", "--force 0000:03:00.0"] {
            assert!(said.contains(word), "no {word} in: {said}");
        }
    }

    #[test]
    fn the_session_is_found_under_sudo_too() {
        let root = tempfile::tempdir().unwrap();
        for (pid, parent, environment) in [(30, 20, "PATH=/bin\0"), (20, 10, ""), (10, 1, "A=b\0SSH_CONNECTION=::1 5 fe80::2%eth0 22\0")] {
            let folder = root.path().join(format!("proc/{pid}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("environ"), environment).unwrap();
            fs::write(folder.join("status"), format!("Name:\tx\nPPid:\t{parent}\n")).unwrap();
        }
        let connection = of_ancestors(&KernelFiles::below(root.path()), 30).unwrap();
        assert_eq!(server_address(&connection), Some("fe80::2".parse().unwrap()));
        assert_eq!(of_ancestors(&KernelFiles::below(root.path()), 1), None);
    }
}
