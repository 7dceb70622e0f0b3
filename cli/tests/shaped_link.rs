//! A device whose answer the kernel sets: a link shaped by `tc tbf`, measured through AF_PACKET ports. Needs root.
//!
//! The three namespaces are from → bridge → to. The shaper stands at the bridge's way out, and not at the sender's own interface: AF_PACKET
//! ports go past their interface's queueing discipline (PACKET_QDISC_BYPASS, the default of DPDK's net_af_packet), and a sender must not be
//! slowed down by what it measures.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use program::shaped_link::{ShapedLink, Shaper, throughput};
use program::veth::{Veth, ip};
use program::{Background, errors, json, linerate, records, wait_for};
use serde_json::Value;

/// What the bucket is filled with, in bits per second.
const RATE: f64 = 10e6;

/// Bytes the bucket holds, and as many again wait in the queue: 50 ms each, so that neither a late timer nor a sender that was interrupted
/// for a moment costs the shaper tokens or frames.
const BURST: f64 = 62_500.0;
const LIMIT: f64 = 62_500.0;

/// Bridged on the receiver's CPU: the shaper's timer runs where its frames are queued. On the sender's CPU, tens of thousands of its interrupts a
/// second keep the sender from offering its load, so that the shaper's limit is never reached.
const SHAPER: Shaper = Shaper { rate: RATE, burst: BURST, limit: LIMIT, on_receivers_cpu: true };

/// Every trial is as long as this, in seconds.
const TRIAL: f64 = 1.0;

/// Frame sizes with FCS.
const SIZES: [u32; 3] = [64, 512, 1518];

fn plan() -> String {
    format!("name = \"shaped\"\npairs = [\"from:to\"]\nsizes = {SIZES:?}\n{}", throughput(TRIAL, "10ms"))
}

#[test]
fn throughput_of_a_shaped_link_is_what_the_shaper_allows() {
    let link = ShapedLink::up(&SHAPER);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (plan, testbed) = (file("plan.toml", plan()), file("testbed.toml", link.testbed()));
    // A machine that is busy for the length of a search makes its record invalid, or the record says that the tester fell short. Then it is
    // measured again, as a person would.
    let records = (1..=3)
        .map(|attempt| measured(&plan, &testbed, &folder.path().join(format!("run-{attempt}"))))
        .find(|records| records.iter().all(|record| record["verdict"]["state"] == "valid" && !tester_fell_short(record)))
        .expect("three runs in a row were disturbed");

    for (record, size) in records.iter().zip(SIZES) {
        let (found, allowed) = (record["values"]["forwarding_pps"].as_f64().unwrap(), SHAPER.allowed(size, TRIAL));
        eprintln!("{size} B: found {found:.1} frames/s, the shaper allows {allowed:.1}: {:+.2} %", (found / allowed - 1.0) * 100.0);
        assert!((found / allowed - 1.0).abs() < 0.01, "{size} B: found {found}, the shaper allows {allowed}:\n{}", trials(record));
        assert_eq!(record["values"]["wire_bytes_per_frame"].as_f64(), Some(f64::from(size)), "{size} B");
    }
}

/// How long the bridge is down at least, in seconds.
const DOWN: f64 = 0.3;

/// The shaper's queue goes on sending when the bridge has gone down: at most its `limit` at its rate, 50 ms.
const STILL_COMING: f64 = LIMIT * 8.0 / RATE;

/// Whether an upper bound is the tester's own: what was found is "at least".
fn tester_fell_short(record: &Value) -> bool {
    let remarks = record["parameters"]["remarks"].as_array().unwrap();
    remarks.iter().any(|remark| remark.as_str().unwrap().contains("the tester, and not the device"))
}

/// The bridge does not forward while it is down. The ends' own links stay up.
fn reset_plan(bridge: &str) -> String {
    format!(
        r#"
name = "reset"
pairs = ["from:to"]
sizes = [512]

[[measure]]
stack = "dpdk"
method = "reset"
preset = "quick"
event = "port-restart"
command = ["sh", "-c", "ip -n {bridge} link set dev bridge0 down && sleep {DOWN} && ip -n {bridge} link set dev bridge0 up"]
min-load = "5Mbps"
max-load = "20Mbps"
repetitions = 1
duration = "6s"
tester = {{ repeats = 5, offered-slack = "200us", calibration = "0s" }}

[[measure]]
stack = "dpdk"
method = "system-recovery"
preset = "quick"
min-load = "5Mbps"
max-load = "20Mbps"
repetitions = 1
tester = {{ repeats = 5, offered-slack = "200us", calibration = "0s" }}
"#
    )
}

#[test]
fn rfc2544_26_5_and_26_6_a_bridge_that_is_reset_is_away_as_long_as_it_was_and_a_shaper_recovers_at_once() {
    let link = ShapedLink::up(&SHAPER);
    let folder = tempfile::tempdir().unwrap();
    let (plan, testbed) = (folder.path().join("plan.toml"), folder.path().join("testbed.toml"));
    std::fs::write(&plan, reset_plan(&link.bridge)).unwrap();
    std::fs::write(&testbed, link.testbed()).unwrap();
    let records = run_plan(&plan, &testbed, &folder.path().join("run"));
    assert_eq!(records.len(), 2);
    for (record, (method, times)) in records.iter().zip([("reset", "gaps_s"), ("system-recovery", "times_s")]) {
        let measured = &record["parameters"]["measured"];
        eprintln!("{}: {} {measured}", record["id"], record["verdict"]);
        assert_eq!(record["method"], method);
        assert_ne!(record["verdict"]["state"], "failed", "{}", record["verdict"]);
        let text = measured.to_string();
        let of: Value = find(measured, times).unwrap_or_else(|| panic!("no {times} in {text}"));
        // A trial that the machine disturbed has no time; one that has, has the right one.
        for time in of.as_array().unwrap().iter().map(|time| time.as_f64().unwrap()) {
            match method {
                "reset" => assert!(time >= DOWN - STILL_COMING, "the bridge was down for at least {DOWN} s: {text}"),
                _ => assert!(time < 0.1, "half the load is far below what the shaper carries: {text}"),
            }
        }
    }
}

/// The first value under this name, however deep.
fn find(value: &Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(map) => map.get(name).cloned().or_else(|| map.values().find_map(|value| find(value, name))),
        Value::Array(list) => list.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

/// One run of the plan, every size a record.
fn measured(plan: &Path, testbed: &Path, out: &Path) -> Vec<Value> {
    let records = run_plan(plan, testbed, out);
    assert_eq!(records.len(), SIZES.len());
    records
}

fn run_plan(plan: &Path, testbed: &Path, out: &Path) -> Vec<Value> {
    // The poll loops go before whatever else runs here: their absences are the tester's and not the shaper's.
    let mut command = Command::new("nice");
    command.args(["-n", "-20"]).arg(linerate().get_program()).args(["run", "--json", "--plan"]);
    let output = command.arg(plan).arg("--testbed").arg(testbed).arg("--out").arg(out).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let (summary, records) = (json(&output.stdout), records(out));
    assert_eq!(summary["complete"].as_bool(), Some(true), "{summary}");
    for record in &records {
        eprintln!("{}: {}", record["id"], record["verdict"]);
    }
    records
}

/// Every trial of a search, one a line.
fn trials(record: &Value) -> String {
    let line = |trial: &Value| format!("{} {} {}", trial["input"]["stimulus"], trial["outcome"]["directions"][0], trial["verdict"]);
    record["parameters"]["trials"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The kernel's send buffer of a socket holds some 200 frames of 512 bytes that wait behind this shaper. The others stay in the transmit ring, and leave
/// it only when the kernel is asked to take them. The driver does not ask after its last frame (rte_eth_af_packet.c, `eth_af_packet_tx`).
const SLOW: &str = "tc qdisc add dev veth0 root tbf rate 20mbit burst 10000 limit 10000000";

/// The shaper stands at the interface itself.
const THROUGH_THE_SHAPER: &str = "net_af_packet0,iface=veth0,framecnt=4096,qdisc_bypass=0";

/// A role of the program on a port in a namespace.
fn role(namespace: &str, role: &str, port: &str, more: &str) -> Command {
    Veth::linerate_on(port, namespace, role, &["--no-huge", "--json"].into_iter().chain(more.split(' ')).collect::<Vec<_>>())
}

/// A link, one of whose ends is behind the shaper.
fn link_with_a_slow_end(name: &str, slow: impl Fn(&Veth) -> &String) -> Veth {
    let link = Veth::up(name);
    ip(&[&["netns", "exec", slow(&link)][..], &SLOW.split(' ').collect::<Vec<_>>()].concat());
    link
}

#[test]
fn every_frame_that_counts_as_sent_leaves_the_interface() {
    let link = link_with_a_slow_end("ring", |link| &link.near);
    let output = role(&link.near, "send", THROUGH_THE_SHAPER, "--size 512 --rate max --frames 2000").output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let arrived = || ip(&["netns", "exec", &link.far, "cat", "/sys/class/net/veth0/statistics/rx_packets"]).trim().parse::<u64>().unwrap();
    // What the shaper still holds, a quarter of a megabyte at most, is sent in 0.1 s.
    wait_for("the frames in the shaper", Duration::from_secs(5), || arrived() == 2000);
    assert_eq!(json(&output.stdout)["frames_sent"], 2000);
}

#[test]
fn every_frame_that_a_reflector_counts_as_sent_returns() {
    let link = link_with_a_slow_end("turn", |link| &link.far);
    let reflector = Background::start(role(&link.far, "reflect", THROUGH_THE_SHAPER, "--cpu 0"));
    reflector.wait_for_words("reflecting on", Duration::from_secs(60));
    let address = ip(&["netns", "exec", &link.far, "cat", "/sys/class/net/veth0/address"]);
    let rtt = format!("--size 512 --rate 50kpps --frames 1000 --late-bound 60s --rtt --cpu 1 --dst-mac {}", address.trim());
    let output = role(&link.near, "send", "net_af_packet0,iface=veth0,framecnt=4096", &rtt).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let returned = json(&output.stdout)["returned"].clone();
    assert_eq!((&returned["received"], &returned["lost"], &returned["in_flight"]), (&1000.into(), &0.into(), &0.into()), "{returned}");
}
