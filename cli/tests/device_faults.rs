//! Devices with faults: each is found and named in the record or in the error. Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use program::between::{command, shown, testbed};
use program::device::{Device, Fate, From};
use program::{errors, records};
use serde_json::Value;

/// Held by the test that measures.
static ALONE: Mutex<()> = Mutex::new(());

/// A program whose work is done by the device of the test.
const STANDS_FOR_IT: &str = "kind = \"command\"\ncommand = [\"sleep\", \"1000\"]\nbetween = [\"near0\", \"far0\"]\n";

const ROUND_TRIPS: &str = "[[measure]]\nstack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"2kpps\"\nduration = \"2s\"\n";

fn pass(_: From, _: u64) -> Fate {
    vec![Duration::ZERO]
}

/// The record of a run through a device.
fn measured(device: &Device, keys: &str, measure: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testbed.toml"), testbed([&device.near, &device.middle, &device.far], "veth0", keys)).unwrap();
    let output = command(folder.path(), measure, "run").output().unwrap();
    assert!(folder.path().join("run/results.jsonl").exists(), "{}", errors(&output));
    shown(&folder.path().join("run")).remove(0)
}

#[track_caller]
fn failed_because(record: &Value, words: &[&str]) {
    let reasons = record["verdict"]["reasons"].to_string();
    assert_eq!(record["verdict"]["state"], "failed", "{reasons}");
    assert!(reasons.contains("device: device `dut`"), "{reasons}");
    words.iter().for_each(|words| assert!(reasons.contains(words), "no `{words}` in {reasons}"));
}

#[test]
fn a_device_that_drops_every_thousandth_frame_is_charged_with_exactly_these() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::up("faultdrop", |_, number| if number % 1000 == 999 { Vec::new() } else { vec![Duration::ZERO] });
    let record = measured(&device, STANDS_FOR_IT, ROUND_TRIPS);
    let trial = record["parameters"]["device"]["trials"].as_array().unwrap().last().unwrap().clone();
    let count = |key: &str| trial[key].as_u64().unwrap();
    assert!(count("lost_inside") >= 6, "about four frames each way: {trial}");
    assert_eq!(count("lost_inside"), count("sent") - count("received"), "{trial}");
    assert!(record["verdict"].to_string().contains("were lost inside device `dut`"), "{}", record["verdict"]);
}

#[test]
fn a_device_that_forwards_one_way_only_is_named_with_the_way() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::up("faultone", |from, number| if from == From::Near { pass(from, number) } else { Vec::new() });
    let record = measured(&device, STANDS_FOR_IT, ROUND_TRIPS);
    failed_because(&record, &["forwards from `from` to `to` only", "port far0 took 8 in", "lost inside the device"]);
}

#[test]
fn a_device_that_never_forwards_is_never_ready() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::up("faultnever", |_, _| Vec::new());
    let record = measured(&device, STANDS_FOR_IT, ROUND_TRIPS);
    failed_because(&record, &["did not become ready", "near0 took 8 in", "far0 gave 0 out", "lost inside the device"]);
}

#[test]
fn a_device_that_floods_is_named() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::hub("faultflood");
    let record = measured(&device, STANDS_FOR_IT, ROUND_TRIPS);
    failed_because(&record, &["floods", "8 of 8 test frames"]);
}

#[test]
fn a_device_that_changes_nothing_although_it_must_is_named() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::up("faultswap", pass);
    failed_because(
        &measured(&device, &format!("{STANDS_FOR_IT}mode = \"5tswap\""), ROUND_TRIPS),
        &["must do `5tswap`", "Ethernet addresses"],
    );
    failed_because(&measured(&device, &format!("{STANDS_FOR_IT}mode = \"route\""), ROUND_TRIPS), &["must do `route`"]);
}

#[test]
fn a_device_that_dies_in_mid_trial_or_at_once_is_named_with_its_last_words() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::up("faultdies", pass);
    let dies = STANDS_FOR_IT.replace("[\"sleep\", \"1000\"]", "[\"sh\", \"-c\", \"sleep 8; echo out of memory >&2; exit 3\"]");
    let record = measured(&device, &dies, &ROUND_TRIPS.replace("\"2s\"", "\"12s\""));
    failed_because(&record, &["ended while it was needed", "exit status: 3", "out of memory"]);
    let at_once = STANDS_FOR_IT.replace("[\"sleep\", \"1000\"]", "[\"sh\", \"-c\", \"echo no such port; exit 4\"]");
    failed_because(&measured(&device, &at_once, ROUND_TRIPS), &["ended while it was needed", "exit status: 4", "no such port"]);
    let missing = STANDS_FOR_IT.replace("\"sleep\"", "\"no-such-switch\"");
    failed_because(&measured(&device, &missing, ROUND_TRIPS), &["there is no such program: no-such-switch"]);
}

#[test]
fn a_missing_testpmd_is_one_line_with_the_command_that_installs_it() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::up("faultmiss", pass);
    let folder = tempfile::tempdir().unwrap();
    let keys = "kind = \"testpmd\"\nbetween = [\"net_af_packet0,iface=near0\", \"net_af_packet1,iface=far0\"]\ncpu = 0\nprogram = \"/nonexistent/dpdk-testpmd\"";
    std::fs::write(folder.path().join("testbed.toml"), testbed([&device.near, &device.middle, &device.far], "veth0", keys)).unwrap();
    let output = command(folder.path(), ROUND_TRIPS, "run").output().unwrap();
    let said = errors(&output);
    assert!(!output.status.success());
    let line = said.lines().find(|line| line.contains("dpdk-testpmd is not installed")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("device `dut`") && line.contains("apt-get install dpdk"), "{line}");
    assert!(records(&folder.path().join("run")).is_empty());
}
