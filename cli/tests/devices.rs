//! `linerate run` through devices that it starts: measured, counted, stopped, and what they changed put back. Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use program::between::{Between, command, shown, testbed};
use program::shaped_link::{Shaper, allowed_cpus, throughput};
use program::veth::ip;
use program::{Background, errors};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// Every method, at loads that the kernel carries easily on a busy machine.
const METHODS: [&str; 5] = ["throughput", "ndr-pdr", "latency", "frame-loss", "back-to-back"];

fn methods() -> String {
    let method = |name: &str| {
        // Bursts have no load: they are as fast as the port, which a calibration trial finds.
        let (load, calibration) = match name {
            "back-to-back" => ("min-load = \"500pps\"\n", "200ms"),
            _ => ("min-load = \"500pps\"\nmax-load = \"2kpps\"\n", "0s"),
        };
        let limit = if name == "throughput" || name == "ndr-pdr" { "time-limit = \"10s\"\n" } else { "" };
        format!(
            "[[measure]]\nstack = \"dpdk\"\nmethod = \"{name}\"\npreset = \"quick\"\n{load}{limit}tester = {{ repeats = 2, calibration = \"{calibration}\" }}\n"
        )
    };
    METHODS.map(method).concat()
}

const ROUND_TRIPS: &str = "[[measure]]\nstack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"500pps\"\nduration = \"1s\"\n";

const BRIDGE: &str = "kind = \"bridge\"\nbetween = [\"in0\", \"out0\"]\ncpu = 0";

fn output(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
}

/// What a disturbed poll loop of the tester cannot cause.
const OF_THE_PATH: [&str; 8] = [
    "duplicates",
    "several-senders",
    "link-change",
    "foreign-frames",
    "counters-disagree",
    "wrong-frame-size",
    "nothing-received",
    "more-than-sent",
];

/// The machine that runs the tests may disturb a poll loop; nothing else may be wrong.
#[track_caller]
fn is_disturbed_at_most(record: &Value) {
    assert_ne!(record["verdict"]["state"], "failed", "{}", record["verdict"]);
    for reason in record["verdict"]["reasons"].as_array().unwrap() {
        let kind = reason.as_str().unwrap().split(':').next().unwrap();
        assert!(!OF_THE_PATH.contains(&kind), "{}", record["verdict"]);
    }
}

/// Every trial of a record has the device's counters.
#[track_caller]
fn has_the_devices_counters(record: &Value, kind: &str) {
    let device = &record["parameters"]["device"];
    assert_eq!(device["kind"], kind, "{record:#}");
    let trials = device["trials"].as_array().unwrap();
    assert!(!trials.is_empty());
    for trial in trials {
        assert!(trial["sender_side"]["received"].as_u64().unwrap() > 0, "{trial}");
        assert!(trial["receiver_side"]["sent"].as_u64().unwrap() > 0, "{trial}");
    }
}

/// Measures round trips until device and tester have counted the same frames, three times at most, and returns the records and their folder. The
/// device's own net_af_packet counts frames as sent that stay in its ring until it sends the next ones; where other programs keep the kernel from
/// taking them, the last frames of a trial never come back. What is lost inside the device is a fault in every run.
#[track_caller]
fn counted_by_both(between: &Between, device: &str, kind: &str, name: &str) -> (Vec<Value>, PathBuf) {
    for attempt in 1..=3 {
        let name = format!("{name}-{attempt}");
        output(&mut between.run(device, ROUND_TRIPS, &name));
        let records = shown(&between.path(&name));
        assert_ne!(records[0]["verdict"]["state"], "failed", "{}", records[0]["verdict"]);
        has_the_devices_counters(&records[0], kind);
        let trials = records[0]["parameters"]["device"]["trials"].as_array().unwrap();
        assert!(trials.iter().all(|trial| trial["lost_inside"] == 0), "{trials:#?}");
        if trials.iter().all(|trial| trial["agrees"] == true) {
            return (records, between.path(&name));
        }
        eprintln!("{trials:#?}");
    }
    panic!("device and tester counted other frames in three runs");
}

fn is_measured_by_every_method(name: &str, kind: &str, device: &str) {
    let between = Between::up(name);
    let before = between.state();
    output(&mut between.run(device, &(methods() + ROUND_TRIPS), "run"));
    let records = shown(&between.path("run"));
    assert_eq!(records.len(), METHODS.len() + 1);
    for record in &records {
        is_disturbed_at_most(record);
        has_the_devices_counters(record, kind);
        // Bursts fill queues. At the other loads none is full: the device counts each frame that the tester sent and received.
        if record["metric"] == "back-to-back" {
            continue;
        }
        // What a disturbed poll loop of the tester loses is not in its counts, and not lost inside the device.
        let is_valid = record["verdict"]["state"] == "valid";
        for trial in record["parameters"]["device"]["trials"].as_array().unwrap() {
            assert_eq!(trial["lost_inside"], 0, "{}: {trial}", record["id"]);
            assert!(!is_valid || trial["agrees"] == true, "{}: {trial}", record["id"]);
        }
    }
    let environment: Value = serde_json::from_slice(&std::fs::read(between.path("run/environment.json")).unwrap()).unwrap();
    let described = &environment["devices"][0];
    assert_eq!((&described["id"], &described["kind"]), (&"dut".into(), &kind.into()));
    assert!(described["version"].as_str().unwrap().starts_with("Linux "), "{described}");
    let page = std::fs::read_to_string(between.path("run/report.html")).unwrap();
    assert!(page.contains("dut") && page.contains(kind), "the report names the device");
    assert_eq!(between.state(), before);
}

#[test]
fn a_bridge_is_measured_by_every_method_and_leaves_nothing() {
    is_measured_by_every_method("bridge", "bridge", BRIDGE);
}

#[test]
fn rfc2544_a_router_is_measured_by_every_method_and_leaves_nothing() {
    is_measured_by_every_method("route", "ip-forward", "kind = \"ip-forward\"\nbetween = [\"in0\", \"out0\"]");
}

#[test]
fn kernel_traffic_goes_through_a_bridge_and_is_counted_there() {
    let between = Between::up("kernel");
    for (namespace, address) in [(&between.from, "192.0.2.1/24"), (&between.to, "192.0.2.2/24")] {
        ip(&["-n", namespace, "address", "add", address, "dev", "veth0"]);
    }
    output(&mut between.run(BRIDGE, "[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"\n", "run"));
    let records = shown(&between.path("run"));
    is_disturbed_at_most(&records[0]);
    has_the_devices_counters(&records[0], "bridge");
}

#[test]
fn testpmd_counts_what_the_tester_counts_and_rates_on_shared_cpus_are_not_judged() {
    let between = Between::up("testpmd");
    let before = between.state();
    let cpus = allowed_cpus();
    for mode in ["io", "macswap", "5tswap"] {
        let ports = "[\"net_af_packet0,iface=in0,framecnt=4096\", \"net_af_packet1,iface=out0,framecnt=4096\"]";
        let device = format!("kind = \"testpmd\"\nbetween = {ports}\nmode = \"{mode}\"\ncpu = [{}, {}]", cpus[0], cpus.last().unwrap());
        let (records, run) = counted_by_both(&between, &device, "testpmd", mode);
        let shares = records[0]["verdict"]["reasons"].to_string().contains("share CPU");
        assert!(shares, "two poll loops of the tester and one of testpmd on {} CPUs: {}", cpus.len(), records[0]["verdict"]);
        let environment = std::fs::read_to_string(run.join("environment.json")).unwrap();
        assert!(environment.contains("\"version\":\"DPDK ") || environment.contains("\"version\": \"DPDK "), "{environment}");
    }
    assert_eq!(between.state(), before);
}

#[test]
fn open_vswitch_over_dpdk_counts_what_the_tester_counts_and_leaves_nothing() {
    let between = Between::up("ovs");
    let (before, cpus) = (between.state(), allowed_cpus());
    let ports = "[\"net_af_packet0,iface=in0,framecnt=4096\", \"net_af_packet1,iface=out0,framecnt=4096\"]";
    let device = format!("kind = \"ovs-dpdk\"\nbetween = {ports}\ncpu = [{}, {}]", cpus[0], cpus.last().unwrap());
    let (records, run) = counted_by_both(&between, &device, "ovs-dpdk", "run");
    assert!(records[0]["verdict"].to_string().contains("share CPU") || cpus.len() > 3, "{}", records[0]["verdict"]);
    let environment = std::fs::read_to_string(run.join("environment.json")).unwrap();
    assert!(environment.contains("Open vSwitch "), "{environment}");
    // The kernel removes the taps of a process after its end.
    program::wait_for("the end of Open vSwitch", LIMIT, || processes_of_ovs().is_empty() && between.state() == before);

    // After Ctrl-C it is stopped. After SIGKILL, its input ends: database, daemon and folder go without another run.
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let run = Background::start(between.run(&device, &ROUND_TRIPS.replace("\"1s\"", "\"60s\""), signal.as_str()));
        run.wait_for_words("[1/", LIMIT);
        program::wait_for("Open vSwitch", LIMIT, || processes_of_ovs().len() >= 2);
        run.signal(signal);
        run.finish(LIMIT);
        program::wait_for("the end of Open vSwitch", LIMIT, || processes_of_ovs().is_empty());
    }
}

#[test]
fn addresses_that_a_router_had_before_stay() {
    let between = Between::up("addresses");
    for (port, address) in [("in0", "198.51.100.254/24"), ("out0", "203.0.113.254/24")] {
        between.middle(&["address", "add", address, "dev", port]);
    }
    let before = between.state();
    assert!(before.contains("198.51.100.254/24"), "{before}");
    let router = "kind = \"ip-forward\"\nbetween = [\"in0\", \"out0\"]\naddresses = [\"198.51.100.254/24\", \"203.0.113.1/24\"]";
    output(&mut between.run(router, ROUND_TRIPS, "run"));
    is_disturbed_at_most(&shown(&between.path("run"))[0]);
    assert_eq!(between.state(), before);
}

#[test]
fn ports_in_the_other_order_than_the_ends_are_named() {
    let between = Between::up("exchanged");
    between.run("kind = \"bridge\"\nbetween = [\"out0\", \"in0\"]", ROUND_TRIPS, "run").output().unwrap();
    let record = shown(&between.path("run")).remove(0);
    assert_eq!(record["verdict"]["state"], "failed", "{}", record["verdict"]);
    let said = record["verdict"].to_string();
    assert!(said.contains("frames from `from` come in at its port in0, which the testbed joins to `to`"), "{said}");
}

#[test]
fn an_open_vswitch_that_runs_already_is_not_disturbed() {
    let between = Between::up("ovsother");
    between.middle(&["link", "add", "ovs-netdev", "type", "veth", "peer", "name", "of-another"]);
    let before = between.state();
    let ports = "[\"net_af_packet0,iface=in0\", \"net_af_packet1,iface=out0\"]";
    between.run(&format!("kind = \"ovs-dpdk\"\nbetween = {ports}\ncpu = 0"), ROUND_TRIPS, "run").output().unwrap();
    let record = shown(&between.path("run")).remove(0);
    assert_eq!(record["verdict"]["state"], "failed", "{}", record["verdict"]);
    assert!(record["verdict"].to_string().contains("a datapath of Open vSwitch exists already"), "{}", record["verdict"]);
    assert_eq!(between.state(), before);
}

/// Command lines of the databases and daemons that linerate started, and their folders.
fn processes_of_ovs() -> Vec<String> {
    let commands = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let commands = commands.map(|words| String::from_utf8_lossy(&words).replace('\0', " "));
    let folders = std::fs::read_dir("/tmp").unwrap().flatten().map(|entry| entry.path().display().to_string());
    commands.chain(folders).filter(|text| text.contains("/tmp/linerate-ovs-") && !text.contains(" -c ")).collect()
}

#[test]
fn open_vswitch_in_the_kernel_is_measured_or_the_missing_module_is_named() {
    let between = Between::up("ovskernel");
    let before = between.state();
    let run = between.run("kind = \"ovs\"\nbetween = [\"in0\", \"out0\"]", ROUND_TRIPS, "run").output().unwrap();
    let has_module = Command::new("modprobe").args(["-q", "openvswitch"]).status().is_ok_and(|status| status.success())
        || Path::new("/sys/module/openvswitch").exists();
    if has_module {
        let records = shown(&between.path("run"));
        assert_ne!(records[0]["verdict"]["state"], "failed", "{}", records[0]["verdict"]);
        has_the_devices_counters(&records[0], "ovs");
    } else {
        let said = errors(&run);
        let line = said.lines().find(|line| line.contains("the kernel has no module openvswitch")).unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains("device `dut`") && line.contains("kind = \"ovs-dpdk\""), "{line}");
    }
    assert_eq!(between.state(), before);
}

#[test]
fn a_second_run_through_the_interfaces_of_a_device_is_refused_by_the_name_of_the_device() {
    let between = Between::up("claimed");
    let first = Background::start(between.run(BRIDGE, &ROUND_TRIPS.replace("\"1s\"", "\"60s\""), "first"));
    first.wait_for_words("[1/", LIMIT);
    // Its ends are others: they share no interface with those of the first run.
    let folder = tempfile::tempdir().unwrap();
    let middle = between.middle.as_str();
    let router = "kind = \"ip-forward\"\nbetween = [\"out0\", \"in0\"]";
    std::fs::write(folder.path().join("testbed.toml"), testbed([middle, middle, middle], "lo", router)).unwrap();
    let second = command(folder.path(), ROUND_TRIPS, "second").output().unwrap();
    let said = errors(&second);
    assert!(!second.status.success() && said.contains("another run of linerate uses interface out0"), "{said}");
    assert!(said.contains("device `dut` at endpoint middle") && said.lines().count() == 1, "{said}");
    assert!(!folder.path().join("second").exists(), "a refused run left a directory");
    first.signal(Signal::SIGINT);
    first.finish(LIMIT);
    // The claim ends with the run.
    output(&mut between.run(BRIDGE, ROUND_TRIPS, "third"));
}

/// A bucket of 10 Mbit/s that holds as much as waits for it. Frames are bridged on the receiver's CPU.
const SHAPER: Shaper = Shaper { rate: 10e6, burst: 62_500.0, limit: 62_500.0, on_receivers_cpu: true };

#[test]
fn throughput_through_a_bridge_with_a_shaper_behind_it_is_what_the_shaper_allows() {
    let between = Between::up("shaped");
    let shaper = format!("tc qdisc add dev out0 root tbf rate {}bit burst {} limit {}", SHAPER.rate, SHAPER.burst, SHAPER.limit);
    ip(&[&["netns", "exec", &between.middle][..], &shaper.split(' ').collect::<Vec<_>>()].concat());
    // The shaper's timer runs where its frames are queued: on the receiver's CPU.
    let device = format!("kind = \"bridge\"\nbetween = [\"in0\", \"out0\"]\ncpu = {}", allowed_cpus()[0]);
    let allowed = SHAPER.allowed(512, 1.0);
    // A machine that is busy for the length of a search makes its record invalid. Then it is measured again, as a person would.
    let record = (1..=3)
        .map(|attempt| {
            let run = format!("run-{attempt}");
            output(&mut between.run(&device, &throughput(1.0, "150ms"), &run));
            shown(&between.path(&run)).remove(0)
        })
        .find(|record| {
            record["verdict"]["state"] == "valid" && !record["parameters"]["remarks"].to_string().contains("the tester, and not the device")
        })
        .expect("three runs in a row were disturbed");
    let found = record["values"]["forwarding_pps"].as_f64().unwrap();
    eprintln!("found {found:.1} frames/s, the shaper allows {allowed:.1}: {:+.2} %", (found / allowed - 1.0) * 100.0);
    assert!((found / allowed - 1.0).abs() < 0.01, "found {found}, the shaper allows {allowed}");
    // What the shaper dropped was lost inside the device.
    let device = &record["parameters"]["device"];
    assert!(device["lost"].as_u64().unwrap() > 0);
    assert!(record["verdict"].to_string().contains("were lost inside device `dut`"), "{}", record["verdict"]);
}

#[test]
fn nothing_is_left_after_ctrl_c_and_the_next_run_puts_back_what_a_killed_one_left() {
    let between = Between::up("killed");
    let before = between.state();
    let long = ROUND_TRIPS.replace("\"1s\"", "\"60s\"");
    for device in [BRIDGE, "kind = \"ip-forward\"\nbetween = [\"in0\", \"out0\"]"] {
        for signal in [Signal::SIGINT, Signal::SIGKILL] {
            let name = format!("{}-{signal}", if device == BRIDGE { "bridge" } else { "router" });
            let run = Background::start(between.run(device, &long, &name));
            run.wait_for_words("[1/", LIMIT);
            program::wait_for("a change by the device", LIMIT, || between.state() != before);
            run.signal(signal);
            run.finish(LIMIT);
            if signal == Signal::SIGKILL {
                assert_ne!(between.state(), before, "a killed run cannot put anything back");
                // Its agents end with it. Any next run restores.
                output(&mut between.run(BRIDGE, ROUND_TRIPS, &format!("{name}-next")));
            }
            assert_eq!(between.state(), before, "{name}");
        }
    }
}
