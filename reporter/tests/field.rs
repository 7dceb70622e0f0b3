//! Outputs of real tools as their users posted them, each with the result that its figures give, or the refusal that it deserves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::path::{Path, PathBuf};

use reporter::kernel_tools::{Direction, Measurement, ToolError, ToolExit, Transport, decode, detect_all};
use reporter::record::{ReasonKind, State};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/field")
}

fn parse(name: &str) -> Result<Vec<Measurement>, ToolError> {
    let text = decode(&std::fs::read(folder().join(name)).unwrap());
    let tools = detect_all(&text);
    assert!(tools.len() == 1 && name.starts_with(tools[0].name()), "{name}: {tools:?}");
    tools[0].parse(&text, ToolExit::Unknown)
}

fn one(name: &str) -> Measurement {
    let mut found = parse(name).unwrap();
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0)
}

fn bps(measurement: &Measurement) -> f64 {
    measurement.values.goodput_bps.unwrap().bps()
}

/// Rates in Gbit/s to three digits, with their directions; all valid.
fn valid_rates(name: &str) -> Vec<(Direction, f64)> {
    let found = parse(name).unwrap();
    assert!(found.iter().all(|one| one.verdict().state == State::Valid), "{name}: {found:?}");
    found.iter().map(|one| (one.direction, (bps(one) / 1e6).round() / 1e3)).collect()
}

const FORTH: Direction = Direction::ClientToServer;
const BACK: Direction = Direction::ServerToClient;

#[test]
fn iperf3_an_interval_without_packets_prints_nan() {
    let found = one("iperf3-nan-interval.json");
    assert_eq!((bps(&found).round(), found.transport, found.verdict().state), (65_500.0, Transport::Udp, State::Valid));
    assert!((found.values.loss_ratio.unwrap().ratio() - 2.0 / 133.0).abs() < 1e-12);
}

#[test]
fn iperf3_both_directions_under_the_same_keys() {
    assert_eq!(valid_rates("iperf3-3.10-bidir-duplicate-keys.json"), [(FORTH, 31.226), (BACK, 20.970)]);
}

#[test]
fn iperf3_a_server_does_not_know_what_its_client_received() {
    let found = one("iperf3-server-side-reverse.json");
    assert_eq!((found.values.goodput_bps, found.direction, found.verdict().state), (None, BACK, State::Invalid));
    assert_eq!((found.parameters["sent_bps"].as_f64().unwrap() / 1e5).round(), 1701.0);
    assert!(found.verdict().reasons.iter().any(|reason| reason.detail.contains("server's file")), "{:?}", found.verdict());
}

#[test]
fn iperf3_a_sum_above_every_interval_is_not_believed() {
    let found = one("iperf3-sum-above-intervals.json");
    assert_eq!(found.doubts[0].kind, ReasonKind::CountersDisagree);
    assert!((277_000.0..291_000.0).contains(&bps(&found)), "the value is one that the intervals allow: {}", bps(&found));
}

#[test]
fn iperf3_several_tests_in_one_file() {
    assert_eq!(valid_rates("iperf3-three-tests-appended.json"), [(FORTH, 9.41), (FORTH, 4.7), (FORTH, 2.35)]);
    assert_eq!(valid_rates("iperf3-json-stream-two-tests.jsonl"), [(FORTH, 50.9), (FORTH, 1.27)]);
}

#[test]
fn iperf3_text_around_and_windows_line_ends() {
    let found = one("iperf3-debug-text-before.json");
    assert_eq!((bps(&found) / 1e5).round(), 9428.0);
    assert!(found.remarks.iter().any(|remark| remark.detail.contains("left out")), "what is dropped is said: {:?}", found.remarks);
    assert_eq!((bps(&one("iperf3-utf8-bom-crlf.json")) / 1e6).round(), 941.0);
}

#[test]
fn iperf2_enhanced_csv_with_and_without_a_heading() {
    assert_eq!(valid_rates("iperf2-2.1.9-enhanced.csv"), [(FORTH, 40.092)]);
    let udp = one("iperf2-2.2.0-udp.csv");
    assert_eq!((udp.transport, (bps(&udp) / 1e6).round(), udp.verdict().state), (Transport::Udp, 6276.0, State::Valid));
    assert!((udp.values.loss_ratio.unwrap().ratio() - 179_685.0 / 5_516_005.0).abs() < 1e-12);
}

#[test]
fn iperf2_one_identifier_for_two_directions() {
    assert_eq!(valid_rates("iperf2-full-duplex-server.csv"), [(FORTH, 0.923), (BACK, 0.942)]);
}

#[test]
fn sockperf_before_3_7_prints_avg_lat() {
    let found = one("sockperf-3.0-avg-lat.txt");
    let rtt = found.values.rtt_ns.clone().unwrap();
    let rounded = |value: Option<f64>| value.unwrap().round();
    assert_eq!([rtt.mean, rtt.p50, rtt.p99, rtt.max].map(rounded), [13_406.0, 11_802.0, 32_192.0, 33_110.0]);
    assert_eq!((found.version.as_deref(), found.transport, found.verdict().state), (None, Transport::Tcp, State::Valid));
}

#[test]
fn qperf_a_sweep_has_a_value_for_each_size() {
    let found = parse("qperf-sweep-without-sizes.txt").unwrap();
    assert_eq!((found.len(), found.iter().filter(|one| one.values.goodput_bps.is_some()).count()), (37, 22));
    assert!(found.iter().all(|one| one.size.is_none()), "which sizes they are, only the command line said");
}

#[test]
fn netperf_units_columns_and_several_tests() {
    assert_eq!(valid_rates("netperf-f-G.txt"), [(FORTH, 15.805)]);
    assert_eq!(valid_rates("netperf-c-C.txt"), [(FORTH, 38.911)]);
    assert_eq!(valid_rates("netperf-two-streams-one-file.csv"), [(FORTH, 1.0), (FORTH, 2.0)]);
}

#[test]
fn ping_counts_its_targets_replies() {
    let found = one("ping-stray-reply.txt");
    let rtt = found.values.rtt_ns.clone().unwrap();
    assert_eq!((rtt.count, (rtt.mean.unwrap() / 1e3).round(), rtt.max), (Some(3), 1208.0, Some(1_307_000.0)));
    assert!(found.remarks.iter().any(|remark| remark.detail.contains("left out")) && found.verdict().state == State::Valid);
}

#[test]
fn no_file_is_left_out() {
    let tested: Vec<&str> = include_str!("field.rs").split('"').filter(|name| folder().join(name).is_file()).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(tested.contains(&name.as_str()), "{name} has no test");
    }
}
