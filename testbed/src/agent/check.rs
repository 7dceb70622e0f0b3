//! The checks of one endpoint, made where it is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use dataplane::{CpuId, Dataplane, PortSpec};
use methodology::units::LinkSpeed;
use nix::ifaddrs::getifaddrs;
use reporter::environment::KernelFiles;
use reporter::kernel_tools::{KernelTool, Method, Transport};

use super::protocol::{CheckRequest, Checked};
use crate::inventory::{Inventory, Readiness, rdma_port};
use crate::preflight::{self, Check, CheckLevel, Machine, PlannedRun};
use crate::process::Location;
use crate::topology::KernelAddress;

/// The checks of `doctor`, except that of the results directory, and whether the testbed describes this endpoint correctly.
pub(super) fn check(request: &CheckRequest) -> Checked {
    let mut checks = machine(request);
    let files = KernelFiles::below(Path::new("/"));
    let inventory = Inventory::read(Path::new("/"));
    let mut speed = None;
    if let Some(kernel) = &request.kernel {
        checks.push(address(kernel));
        checks.push(link(&files, &kernel.interface));
        speed = speed_of(&files, &kernel.interface);
        if request.needs.tools.iter().filter_map(|name| KernelTool::from_name(name)).any(sends_raw_ethernet) {
            checks.push(rdma(&kernel.interface));
        }
    }
    checks.extend(cpus(&request.cpus, &CpuId::allowed()));
    if let Some(spec) = &request.port {
        checks.push(port(&files, &inventory, spec));
        let known = request.kernel.as_ref().map(|kernel| kernel.interface.as_str());
        if let Some(interface) = spec.kernel_interface().filter(|interface| Some(*interface) != known) {
            checks.push(link(&files, interface));
            speed = speed.or_else(|| speed_of(&files, interface));
        }
    }
    Checked { checks, speed, bluefield: inventory.bluefield, time: jiff::Timestamp::now() }
}

/// The checks of `doctor` that do not depend on the testbed.
pub(super) fn machine(request: &CheckRequest) -> Vec<Check> {
    let version = Dataplane::version().map(|version| version.running).map_err(|error| error.to_string());
    let planned = PlannedRun { dpdk: Some(version), runs: PathBuf::from("."), needs: request.needs.clone() };
    let mut checks = preflight::check(&Machine::here(), &planned);
    // Results are written where the run was started.
    checks.retain(|check| check.subject != "results");
    // The problem is too few CPUs for two poll loops, and only one end of a pair polls at an endpoint. Where the testbed names its CPUs, or its lab gave it
    // a set of one, that is enough; whether it may use them is a check of its own.
    if !request.needs.dpdk || !request.cpus.is_empty() {
        checks.retain(|check| check.subject != "processors" || check.severity != CheckLevel::Problem);
    }
    checks
}

fn address(kernel: &KernelAddress) -> Check {
    let KernelAddress { address, interface } = kernel;
    let subject = format!("address {address}");
    let ip = |address: nix::sys::socket::SockaddrStorage| match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
        (_, Some(v6)) => Some(IpAddr::V6(v6.ip())),
        _ => None,
    };
    let all = getifaddrs().into_iter().flatten();
    let holders: Vec<String> = all.filter(|one| one.address.and_then(ip) == Some(*address)).map(|one| one.interface_name).collect();
    let why = "kernel traffic would take another path than the testbed says";
    match holders.first() {
        Some(_) if holders.contains(interface) => Check::ok(subject, format!("on {interface}")),
        Some(other) => Check::found(CheckLevel::Problem, subject, format!("on {other}, and not on {interface}"), why)
            .fixed_by(format!("correct `interface` in the testbed, or: sudo ip address add {address}/24 dev {interface}")),
        None => Check::found(CheckLevel::Problem, subject, "on no interface of this machine", why)
            .fixed_by(format!("correct `address` in the testbed, or: sudo ip address add {address}/24 dev {interface}")),
    }
}

fn sends_raw_ethernet(tool: KernelTool) -> bool {
    [Method::Stream, Method::PingPong].into_iter().any(|method| tool.can(method, Transport::RawEthernet))
}

/// Whether perftest can use the interface.
fn rdma(interface: &str) -> Check {
    let subject = format!("{interface} RDMA port");
    match rdma_port(&Location::Here, interface, None) {
        Ok(port) => Check::ok(subject, format!("port {} of {}", port.number, port.device)),
        Err(error) => Check::found(CheckLevel::Problem, subject, error.to_string(), "the plan measures stack \"verbs\" on this interface"),
    }
}

/// Whether the poll loops can run where the testbed puts them; nothing where it leaves that to linerate.
fn cpus(named: &[CpuId], allowed: &[CpuId]) -> Option<Check> {
    let list = |cpus: &[CpuId]| cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let outside: Vec<CpuId> = named.iter().copied().filter(|cpu| !allowed.contains(cpu)).collect();
    let subject = "CPUs of the poll loops";
    match (named, &outside[..]) {
        ([], _) => None,
        (_, []) => Some(Check::ok(subject, list(named))),
        (_, outside) => {
            let seen = format!("cpu = {} in the testbed, and this process may use {}", list(outside), list(allowed));
            let why = "the poll loop cannot be pinned to a CPU outside the set of its process or container";
            Some(
                Check::found(CheckLevel::Problem, subject, seen, why)
                    .fixed_by("correct `cpu` in the testbed, or start the container with --cpuset-cpus"),
            )
        }
    }
}

fn link(files: &KernelFiles, interface: &str) -> Check {
    let subject = format!("{interface} link");
    let folder = format!("sys/class/net/{interface}");
    let Some(state) = files.text(&format!("{folder}/operstate")) else {
        let why = "the testbed names an interface that this machine does not have";
        return Check::found(CheckLevel::Problem, subject, "no such interface", why).fixed_by("ip -br link");
    };
    let speed = speed_of(files, interface).map(|speed| format!(", {speed}")).unwrap_or_default();
    // The state follows the carrier up to a second later (net/core/link_watch.c). The state of the loopback interface and of tunnels is "unknown".
    let up = matches!(state.as_str(), "up" | "unknown") || files.number::<u8>(&format!("{folder}/carrier")) == Some(1);
    match state.as_str() {
        _ if up => Check::ok(subject, format!("up{speed}")),
        other => Check::found(CheckLevel::Problem, subject, other, "no frame crosses a link that is down")
            .fixed_by(format!("sudo ip link set {interface} up, and check the cable and the other end")),
    }
}

fn speed_of(files: &KernelFiles, interface: &str) -> Option<LinkSpeed> {
    // In Mbit/s; -1 or an error where the link is down or has no speed (sysfs-class-net).
    let mbps: u64 = files.number(&format!("sys/class/net/{interface}/speed"))?;
    format!("{mbps}M").parse().ok()
}

/// Whether the port is there, and can be opened.
fn port(files: &KernelFiles, inventory: &Inventory, spec: &PortSpec) -> Check {
    let subject = format!("port {}", spec.name());
    let why = "the DPDK measurements of this endpoint would fail";
    if spec.is_software() {
        let missing = spec.kernel_interface().filter(|interface| files.text(&format!("sys/class/net/{interface}/operstate")).is_none());
        return match missing {
            Some(interface) => {
                Check::found(CheckLevel::Problem, subject, format!("there is no interface {interface}"), why).fixed_by("ip -br link")
            }
            None => Check::ok(subject, "a port that DPDK makes"),
        };
    }
    let name = spec.name().to_string();
    if let Some(function) = inventory.pci.iter().find(|function| function.address.as_str() == name) {
        return match &function.readiness {
            Readiness::Ready => Check::ok(subject, function.model.clone().unwrap_or_else(|| function.id.to_string())),
            // Not a problem here: the user may force such a port, and a run refuses it otherwise (`Request::CheckPort`).
            Readiness::InUse { interface } => Check::found(
                CheckLevel::Warning,
                subject,
                format!("{interface} carries the default route"),
                "a run would cut this machine off",
            ),
            Readiness::Bind { command } => {
                let driver = function.driver.as_deref().unwrap_or("no driver");
                Check::found(CheckLevel::Problem, subject, format!("bound to {driver}, which DPDK cannot use"), why)
                    .fixed_by(command.clone())
            }
        };
    }
    if inventory.subfunctions.iter().any(|subfunction| subfunction.device == name || subfunction.devargs == name) {
        return Check::ok(subject, "a subfunction");
    }
    let known = ["pci", "auxiliary", "vdev"].iter().any(|bus| files.path(&format!("sys/bus/{bus}/devices/{name}")).exists());
    match known {
        true => Check::ok(subject, "there"),
        false => Check::found(CheckLevel::Problem, subject, "this machine has no such device", why).fixed_by("linerate ports"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(check: &Check) -> (CheckLevel, &str) {
        (check.severity, check.seen.as_str())
    }

    #[test]
    fn a_cpu_outside_the_set_of_a_container_is_a_problem() {
        let set = |numbers: &[u32]| numbers.iter().copied().map(CpuId::new).collect::<Vec<_>>();
        assert_eq!(cpus(&[], &set(&[2])), None);
        assert_eq!(cpus(&set(&[2]), &set(&[2, 3])).unwrap().severity, CheckLevel::Ok);
        let outside = cpus(&set(&[1, 2, 4]), &set(&[2, 3])).unwrap();
        assert_eq!(seen(&outside), (CheckLevel::Problem, "cpu = 1, 4 in the testbed, and this process may use 2, 3"));
        assert!(outside.fix.unwrap().contains("--cpuset-cpus"));
    }

    #[test]
    fn an_address_elsewhere_a_missing_interface_and_a_missing_device_are_problems() {
        let on = |address: &str, interface: &str| address_check(address, interface);
        assert_eq!(seen(&on("127.0.0.1", "lo")), (CheckLevel::Ok, "on lo"));
        assert_eq!(seen(&on("127.0.0.1", "eth9")), (CheckLevel::Problem, "on lo, and not on eth9"));
        assert_eq!(seen(&on("192.0.2.99", "lo")), (CheckLevel::Problem, "on no interface of this machine"));
        let files = KernelFiles::below(Path::new("/"));
        assert_eq!(link(&files, "lo").severity, CheckLevel::Ok);
        assert_eq!(seen(&link(&files, "lr-none")), (CheckLevel::Problem, "no such interface"));
        let inventory = Inventory::read(Path::new("/"));
        let port = |spec: &str| port(&files, &inventory, &spec.parse().unwrap());
        assert_eq!(port("net_af_packet0,iface=lo").severity, CheckLevel::Ok);
        assert_eq!(port("net_af_packet0,iface=lr-none").severity, CheckLevel::Problem);
        assert_eq!(seen(&port("ffff:ff:1f.7")), (CheckLevel::Problem, "this machine has no such device"));
    }

    fn address_check(address: &str, interface: &str) -> Check {
        super::address(&KernelAddress { address: address.parse().unwrap(), interface: interface.to_owned() })
    }
}
