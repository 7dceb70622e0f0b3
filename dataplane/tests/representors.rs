//! Representors, the port that manages an embedded switch, and what EAL probes, with a DPDK driver of the tests' own (`switch_driver/driver.c`, built by
//! scripts/switch-driver). It writes the order of calls to a file, and refuses what mlx5 with hardware steering refuses. No embedded switch
//! can be emulated; what was never run on hardware is listed in docs/nics.md.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use dataplane::{Dataplane, DataplaneError, EalOptions, FrameFormat, IsolatedFrames, Memory, PortOptions, PortSpec, Tagging, VlanId};
use serde_json::{Value, json};
use support::{Engine, job};

/// The driver, where scripts/switch-driver could build it.
fn driver() -> Option<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let driver = target.join("switch-driver/librte_net_lrswitch.so");
    if driver.exists() {
        return Some(driver);
    }
    eprintln!("left out: {} does not exist; scripts/switch-driver builds it, or says why it cannot", driver.display());
    None
}

/// EAL's argument that makes the driver's NICs. The driver is preloaded: EAL loads none from below a folder that everybody may write to
/// (eal_common_options.c, `verify_perms`), such as /tmp.
fn extra(log: &Path) -> Vec<String> {
    vec![format!("--vdev=net_lrswitch0,log={}", log.display())]
}

/// Whether this is the process of a test with the driver in it; otherwise runs the test in such a process.
fn in_process_with(driver: &Path, test: &str) -> bool {
    const MARK: &str = "LINERATE_TEST_WITH_DRIVER";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([test, "--exact", "--nocapture"]).env("LD_PRELOAD", driver).env(MARK, "1").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

fn spec(text: &str) -> PortSpec {
    text.parse().unwrap()
}

/// The calls that the driver saw since the last time.
struct Calls {
    file: PathBuf,
    seen: usize,
}

impl Calls {
    fn next(&mut self) -> Vec<String> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let new = text.lines().skip(self.seen).map(str::to_owned).collect();
        self.seen = text.lines().count();
        new
    }

    /// `configure`, `start`, `stop` and `close`.
    fn next_in_order(&mut self) -> Vec<String> {
        let mut all = self.next();
        all.retain(|call| ["configure", "start", "stop", "close"].iter().any(|step| call.starts_with(step)));
        all
    }
}

/// The calls `what`, as the driver writes them for the port `name`.
fn steps(what: [&str; 2], name: &str) -> Vec<String> {
    what.iter().map(|step| format!("{step} {name}")).collect()
}

const UP: [&str; 2] = ["configure", "start"];
const DOWN: [&str; 2] = ["stop", "close"];

/// An engine on a port of the driver's NICs. EAL is initialised once per process, and a port that was closed is gone, so each is a process.
fn start(driver: &Path, log: &Path, port: &str, options: Value) -> Engine {
    Engine::start_preloaded(driver, &job_on(log, port, options))
}

fn job_on(log: &Path, port: &str, options: Value) -> Value {
    let mut job = job("receive", port, json!({}));
    job["eal"] = json!({ "memory": { "no-huge": { "megabytes": 64 } }, "extra": extra(log) });
    job["options"] = options;
    job
}

#[test]
fn every_spelling_finds_the_representor_that_the_driver_means() {
    let Some(driver) = driver() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (at, (text, manager, name)) in [
        ("fe:00.0,representor=vf0", "0000:fe:00.0", "0000:fe:00.0_representor_vf0"),
        ("fe:00.0,representor=1", "0000:fe:00.0", "0000:fe:00.0_representor_vf1"),
        ("fe:00.0,representor=[2]", "0000:fe:00.0", "0000:fe:00.0_representor_vf2"),
        ("fe:00.0,representor=pf0vf[1]", "0000:fe:00.0", "0000:fe:00.0_representor_vf1"),
        ("fe:00.0,representor=c0pf0vf3", "0000:fe:00.0", "0000:fe:00.0_representor_vf3"),
        ("fe:00.0,representor=vf65535", "0000:fe:00.0", "0000:fe:00.0_representor_vf4294967295"),
        ("pci:0000:fe:00.1,representor=sf4,dv_flow_en=2", "0000:fe:00.1", "0000:fe:00.1_representor_sf4"),
        // A driver without a table of ids, and without a port that manages the switch.
        ("fd:00.0,representor=vf1", "", "net_0000:fd:00.0_representor_1"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut calls = Calls { file: folder.path().join(at.to_string()), seen: 0 };
        let result = start(&driver, &calls.file, text, json!({})).running().stopped();
        assert_eq!(result["port"]["representor"], true, "{text}: {result}");
        let around = |what| if manager.is_empty() { Vec::new() } else { steps(what, manager) };
        assert_eq!(calls.next_in_order(), [around(UP), steps(UP, name), steps(DOWN, name), around(DOWN)].concat(), "{text}");
    }
}

#[test]
fn the_manager_of_a_switch_starts_first_and_stops_last_and_each_port_is_opened_once() {
    let Some(driver) = driver() else { return };
    if !in_process_with(&driver, "the_manager_of_a_switch_starts_first_and_stops_last_and_each_port_is_opened_once") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut calls = Calls { file: folder.path().join("calls"), seen: 0 };
    let devices = ["fe:00.0,representor=vf[0-2,65535]", "fe:00.1,representor=sf[4,5]", "fe:00.2", "fd:00.0,representor=[0-1]"];
    let options = EalOptions {
        memory: Memory::NoHuge { megabytes: 128 },
        devices: devices.iter().map(|device| spec(device)).collect(),
        extra: extra(&calls.file),
        ..EalOptions::default()
    };
    let dataplane = Dataplane::init(options).unwrap();
    let open = |text: &str| dataplane.open(&spec(text), PortOptions::default());
    let refused = |text: &str| match open(text) {
        Err(error @ DataplaneError::PortInUse { .. }) => error.to_string(),
        other => panic!("{text}: {other:?}"),
    };

    // Two representors: their manager starts with the first and stops with the last.
    let (vf0, vf1, pf0) = ("0000:fe:00.0_representor_vf0", "0000:fe:00.0_representor_vf1", "0000:fe:00.0");
    let first = open("fe:00.0,representor=vf0").unwrap();
    assert_eq!(calls.next_in_order(), [steps(UP, pf0), steps(UP, vf0)].concat());
    let second = open("fe:00.0,representor=pf0vf1").unwrap();
    assert_eq!(calls.next_in_order(), steps(UP, vf1));
    let said = refused("fe:00.0,representor=[1]");
    assert!(said.contains("as 0000:fe:00.0,representor=pf0vf1") && !said.contains('\n'), "{said}");
    let said = refused("pci:0000:fe:00.0");
    assert!(said.contains("manages the embedded switch of 0000:fe:00.0,representor=vf0"), "{said}");
    drop(first);
    assert_eq!(calls.next_in_order(), steps(DOWN, vf0));
    refused("fe:00.0");
    let again = open("fe:00.0,representor=vf0").unwrap_err().to_string();
    assert!(again.contains("this process closed it"), "{again}");
    drop(second);
    assert_eq!(calls.next_in_order(), [steps(DOWN, vf1), steps(DOWN, pf0)].concat());

    // The manager is measured itself, and closed before the representor.
    let (sf4, pf1) = ("0000:fe:00.1_representor_sf4", "0000:fe:00.1");
    let uplink = open("fe:00.1").unwrap();
    let third = open("fe:00.1,representor=sf4").unwrap();
    assert_eq!(calls.next_in_order(), [steps(UP, pf1), steps(UP, sf4)].concat());
    refused("0000:fe:00.1");
    drop(uplink);
    assert_eq!(calls.next_in_order(), [] as [String; 0], "the manager stops last");
    refused("fe:00.1");
    drop(third);
    assert_eq!(calls.next_in_order(), [steps(DOWN, sf4), steps(DOWN, pf1)].concat());

    // Closing a representor does not unlock the uplink.
    let uplink = open("fd:00.0").unwrap();
    drop(open("fd:00.0,representor=vf1").unwrap());
    refused("fd:00.0");
    drop(uplink);

    // A representor that does not exist, and several in one port.
    let missing = open("fd:00.0,representor=vf7").unwrap_err().to_string();
    assert!(!missing.contains('\n'), "{missing}");
    let missing = open("fe:00.0,representor=vf7").unwrap_err().to_string();
    assert!(missing.contains("there is no port `0000:fe:00.0,representor=vf7`"), "{missing}");
    let several = open("fe:00.0,representor=vf[0,1]").unwrap_err().to_string();
    assert!(several.contains("names 2 representors"), "{several}");
    assert!(calls.next().iter().all(|call| !call.starts_with("stopped too early")));
}

#[test]
fn a_representor_that_does_not_exist_is_answered_with_those_that_do() {
    let Some(driver) = driver() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut job = job_on(&folder.path().join("calls"), "fe:00.0,representor=vf9", json!({}));
    // The job's first device is its port.
    job["eal"]["devices"] = json!(["fe:00.0,representor=vf9", "fe:00.0,representor=vf[0,3,65535]"]);
    let said = Engine::start_preloaded(&driver, &job).failure();
    assert!(said.contains("`0000:fe:00.0,representor=vf9`: the device has the representors vf0, vf3, vf65535."), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    // Their receive and transmit functions do nothing: every frame would count as lost.
    let said = start(&driver, &folder.path().join("calls"), "fb:00.0,representor=vf1", json!({})).failure();
    assert!(said.contains("0000:fb:00.0,representor=vf1 is a representor of net_i40e, whose representors carry no frames"), "{said}");
}

#[test]
fn an_isolated_port_takes_test_frames_only() {
    let Some(driver) = driver() else { return };
    let folder = tempfile::tempdir().unwrap();
    let isolated = |format, tagging| json!({ "isolate": IsolatedFrames { format, tagging } });
    let vlan = Tagging::Vlan(VlanId::new(7).unwrap());
    for (at, (options, rule)) in [
        (isolated(FrameFormat::Ipv4Udp, Tagging::Untagged), "rule eth ipv4 198.18.0.0/fffe00 queue 0000:fe:00.0"),
        (isolated(FrameFormat::Ipv4Udp, vlan), "rule eth vlan ipv4 198.18.0.0/fffe00 queue 0000:fe:00.0"),
        (isolated(FrameFormat::L2, Tagging::Untagged), "rule eth queue 0000:fe:00.0"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut calls = Calls { file: folder.path().join(at.to_string()), seen: 0 };
        start(&driver, &calls.file, "fe:00.0", options).running().stopped();
        let expected =
            ["isolate 0000:fe:00.0", "configure 0000:fe:00.0", "start 0000:fe:00.0", rule, "stop 0000:fe:00.0", "close 0000:fe:00.0"];
        assert_eq!(calls.next(), expected);
    }
    // A rule that the driver refuses, a driver without the mode, and one without flow rules.
    let failure = |port: &str, options| start(&driver, &folder.path().join("refused"), port, options).failure();
    let said = failure("fe:00.0", isolated(FrameFormat::Ipv6Udp, Tagging::Untagged));
    assert!(said.contains("the flow rule for the test frames") && said.contains("net_lrswitch says: IPv6 is not supported"), "{said}");
    let said = failure("fd:00.0", isolated(FrameFormat::Ipv4Udp, Tagging::Untagged));
    assert!(said.contains("0000:fd:00.0 (net_lrswitch) has no isolated mode"), "{said}");
    let said = failure("net_null0", isolated(FrameFormat::Ipv4Udp, Tagging::Untagged));
    assert!(said.contains("net_null0 (net_null) has no isolated mode"), "{said}");
}

/// A machine with two PCI devices and two auxiliary devices that the driver knows.
fn buses(folder: &Path) {
    for device in ["0000:fc:00.0", "0000:fc:00.1"] {
        let device = folder.join("pci/devices").join(device);
        fs::create_dir_all(&device).unwrap();
        for (file, text) in [
            ("vendor", "0x1ab4"),
            ("device", "0x0001"),
            ("subsystem_vendor", "0x0000"),
            ("subsystem_device", "0x0000"),
            ("class", "0x020000"),
        ] {
            fs::write(device.join(file), format!("{text}\n")).unwrap();
        }
        // EAL skips a device that has no kernel driver.
        symlink("../../drivers/lrswitch", device.join("driver")).unwrap();
        fs::write(device.join("resource"), "0x0000000000000000 0x0000000000000000 0x0000000000000000\n".repeat(7)).unwrap();
    }
    for device in ["lrswitch.sf.4", "lrswitch.sf.5"] {
        fs::create_dir_all(folder.join("auxiliary/devices").join(device)).unwrap();
    }
}

/// An allow-list covers one bus. Without one, EAL probes every device of the bus.
#[test]
fn only_the_named_device_is_probed_whichever_bus_it_is_on() {
    let Some(driver) = driver() else { return };
    let folder = tempfile::tempdir().unwrap();
    buses(&folder.path().join("bus"));
    for (at, (port, probed)) in
        [("auxiliary:lrswitch.sf.4", vec!["probe lrswitch.sf.4"]), ("fc:00.1", vec!["probe 0000:fc:00.1"]), ("net_null0", vec![])]
            .into_iter()
            .enumerate()
    {
        let mut calls = Calls { file: folder.path().join(at.to_string()), seen: 0 };
        let mut job = job("receive", port, json!({}));
        job["eal"] = json!({ "memory": { "no-huge": { "megabytes": 64 } } });
        let engine = Engine::start_with_buses(&driver, &folder.path().join("bus"), &calls.file, &job);
        if probed.is_empty() {
            engine.running().stopped();
        } else {
            // The driver makes no ports, so the device is still the kernel driver's.
            let said = engine.failure();
            assert!(
                !port.starts_with("fc:")
                    || said.contains("bound to the kernel driver lrswitch") && said.contains("dpdk-devbind.py -b vfio-pci 0000:fc:00.1"),
                "{said}"
            );
        }
        assert_eq!(calls.next(), probed, "{port}");
    }
}
