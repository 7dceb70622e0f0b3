//! Open vSwitch between two ports, with a database and a daemon of its own: an Open vSwitch that the machine already runs is not touched.

use std::time::Duration;

use dataplane::{CpuId, PortSpec};

use super::changes::{Changes, Undo};
use super::counters::{DeviceCounters, of_openflow_ports};
use super::cpu_mask::mask;
use super::error::DeviceError;
use super::place::Place;
use super::program::Program;
use super::testpmd::note_promiscuous;

/// Starts the database and the daemon, joins the ports, and removes everything at its end.
const SCRIPT: &str = include_str!("ovs.sh");

/// How long it may take to initialise DPDK and both ports.
const START_LIMIT: Duration = Duration::from_secs(60);

/// EAL on ordinary pages. Open vSwitch adds --in-memory unless --legacy-mem is there, and EAL refuses it beside --no-huge (lib/dpdk.c, `dpdk_init__`).
const ORDINARY_PAGES: &str = "--no-huge --legacy-mem -m 512 --no-pci --no-shconf --no-telemetry";

/// Between two ports of DPDK, in user space.
pub(super) fn start_dpdk(place: &Place, changes: &mut Changes, ports: &[PortSpec; 2], cpus: &[CpuId]) -> Result<Program, DeviceError> {
    note_promiscuous(place, changes, ports)?;
    // Its script deletes them; where that is killed, they stay.
    for tap in ["lr-ovs", "ovs-netdev"] {
        if place.ask(&["ls", &format!("/sys/class/net/{tap}")]).is_err() {
            changes.note(Undo::DeleteLink { name: tap.to_owned() })?;
        }
    }
    // The first CPU runs what does not forward. With one CPU, both happen there.
    let (others, loops) = if cpus.len() > 1 { (&cpus[..1], &cpus[1..]) } else { (cpus, cpus) };
    let eal = if ports.iter().all(|port| port.software_driver().is_some()) { ORDINARY_PAGES } else { "--no-telemetry" };
    start(place, ["netdev", &mask(loops), &mask(others), eal, &ports[0].to_string(), &ports[1].to_string()])
}

/// Between two interfaces, in the kernel.
pub(super) fn start_kernel(place: &Place, interfaces: &[String; 2]) -> Result<Program, DeviceError> {
    start(place, ["system", "", "", "", &interfaces[0], &interfaces[1]])
}

fn start(place: &Place, arguments: [&str; 6]) -> Result<Program, DeviceError> {
    let words = ["sh", "-c", SCRIPT, "ovs"].into_iter().chain(arguments).map(str::to_owned).collect::<Vec<_>>();
    let mut program = Program::start_any(place, &words)?.named(format!("ovs-vswitchd ({})", arguments.join(" ").trim()));
    program.wait_for(0, START_LIMIT, |said| folder(said).map(|_| ()))?;
    Ok(program)
}

/// What its two ports have counted since they were opened.
pub(super) fn counters(place: &Place, program: &Program) -> Result<DeviceCounters, DeviceError> {
    let output = program.output();
    let management = format!("unix:{}/lr-ovs.mgmt", folder(&output).unwrap_or_default());
    let said = place.ask(&["ovs-ofctl", "--no-names", "dump-ports", &management])?;
    of_openflow_ports(&said).ok_or_else(|| DeviceError::NoCounters {
        device: place.device.clone(),
        place: place.location.to_string(),
        command: "ovs-ofctl dump-ports".to_owned(),
        said: said.lines().last().unwrap_or_default().to_owned(),
    })
}

/// The folder of its sockets, which it prints when it is ready.
fn folder(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.strip_prefix("ready "))
}

/// Its version; an error where the program, or the kernel's part of it, is missing.
pub(super) fn version(place: &Place, dpdk: bool) -> Result<String, DeviceError> {
    place.ask(&["ovsdb-server", "--version"])?;
    let said = if dpdk {
        // The daemon that ovs.sh starts: Debian and Ubuntu install that with DPDK under another name.
        let daemon = "daemon=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk; [ -x $daemon ] || daemon=ovs-vswitchd; said=$($daemon --version 2>&1); \
            case $said in *DPDK*) printf '%s\\n' \"$said\" ;; \
            *) echo 'there is no ovs-vswitchd with DPDK: sudo apt-get install openvswitch-switch-dpdk' >&2; exit 1 ;; esac";
        place.ask(&["sh", "-c", daemon])?
    } else {
        place.ask(&["ovs-vswitchd", "--version"])?
    };
    if !dpdk {
        let module = "modprobe -q openvswitch 2>/dev/null || [ -d /sys/module/openvswitch ] || \
            { echo 'the kernel has no module openvswitch: install the modules of this kernel (on Ubuntu: sudo apt-get install linux-modules-extra-$(uname -r)), or use kind = \"ovs-dpdk\"' >&2; exit 1; }";
        place.ask(&["sh", "-c", module])?;
    }
    // With DPDK, a second line names its version.
    let lines = said.lines().map(|line| line.split_once('(').map_or_else(|| line.to_owned(), |(_, version)| version.replace(')', "")));
    Ok(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", "))
}
