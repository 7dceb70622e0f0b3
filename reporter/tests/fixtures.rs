//! Every file in `fixtures/` is a real tool's output: it parses to the values a person reads in it, or to the error it holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reporter::kernel_tools::{Direction, KernelTool, Measurement, ToolError, ToolExit, Transport, detect};
use reporter::record::{LatencyDefinition, ReasonKind};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn text(name: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(folder().join(name)).unwrap()).into_owned()
}

fn parse(name: &str) -> Result<Vec<Measurement>, ToolError> {
    let text = text(name);
    let tool = detect(&text).unwrap_or_else(|| panic!("{name}: no tool detected"));
    assert!(name.starts_with(tool.name()), "{name} was taken for {tool}");
    tool.parse(&text, ToolExit::Code(0))
}

fn tool(name: &str) -> KernelTool {
    KernelTool::from_name(name).unwrap()
}

fn one(name: &str) -> Measurement {
    let mut found = parse(name).unwrap();
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0)
}

fn error(name: &str) -> String {
    parse(name).expect_err(name).to_string()
}

fn goodput(measurement: &Measurement) -> f64 {
    measurement.values.goodput_bps.unwrap().bps()
}

fn mean_rtt_ns(measurement: &Measurement) -> f64 {
    measurement.values.rtt_ns.as_ref().unwrap().mean.unwrap()
}

fn size(measurement: &Measurement) -> u32 {
    measurement.size.unwrap().bytes()
}

#[test]
fn iperf3_two_streams_with_repeated_keys() {
    let found = one("iperf3_3.12_tcp_P2_dupkeys.json");
    assert_eq!(goodput(&found), 11_024_952_530.278_545);
    assert_eq!((found.values.retransmits, size(&found), found.transport), (Some(52), 4096, Transport::Tcp));
    assert_eq!(found.version.as_deref(), Some("3.12"));
    assert_eq!(found.parameters["streams"], 2);
    assert_eq!(found.parameters["sender_tcp_congestion"], "bbr");
    assert!(found.doubts.is_empty());
    assert!(found.remarks[0].detail.contains("one core"), "a single-threaded version must be named");
}

#[test]
fn iperf3_udp_counts_what_arrived() {
    let found = one("iperf3_3.12_udp.json");
    assert_eq!(goodput(&found), 99_871_482.362_960_46);
    assert_eq!((size(&found), found.transport), (512, Transport::Udp));
    assert_eq!(found.values.loss_ratio.unwrap().ratio(), 0.0);
    let lossy = one("iperf3_3.12_udp_lossy.json");
    assert_eq!(goodput(&lossy), 7_337_077_850.562_518);
    assert!((lossy.values.loss_ratio.unwrap().ratio() - 33_922.0 / 657_011.0).abs() < 1e-12);
    assert!(lossy.doubts.is_empty(), "{:?}", lossy.doubts);
}

#[test]
fn iperf3_reverse_goes_from_server_to_client() {
    let found = one("iperf3_3.12_tcp_reverse.json");
    assert_eq!(found.direction, Direction::ServerToClient);
    assert_eq!((goodput(&found), found.values.retransmits), (20_744_570_355.452_18, Some(26)));
}

#[test]
fn iperf3_both_directions_are_two_measurements() {
    for (name, forward, backward) in [
        ("iperf3_3.12_tcp_bidir.json", 20_754_006_280.466_91, 2_294_360_108.744_196_4),
        ("iperf3_3.12_udp_bidir.json", 50_056_789.575_447_835, 50_056_789.575_447_835),
    ] {
        let found = parse(name).unwrap();
        let read: Vec<_> = found.iter().map(|one| (one.direction, goodput(one))).collect();
        assert_eq!(read, [(Direction::ClientToServer, forward), (Direction::ServerToClient, backward)], "{name}");
    }
}

#[test]
fn iperf3_omitted_time_and_runs_by_bytes() {
    let omitted = one("iperf3_3.12_tcp_omit.json");
    assert_eq!((goodput(&omitted), &omitted.parameters["omitted_s"]), (20_910_983_067.992_92, &1.into()));
    let bytes = one("iperf3_3.12_tcp_bytes.json");
    assert_eq!((goodput(&bytes), size(&bytes)), (6_564_465_017.503_692, 1460));
    assert_eq!(bytes.duration.unwrap().as_micros(), 60_273);
}

#[test]
fn iperf3_errors_with_exit_code_0_are_errors() {
    assert!(
        error("iperf3_3.12_busy_rc0.json").contains("the server is busy running a test. try again later; another client uses this server")
    );
    let refused = error("iperf3_3.12_connrefused_rc0.json");
    assert!(refused.contains("Connection refused") && refused.contains("start it first"), "{refused}");
    assert!(error("iperf3_3.12_bad_argument.txt").contains("block size too large"));
    assert!(error("iperf3_3.12_for_people.txt").contains("-J"));
}

fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

fn iperf3(document: &str) -> Measurement {
    tool("iperf3").parse(document, ToolExit::Code(0)).unwrap().remove(0)
}

/// `--json-stream` (3.17) gives the same parts, one event a line, and 3.12 no such output: made here from what `-J` gave.
#[test]
fn iperf3_as_a_stream_of_events_reads_the_same() {
    let whole = json("iperf3_3.12_udp_lossy.json");
    let event = |name: &str, data: &Value| format!("{}\n", serde_json::json!({ "event": name, "data": data }));
    let intervals: String = whole["intervals"].as_array().unwrap().iter().map(|interval| event("interval", interval)).collect();
    let stream = format!("{}{intervals}{}", event("start", &whole["start"]), event("end", &whole["end"]));
    assert_eq!(detect(&stream), Some(tool("iperf3")));
    assert_eq!(iperf3(&stream), one("iperf3_3.12_udp_lossy.json"));
    let error = tool("iperf3").parse(&event("error", &"unable to connect".into()), ToolExit::Code(1)).unwrap_err();
    assert!(error.to_string().contains("unable to connect"));
}

/// Before 3.5 a UDP test ends with one sum: what was sent, and how much of it was lost.
#[test]
fn iperf3_old_udp_sums_are_brought_down_to_what_arrived() {
    let mut old = json("iperf3_3.12_udp_lossy.json");
    let end = old["end"].as_object_mut().unwrap();
    end.remove("sum_sent");
    end.remove("sum_received");
    let found = iperf3(&old.to_string());
    assert!((goodput(&found) / (7_736_951_465.728_013 * (1.0 - 33_922.0 / 657_020.0)) - 1.0).abs() < 1e-12);
}

/// Versions to 3.20 could print no loss on a lossy path: the receiver's bytes tell.
#[test]
fn iperf3_hidden_loss_is_found_in_the_bytes() {
    let mut hidden = json("iperf3_3.12_udp_lossy.json");
    hidden["end"]["sum_received"]["lost_packets"] = 0.into();
    let found = iperf3(&hidden.to_string());
    assert_eq!(found.doubts[0].kind, ReasonKind::CountersDisagree, "{:?}", found.doubts);
}

/// An interrupted test can have sums and an error: the error decides.
#[test]
fn iperf3_an_error_beside_sums_is_an_error() {
    let mut broken = json("iperf3_3.12_udp.json");
    broken["error"] = "interrupt - the client has terminated".into();
    assert!(tool("iperf3").parse(&broken.to_string(), ToolExit::Code(0)).is_err());
}

#[test]
fn qperf_default_units_are_bytes_and_half_round_trips() {
    let found = parse("qperf_default.txt").unwrap();
    let kinds: Vec<_> = found.iter().map(|one| (one.transport, one.values.goodput_bps.is_some())).collect();
    assert_eq!(kinds, [(Transport::Tcp, true), (Transport::Tcp, false), (Transport::Udp, true), (Transport::Udp, false)]);
    assert_eq!((goodput(&found[0]), goodput(&found[2])), (10.4e9, 60.72e9));
    assert_eq!((mean_rtt_ns(&found[1]), mean_rtt_ns(&found[3])), (74_800.0, 77_800.0));
    assert_eq!(found[1].values.latency_definition, Some(LatencyDefinition::HalfRoundTripDoubled));
    assert_eq!(found[2].parameters["sent_bps"], 77.6e9);
    assert!(found.iter().all(|one| one.size.is_none()), "sizes are printed with -vvu only");
}

#[test]
fn qperf_sweeps() {
    let latencies: Vec<_> = parse("qperf_uu_sweep_lat.txt").unwrap().iter().map(|one| (size(one), mean_rtt_ns(one))).collect();
    assert_eq!(latencies, [(1, 72_899.6), (8, 71_298.8), (64, 79_145.2), (512, 58_148.0), (4096, 77_009.0)]);
    let rates: Vec<_> = parse("qperf_uu_ub_sweep_bw.txt").unwrap().iter().map(|one| (size(one), goodput(one))).collect();
    assert_eq!(rates, [(64, 1_757_873_152.0), (512, 10_001_141_760.0), (4096, 11_443_372_032.0), (32_768, 12_252_872_704.0)]);
}

#[test]
fn qperf_verbose_units() {
    let found = parse("qperf_verbose_sweep.txt").unwrap();
    let sizes: Vec<_> = found.iter().map(size).collect();
    assert_eq!(sizes, [4096, 8192, 16_384, 4096, 8192, 16_384]);
    assert_eq!(goodput(&found[0]), 11.28e9);
    assert_eq!(found[0].parameters["qperf_send_cores"], 2.0);
    assert!(found[3].values.rtt_ns.is_some());
}

#[test]
fn qperf_udp_receives_less_than_is_sent() {
    let found = one("qperf_uu_ub_udp_bw.txt");
    assert_eq!(goodput(&found), 113_014_784.0);
    assert!((found.values.loss_ratio.unwrap().ratio() - (1.0 - 113_014_784.0 / 249_638_020.0)).abs() < 1e-12);
}

#[test]
fn qperf_errors_and_the_implausible() {
    let implausible = one("qperf_m0_implausible.txt");
    assert_eq!(implausible.doubts[0].kind, ReasonKind::Implausible);
    assert!(error("qperf_refused.txt").contains("failed to connect"));
    let bad = tool("qperf").parse(&text("qperf_bad_test.txt"), ToolExit::Code(1)).unwrap_err().to_string();
    assert!(bad.contains("bad test"), "{bad}");
}

#[test]
fn sockperf_half_round_trips_are_doubled_with_their_percentiles() {
    let found = one("sockperf_3.7_pp_stdout.txt");
    let rtt = found.values.rtt_ns.clone().unwrap();
    assert_eq!((rtt.mean, rtt.min, rtt.p50, rtt.p90), (Some(80_562.0), Some(4_936.0), Some(81_558.0), Some(94_496.0)));
    assert_eq!((rtt.p99, rtt.p999, rtt.p9999, rtt.max), (Some(136_636.0), Some(200_438.0), Some(455_398.0), Some(2_365_398.0)));
    assert_eq!((rtt.count, found.values.latency_definition), (Some(6825), Some(LatencyDefinition::HalfRoundTripDoubled)));
    assert_eq!((found.version.as_deref(), found.transport), (Some("3.7-no.git"), Transport::Tcp));
    assert_eq!(found.duration.unwrap().as_millis(), 550);
}

#[test]
fn sockperf_whole_round_trips_colours_and_udp() {
    let full = one("sockperf_3.7_full_rtt_ansi.txt");
    assert!(text("sockperf_3.7_full_rtt_ansi.txt").contains('\u{1b}'), "the fixture must have colours");
    assert_eq!(full.values.latency_definition, Some(LatencyDefinition::RoundTrip));
    let printed = text("sockperf_3.7_full_rtt_ansi.txt");
    let printed: f64 = printed.split_once("Round trip is ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
    assert_eq!(mean_rtt_ns(&full), printed * 1e3);
    assert_eq!(one("sockperf_3.7_udp_ansi.txt").transport, Transport::Udp);
}

#[test]
fn sockperf_full_log_and_refusals() {
    let log = one("sockperf_3.7_full_log.csv");
    assert_eq!((size(&log), mean_rtt_ns(&log)), (64, 76_942.0));
    // The same rows without the summary: round trips from the times themselves.
    let whole = text("sockperf_3.7_full_log.csv");
    let rows = whole.split_once("packet, ").unwrap().1;
    let found = tool("sockperf").parse(&format!("packet, {rows}"), ToolExit::Unknown).unwrap().remove(0);
    let first = (2.409_703_564_f64 - 2.409_633_212) * 1e9;
    assert_eq!(found.values.latency_definition, Some(LatencyDefinition::RoundTrip));
    assert!((found.values.rtt_ns.unwrap().max.unwrap() - first).abs() < 10_000.0);
    assert!(error("sockperf_3.7_refused_rc0.txt").contains("Connection refused"));
    assert!(error("sockperf_3.7_throughput.txt").contains("throughput mode"));
}

#[test]
fn netperf_of_udp_says_what_was_sent_and_what_arrived() {
    // 4474 Mb/s were sent and 1767 arrived; THROUGHPUT repeats what arrived.
    let found = one("netperf_2.7.1_udp_stream_k.txt");
    assert_eq!((found.values.goodput_bps.unwrap().bps(), found.parameters["sent_bps"].as_f64()), (1_767_090_000.0, Some(4_474_440_000.0)));
    assert!((found.values.loss_ratio.unwrap().ratio() - (1.0 - 1767.09 / 4474.44)).abs() < 1e-12);
    // In the table for people the same is 467,372 datagrams and 164,719 that arrived.
    let found = one("netperf_2.7.1_udp_stream.txt");
    assert_eq!(found.values.goodput_bps.unwrap().bps(), 1_844_070_000.0);
    assert!((found.values.loss_ratio.unwrap().ratio() - (1.0 - 164_719.0 / 467_372.0)).abs() < 1e-12);
}

#[test]
fn netperf_maerts_goes_from_server_to_client() {
    for (name, bps) in [("netperf_2.7.1_tcp_maerts.txt", 10_751_990_000.0), ("netperf_2.7.1_tcp_maerts_o.csv", 9_914_790_000.0)] {
        let found = one(name);
        assert_eq!((found.values.goodput_bps.unwrap().bps(), found.direction), (bps, Direction::ServerToClient), "{name}");
    }
}

#[test]
fn netperf_round_trips_are_whole() {
    let found = one("netperf_2.7.1_tcp_rr_k.txt");
    let rtt = found.values.rtt_ns.unwrap();
    assert_eq!((rtt.mean, rtt.p50, rtt.p99, rtt.max), (Some(9_600.0), Some(5_000.0), Some(49_000.0), Some(5_385_000.0)));
    // 103,736 transactions a second of 9.6 µs are the whole second.
    assert!((rtt.mean.unwrap() / 1e9 * 103_736.14 - 1.0).abs() < 0.01);
}

#[test]
fn iperf2_counts_datagrams_where_they_arrived() {
    let found = one("iperf2_2.1.8_udp_server.csv");
    assert_eq!((found.values.goodput_bps.unwrap().bps(), found.values.loss_ratio.unwrap().ratio()), (50_019_695.0, 0.0));
    assert_eq!(found.parameters["datagrams"].as_f64(), Some(4467.0));
}

#[test]
fn iperf2_csv() {
    let found = one("iperf2_2.1.8_tcp_P2.csv");
    assert_eq!(goodput(&found), 11_179_048_243.0 + 12_732_581_944.0);
    assert_eq!(one("iperf2_2.1.8_udp_no_server_report.csv").doubts[0].kind, ReasonKind::CountersDisagree);
    let refused = tool("iperf2").parse(&text("iperf2_2.1.8_refused_rc0.txt"), ToolExit::Code(0)).unwrap_err();
    assert!(refused.to_string().contains("start it first"));
}

#[test]
fn ping_replies_agree_with_its_own_summary() {
    let found = one("ping_iputils.txt");
    let rtt = found.values.rtt_ns.clone().unwrap();
    let printed = text("ping_iputils.txt");
    let summary = printed.split_once("min/avg/max/mdev = ").unwrap().1;
    let figures: Vec<f64> = summary.split(" ms").next().unwrap().split('/').map(|figure| figure.parse::<f64>().unwrap() * 1e6).collect();
    assert_eq!((rtt.min, rtt.max), (Some(figures[0]), Some(figures[2])));
    // ping prints each reply with three digits.
    assert!((rtt.mean.unwrap() - figures[1]).abs() <= 1_000.0);
    assert_eq!((size(&found), rtt.count), (64, Some(200)));
    assert!(error("ping_no_reply.txt").contains("no reply to 2 requests"));
}

#[test]
fn neper_round_trips_are_whole_and_have_percentiles() {
    let tcp = one("neper_1.1.0_tcp_rr.txt");
    let rtt = tcp.values.rtt_ns.clone().unwrap();
    let rounded = |value: Option<f64>| value.unwrap().round();
    assert_eq!([rtt.mean, rtt.min, rtt.p50, rtt.p90].map(rounded), [15_511.0, 13_591.0, 14_230.0, 15_190.0]);
    assert_eq!([rtt.p99, rtt.p999, rtt.p9999, rtt.max].map(rounded), [15_830.0, 45_430.0, 3_727_350.0, 5_074_238.0]);
    assert_eq!((rtt.count, size(&tcp), tcp.transport, tcp.version.as_deref()), (Some(115_729), 64, Transport::Tcp, Some("1.1.0")));
    assert_eq!((tcp.values.latency_definition, tcp.duration.unwrap().as_millis()), (Some(LatencyDefinition::RoundTrip), 2000));
    // One connection: the round trips fill the time but for what the client does in between.
    assert!((0.8..1.0).contains(&(rtt.mean.unwrap() / 1e9 * 64_144.74)), "{rtt:?}");
    let udp = one("neper_1.1.0_udp_rr.txt");
    assert_eq!((udp.transport, mean_rtt_ns(&udp).round()), (Transport::Udp, 12_456.0));
    assert!(error("neper_1.1.0_tcp_crr.txt").contains("tcp_crr"));
    assert!(error("neper_1.1.0_tcp_rr_server.txt").contains("give what the client printed"));
}

#[test]
fn neper_streams_count_what_the_receiver_read() {
    let tcp = one("neper_1.1.0_tcp_stream.txt");
    assert_eq!((goodput(&tcp), size(&tcp), tcp.direction), (4_472_187_894.0, 1400, Direction::ClientToServer));
    let server = one("neper_1.1.0_tcp_stream_server.txt");
    assert_eq!((goodput(&server), server.direction), (goodput(&tcp), tcp.direction), "both ends of one test");
    let udp = one("neper_1.1.0_udp_stream.txt");
    assert_eq!((udp.transport, goodput(&udp)), (Transport::Udp, 1_043_726_322.0));
    let both = text("neper_1.1.0_tcp_rr.txt") + &text("neper_1.1.0_udp_stream.txt");
    assert_eq!(tool("neper").parse(&both, ToolExit::Unknown).unwrap().len(), 2);
}

/// The unit tests of the tool have the values. These files were written by hand, as perftest's source prints them.
#[test]
fn perftest_tells_what_was_received_from_what_was_sent() {
    for name in [
        "perftest_from_source_bw_server_mib.json",
        "perftest_from_source_bw_server_gbits.json",
        "perftest_from_source_bw_server_before_24.01.json",
    ] {
        let found = one(name);
        assert_eq!((found.tool, found.transport, size(&found)), (tool("perftest"), Transport::RawEthernet, 1518), "{name}");
        assert!(found.values.forwarding_pps.is_some() && found.values.offered_pps.is_none() && found.doubts.is_empty(), "{name}");
    }
    let sent = one("perftest_from_source_bw_client_mib.json");
    assert!(sent.values.forwarding_pps.is_none() && sent.values.offered_pps.is_some() && !sent.doubts.is_empty());
    assert_eq!(mean_rtt_ns(&one("perftest_from_source_lat.json")), 2.0 * 1_130.0);
}

#[test]
fn no_fixture_is_left_out() {
    let tested: BTreeSet<String> =
        include_str!("fixtures.rs").split('"').filter(|name| folder().join(name).is_file()).map(str::to_owned).collect();
    // `field` has its own tests.
    let there = std::fs::read_dir(folder()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let there: BTreeSet<String> = there.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(tested, there);
}
