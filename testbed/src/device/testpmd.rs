//! DPDK's testpmd between two ports.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use dataplane::{CpuId, PortSpec};
use serde_json::Value;

use super::bridge::link;
use super::changes::{Changes, Undo};
use super::counters::{DeviceCounters, of_testpmd};
use super::error::DeviceError;
use super::place::Place;
use super::program::Program;
use crate::topology::Forwarding;

/// How long it may take to initialise EAL, memory and its ports.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long it may take to answer a command.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

const PROMPT: &str = "testpmd> ";

/// The memory of a testpmd on ordinary pages, in MiB, and mbufs that fit into it.
const MEMORY: &str = "384";
const MBUFS: &str = "32768";

/// Starts it and has it forward.
pub(super) fn start(
    place: &Place,
    changes: &mut Changes,
    (program, ports, mode): (&Path, &[PortSpec; 2], Forwarding),
    cpus: &[CpuId],
) -> Result<Program, DeviceError> {
    note_promiscuous(place, changes, ports)?;
    remove_unused_sockets(place, ports)?;
    let mut process = Program::start(place, &words(program, ports, mode, cpus))?;
    process.wait_for(0, START_LIMIT, |said| said.contains(PROMPT).then_some(()))?;
    process.ask("start", ANSWER_LIMIT, |said| said.contains("packet forwarding").then_some(()))?;
    Ok(process)
}

/// A process that is killed leaves the socket of its net_vhost port, and DPDK refuses to bind to it (lib/vhost/socket.c, `vhost_user_start_server`). A
/// socket without a listening process is removed. Nothing else at that path is changed: DPDK reports it.
fn remove_unused_sockets(place: &Place, ports: &[PortSpec; 2]) -> Result<(), DeviceError> {
    let serves = |port: &&PortSpec| port.software_driver() == Some("net_vhost") && port.argument("client") != Some("1");
    for socket in ports.iter().filter(serves).filter_map(|port| port.argument("iface")) {
        let listening = place.ask(&["ss", "--no-header", "--unix", "--listening"])?;
        // That list is of one network namespace; sockets of others have paths too.
        let answers = place.location.is_here()
            && UnixStream::connect(socket).map_or_else(|error| error.kind() != ErrorKind::ConnectionRefused, |_| true);
        if !answers && !listening.split_whitespace().any(|word| word == socket) {
            // Where it cannot be removed, DPDK says why it cannot bind.
            let _ = place.ask(&["find", socket, "-maxdepth", "0", "-type", "s", "-delete"]);
        }
    }
    Ok(())
}

/// net_af_packet and others set their interface promiscuous, and leave it so where the process is killed.
pub(super) fn note_promiscuous(place: &Place, changes: &mut Changes, ports: &[PortSpec; 2]) -> Result<(), DeviceError> {
    for interface in ports.iter().filter_map(PortSpec::kernel_interface) {
        let link = link(place, interface)?;
        let promiscuous = link.get("promiscuity").and_then(Value::as_u64).is_some_and(|count| count > 0)
            || link.get("flags").and_then(Value::as_array).is_some_and(|flags| flags.iter().any(|flag| flag == "PROMISC"));
        if !promiscuous {
            changes.note(Undo::PromiscuousOff { interface: interface.to_owned() })?;
        }
    }
    Ok(())
}

/// What it counted since it was started, in the order of its ports.
pub(super) fn counters(process: &mut Program, ports: &[PortSpec; 2]) -> Result<DeviceCounters, DeviceError> {
    let mut counters = process.ask("show port stats all", ANSWER_LIMIT, of_testpmd)?;
    if are_numbered_in_reverse(ports) {
        counters.ports.reverse();
    }
    Ok(counters)
}

/// EAL numbers ports by bus, and not in the order of its arguments: PCI devices by address (drivers/bus/pci, `pci_scan`), then software devices in
/// the order in which they were named.
fn are_numbered_in_reverse([first, second]: &[PortSpec; 2]) -> bool {
    let is_software = |port: &PortSpec| port.software_driver().is_some();
    let address = |port: &PortSpec| {
        let text = port.to_string();
        let address = text.split(',').next().unwrap_or_default().to_ascii_lowercase();
        // The domain may be left out.
        if address.matches(':').count() == 1 { format!("0000:{address}") } else { address }
    };
    match (is_software(first), is_software(second)) {
        (true, true) => false,
        (false, false) => address(first) > address(second),
        (first_is_software, _) => first_is_software,
    }
}

/// The first CPU reads commands; the others forward. With one CPU, both do their work there.
fn words(program: &Path, ports: &[PortSpec; 2], mode: Forwarding, cpus: &[CpuId]) -> Vec<String> {
    let main = cpus.first().map_or(0, |cpu| cpu.number());
    let forwarding: Vec<u32> = if cpus.len() > 1 { cpus[1..].iter().map(|cpu| cpu.number()).collect() } else { vec![main] };
    let lcores = forwarding.iter().enumerate().map(|(index, cpu)| format!(",{}@{cpu}", index + 1)).collect::<String>();
    let software = |port: &PortSpec| port.software_driver().is_some();
    // Its output must come line by line through a pipe.
    let mut words: Vec<String> = ["stdbuf", "-oL"].map(str::to_owned).to_vec();
    words.push(program.display().to_string());
    words.extend(["-v".to_owned(), "--no-telemetry".to_owned(), format!("--lcores=0@{main}{lcores}")]);
    if ports.iter().all(software) {
        words.extend(["--no-pci", "--no-huge", "--no-shconf", "-m", MEMORY].map(str::to_owned));
    } else {
        words.push("--in-memory".to_owned());
    }
    for port in ports {
        words.extend([if software(port) { "--vdev" } else { "-a" }.to_owned(), port.to_string()]);
    }
    words.extend(["--", "-i"].map(str::to_owned));
    words.extend([
        format!("--forward-mode={}", mode.name()),
        format!("--total-num-mbufs={MBUFS}"),
        format!("--nb-cores={}", forwarding.len()),
    ]);
    words
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::process::Location;
    use crate::topology::DeviceId;

    #[test]
    fn only_the_socket_of_a_process_that_is_gone_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { device: DeviceId("switch".to_owned()), location: Location::Here };
        let path = |name: &str| folder.path().join(name);
        drop(UnixListener::bind(path("unused")).unwrap());
        let _listening = UnixListener::bind(path("used")).unwrap();
        std::fs::write(path("file"), "").unwrap();
        drop(UnixListener::bind(path("client")).unwrap());
        let port = |name: &str, more: &str| format!("net_vhost0,iface={}{more}", path(name).display()).parse().unwrap();
        remove_unused_sockets(&place, &[port("unused", ""), port("used", "")]).unwrap();
        remove_unused_sockets(&place, &[port("file", ""), port("client", ",client=1")]).unwrap();
        remove_unused_sockets(&place, &[port("not-there", ""), "net_null0".parse().unwrap()]).unwrap();
        assert_eq!(["unused", "used", "file", "client"].map(|name| path(name).exists()), [false, true, true, true]);
    }

    #[test]
    fn the_ports_of_testpmd_are_counted_in_the_order_of_the_testbed_whatever_eal_makes_of_it() {
        let reversed = |ports: [&str; 2]| are_numbered_in_reverse(&ports.map(|port| port.parse().unwrap()));
        assert!(!reversed(["0000:03:00.0", "0000:03:00.1"]) && reversed(["0000:03:00.1", "0000:03:00.0"]));
        assert!(reversed(["0000:0a:00.0", "0000:03:00.0"]));
        assert!(reversed(["net_vhost0,iface=a", "0000:03:00.0"]) && !reversed(["0000:03:00.0", "net_vhost0,iface=a"]));
        assert!(!reversed(["net_vhost1,iface=b", "net_vhost0,iface=a"]), "as they were named");
    }

    fn line(ports: [&str; 2], cpus: &[u32]) -> String {
        let cpus: Vec<CpuId> = cpus.iter().copied().map(CpuId::new).collect();
        words(Path::new("dpdk-testpmd"), &ports.map(|port| port.parse().unwrap()), Forwarding::FiveTupleSwap, &cpus).join(" ")
    }

    #[test]
    fn testpmd_gets_its_ports_its_mode_and_the_cpus_that_were_named() {
        let software = line(["net_af_packet0,iface=in0", "net_af_packet1,iface=out0"], &[2, 3, 4]);
        assert!(software.contains("--lcores=0@2,1@3,2@4") && software.contains("--nb-cores=2"), "{software}");
        assert!(software.contains("--vdev net_af_packet0,iface=in0") && software.contains("--no-huge"), "{software}");
        assert!(software.contains("-- -i --forward-mode=5tswap"), "{software}");
        let cards = line(["0000:03:00.0", "0000:03:00.1"], &[7]);
        assert!(cards.contains("-a 0000:03:00.0 -a 0000:03:00.1") && !cards.contains("--no-huge"), "{cards}");
        assert!(cards.contains("--lcores=0@7,1@7") && cards.contains("--nb-cores=1"), "{cards}");
    }
}
