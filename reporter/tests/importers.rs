//! Laws that hold for every importer: outputs one after the other are as many records or a refusal, figures scale, and no valid record is above what
//! its bytes and its time allow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::path::Path;

use proptest::prelude::*;
use reporter::kernel_tools::{KernelTool, Measurement, ToolError, ToolExit, decode, detect_all};
use reporter::record::State;

fn parse(tool: &str, text: &str) -> Result<Vec<Measurement>, ToolError> {
    KernelTool::from_name(tool).unwrap().parse(text, ToolExit::Unknown)
}

/// The figure of a measurement: bits of payload or of frames a second, or the mean round trip in nanoseconds.
fn figure(measurement: &Measurement) -> Option<f64> {
    let goodput = measurement.values.goodput_bps.map(|goodput| goodput.bps());
    goodput
        .or_else(|| measurement.values.l2_bps.map(|rate| rate.bps()))
        .or_else(|| measurement.values.rtt_ns.as_ref().and_then(|rtt| rtt.mean))
}

/// An output of a tool. `value` is in kbit/s, or in microseconds of a round trip; `number` makes its time and port unique.
struct Output {
    tool: &'static str,
    name: &'static str,
    make: fn(value: f64, number: u32) -> String,
    /// What the record must hold for a value of 1.
    unit: f64,
    /// How far rounding in the output may move it.
    rounding: f64,
}

const OUTPUTS: &[Output] = &[
    Output { tool: "iperf3", name: "TCP", make: iperf3_tcp, unit: 1e3, rounding: 0.0 },
    Output { tool: "iperf3", name: "events", make: iperf3_events, unit: 1e3, rounding: 0.0 },
    Output { tool: "iperf3", name: "old UDP", make: iperf3_old_udp, unit: 1e3, rounding: 0.0 },
    Output { tool: "iperf2", name: "plain", make: iperf2_plain, unit: 1e3, rounding: 1.0 },
    Output { tool: "iperf2", name: "enhanced UDP", make: iperf2_udp, unit: 1e3, rounding: 1.0 },
    Output { tool: "qperf", name: "tcp_bw", make: qperf_bw, unit: 1e3, rounding: 8e3 },
    Output { tool: "qperf", name: "udp_lat", make: qperf_lat, unit: 1e3, rounding: 200.0 },
    Output { tool: "sockperf", name: "ping-pong", make: sockperf, unit: 1e3, rounding: 2.0 },
    Output { tool: "netperf", name: "table", make: netperf_table, unit: 1e3, rounding: 10.0 },
    Output { tool: "netperf", name: "-k", make: netperf_keywords, unit: 1e3, rounding: 10.0 },
    Output { tool: "netperf", name: "-o", make: netperf_csv, unit: 1e3, rounding: 10.0 },
    Output { tool: "neper", name: "tcp_rr", make: neper_rr, unit: 1e3, rounding: 2.0 },
    Output { tool: "neper", name: "tcp_stream", make: neper_stream, unit: 1e3, rounding: 1.0 },
    Output { tool: "ping", name: "Linux", make: ping, unit: 1e3, rounding: 1_000.0 },
    // Whole frames of 64 bytes a second.
    Output { tool: "perftest", name: "server's rate", make: perftest_rate, unit: 1e3, rounding: 512.0 },
    Output { tool: "perftest", name: "latency", make: perftest_latency, unit: 1e3, rounding: 10.0 },
];

fn iperf3_start(number: u32, protocol: &str) -> serde_json::Value {
    serde_json::json!({ "version": "iperf 3.17", "timestamp": { "timesecs": 1_700_000_000 + number * 60 }, "cookie": format!("c{number}"),
        "connecting_to": { "host": "a" }, "test_start": { "protocol": protocol, "num_streams": 1, "blksize": 1000, "reverse": 0 } })
}

fn iperf3_sum(kbps: f64, seconds: f64) -> serde_json::Value {
    serde_json::json!({ "seconds": seconds, "bytes": kbps * 125.0 * seconds, "bits_per_second": kbps * 1e3 })
}

fn iperf3_tcp(kbps: f64, number: u32) -> String {
    let interval = serde_json::json!({ "sum": iperf3_sum(kbps, 1.0) });
    let end = serde_json::json!({ "sum_sent": iperf3_sum(kbps, 2.0), "sum_received": iperf3_sum(kbps, 2.0) });
    serde_json::json!({ "start": iperf3_start(number, "TCP"), "intervals": [interval, interval], "end": end }).to_string() + "\n"
}

fn iperf3_events(kbps: f64, number: u32) -> String {
    let event = |name: &str, data: serde_json::Value| serde_json::json!({ "event": name, "data": data }).to_string() + "\n";
    let end = serde_json::json!({ "sum_sent": iperf3_sum(kbps, 2.0), "sum_received": iperf3_sum(kbps, 2.0) });
    event("start", iperf3_start(number, "TCP"))
        + &event("interval", serde_json::json!({ "sum": iperf3_sum(kbps, 1.0) }))
        + &event("end", end)
}

fn iperf3_old_udp(kbps: f64, number: u32) -> String {
    // A quarter is lost: what was sent is printed.
    let mut sum = iperf3_sum(kbps / 0.75, 2.0);
    (sum["lost_packets"], sum["packets"]) = (25.into(), 100.into());
    serde_json::json!({ "start": iperf3_start(number, "UDP"), "intervals": [], "end": { "sum": sum } }).to_string() + "\n"
}

fn iperf2_stamp(number: u32) -> String {
    format!("20260101{:02}{:02}10", number / 60 % 24, number % 60)
}

fn iperf2_plain(kbps: f64, number: u32) -> String {
    format!("{},10.0.0.1,{},10.0.0.2,5001,1,0.0-10.0,{:.0},{:.0}\n", iperf2_stamp(number), 40_000 + number, kbps * 1250.0, kbps * 1e3)
}

fn iperf2_udp(kbps: f64, number: u32) -> String {
    let heading = "time,srcaddress,srcport,dstaddr,dstport,transferid,istart,iend,bytes,speed,jitter,errors,datagrams,errpercent,outoforder,readcnt,readtimeo,readerrlen,pps\n";
    let (stamp, port) = (iperf2_stamp(number), 40_000 + number);
    format!(
        "{heading}+0000:{stamp}.000,10.0.0.1,{port},10.0.0.2,5001,1,0.0,10.0,{:.0},{:.0},0.010,1,100,1.000,0,99,0,0,9.9\n",
        kbps * 1250.0,
        kbps * 1e3
    )
}

fn qperf_bw(kbps: f64, _: u32) -> String {
    format!("tcp_bw:\n    bw        =  {:.0} bytes/sec\n    msg_size  =  64 bytes\n", kbps * 125.0)
}

fn qperf_lat(us: f64, _: u32) -> String {
    format!("udp_lat:\n    latency   =  {:.1} ns\n    msg_size  =  64 bytes\n", us * 500.0)
}

fn sockperf(us: f64, _: u32) -> String {
    format!(
        "sockperf: == version #3.7-no.git == \n[ 0] IP = 10.0.0.2 PORT = 11111 # TCP\nsockperf: [Total Run] RunTime=100.000 sec; SentMessages=9; ReceivedMessages=9\nsockperf: ========= Printing statistics for Server No: 0\nsockperf: [Valid Duration] RunTime=99.000 sec; SentMessages=9; ReceivedMessages=9\nsockperf: ====> avg-latency={:.3} (std-dev=1.000)\n",
        us / 2.0
    )
}

const BANNER: &str = "MIGRATED TCP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 10.0.0.2 () port 0 AF_INET : demo\n";

fn netperf_table(kbps: f64, _: u32) -> String {
    format!(
        "{BANNER}Recv   Send    Send\nSocket Socket  Message  Elapsed\nSize   Size    Size     Time     Throughput\nbytes  bytes   bytes    secs.    10^3bits/sec\n\n131072  16384   1024    10.00    {kbps:.2}\n"
    )
}

fn netperf_keywords(kbps: f64, _: u32) -> String {
    format!("{BANNER}ELAPSED_TIME=10.00\nTHROUGHPUT={kbps:.2}\nTHROUGHPUT_UNITS=10^3bits/s\nLOCAL_SEND_SIZE=1024\n")
}

fn netperf_csv(kbps: f64, _: u32) -> String {
    format!("{BANNER}Elapsed Time (sec),Throughput,Throughput Units,Local Send Size\n10.00,{kbps:.2},10^3bits/s,1024\n")
}

fn neper_options(number: u32, stream: bool) -> String {
    let own = if stream { "enable_write=1\nenable_read=0\nbuffer_size=1024\n" } else { "request_size=64\nresponse_size=64\n" };
    format!(
        "VERSION=1.1.0\ndelay=0\ncongestion_control=\n{own}control_port={number}\nclient=1\nnum_threads=1\nnum_flows=1\ntotal_run_time=100\n"
    )
}

fn neper_rr(us: f64, number: u32) -> String {
    format!("{}num_transactions=9\nlatency_mean={:.9}\nthroughput=1.00\n", neper_options(number, false), us / 1e6)
}

fn neper_stream(kbps: f64, number: u32) -> String {
    format!("{}local_throughput=0\nremote_throughput={:.0}\n", neper_options(number, true), kbps * 1e3)
}

fn perftest_rate(kbps: f64, number: u32) -> String {
    format!(
        "{{\n\"test_info\": {{\n\"test\": \"Send_BW_Test\",\n\"Connection_type\": \"RawEth\",\n\"RX_depth\": 512\n}},\n\"results\": {{\n\"MsgSize\": 64,\n\"n_iterations\": {number},\n\"BW_peak\": 0.00,\n\"BW_average\": {:.2},\n\"MsgRate\": {:.6}\n}}\n}}\n",
        kbps / 1e6,
        kbps / 512.0 / 1e3
    )
}

fn perftest_latency(us: f64, number: u32) -> String {
    format!(
        "{{\n\"test_info\": {{\n\"test\": \"Send_Latency_Test\",\n\"Connection_type\": \"RawEth\",\n\"TX_depth\": 1\n}},\n\"results\": {{\n\"MsgSize\": 64,\n\"n_iterations\": {number},\n\"t_avg\": {:.2}\n}}\n}}\n",
        us / 2.0
    )
}

fn ping(us: f64, _: u32) -> String {
    let ms = us / 1e3;
    format!(
        "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time={ms:.3} ms\n\n--- 10.0.0.2 ping statistics ---\n1 packets transmitted, 1 received, 0% packet loss, time 0ms\nrtt min/avg/max/mdev = {ms:.3}/{ms:.3}/{ms:.3}/0.000 ms\n"
    )
}

#[test]
fn every_tool_is_here_and_recognises_its_output() {
    for tool in KernelTool::all() {
        assert!(OUTPUTS.iter().any(|output| output.tool == tool.name()), "{tool} has no output in these tests");
    }
    for output in OUTPUTS {
        let tools = detect_all(&(output.make)(1000.0, 1));
        assert!(tools.len() == 1 && tools[0].name() == output.tool, "{} {}: {tools:?}", output.tool, output.name);
    }
}

/// Every kept output twice in one file, and with every other of the same tool: both, or a refusal.
#[test]
fn real_outputs_one_after_the_other_are_all_their_records_or_a_refusal() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let read = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let files = [read(&folder), read(&folder.join("field"))].concat();
    let mut kept: Vec<(KernelTool, String, Vec<Measurement>)> = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let text = decode(&std::fs::read(file).unwrap());
        let tools = detect_all(&text);
        assert!(tools.len() < 2, "{}: {tools:?}", file.display());
        if let Some((tool, found)) = tools.first().and_then(|tool| Some((*tool, tool.parse(&text, ToolExit::Unknown).ok()?))) {
            kept.push((tool, text, found));
        }
    }
    let mut taken = 0;
    for (tool, first, found) in &kept {
        for (_, second, others) in kept.iter().filter(|(other, ..)| other == tool) {
            let Ok(both) = tool.parse(&format!("{}\n{second}", first.trim_end()), ToolExit::Unknown) else { continue };
            let figures = |all: &[Measurement]| all.iter().map(figure).collect::<Vec<_>>();
            assert_eq!(figures(&both), [figures(found), figures(others)].concat(), "{tool}:\n{first}\n{second}");
            taken += 1;
        }
    }
    assert!(taken > kept.len(), "most pairs are taken: {taken} of {} files", kept.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn two_outputs_are_two_records_or_a_refusal(first in 10.0..1e7_f64, second in 10.0..1e7_f64, apart in 1_u32..50, other in any::<prop::sample::Index>()) {
        for output in OUTPUTS {
            let same: Vec<&Output> = OUTPUTS.iter().filter(|other| other.tool == output.tool).collect();
            let other = same[other.index(same.len())];
            let text = (output.make)(first, 1) + &(other.make)(second, 1 + apart);
            if let Ok(found) = parse(output.tool, &text) {
                prop_assert_eq!(found.len(), 2, "{} {} and {}: {:?}", output.tool, output.name, other.name, found);
                for (one, (output, value)) in found.iter().zip([(output, first), (other, second)]) {
                    let (figure, expected) = (figure(one).unwrap(), value * output.unit);
                    prop_assert!((figure - expected).abs() <= output.rounding + expected * 1e-9, "{} {}: {figure} for {expected}", output.tool, output.name);
                }
            } else {
                prop_assert!(false, "{} {} and {}: tests at different times are no doubt\n{}", output.tool, output.name, other.name, text);
            }
        }
    }

    #[test]
    fn figures_scale(value in 10.0..1e4_f64, factor in 1.0..1e3_f64) {
        for output in OUTPUTS {
            let read = |value: f64| {
                let found = parse(output.tool, &(output.make)(value, 1)).unwrap().remove(0);
                assert_eq!(found.verdict().state, State::Valid, "{} {}: {:?}", output.tool, output.name, found.doubts);
                figure(&found).unwrap()
            };
            let (one, scaled) = (read(value), read(value * factor));
            let allowed = output.rounding * (factor + 1.0) + scaled * 1e-9;
            prop_assert!((one * factor - scaled).abs() <= allowed, "{} {}: {one} times {factor} is not {scaled}", output.tool, output.name);
        }
    }

    /// A rate, bytes and a time that have nothing to do with each other.
    #[test]
    fn no_valid_record_is_above_what_its_bytes_and_its_time_allow(bps in 1e3..1e14_f64, bytes in 1e3..1e13_f64, seconds in 1_u32..100) {
        let seconds = f64::from(seconds);
        let sum = serde_json::json!({ "seconds": seconds, "bytes": bytes, "bits_per_second": bps });
        let iperf3 = serde_json::json!({ "start": iperf3_start(1, "TCP"), "intervals": [], "end": { "sum_sent": sum, "sum_received": sum } }).to_string();
        let iperf2 = format!("20260101000010,10.0.0.1,4001,10.0.0.2,5001,1,0.0-{seconds:.1},{bytes:.0},{bps:.0}\n");
        let datagrams = (bytes / 1000.0).floor();
        let netperf = format!(
            "MIGRATED UDP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET\nSocket  Message  Elapsed      Messages\nSize    Size     Time         Okay Errors   Throughput\nbytes   bytes    secs            #      #   10^3bits/sec\n\n212992    1000   {seconds:.2}     {datagrams}      0    {:.2}\n212992           {seconds:.2}      {datagrams}           {:.2}\n",
            bps / 1e3, bps / 1e3
        );
        for (tool, text, rounding) in [("iperf3", iperf3, 0.0), ("iperf2", iperf2, 0.1), ("netperf", netperf, 0.01)] {
            let Ok(found) = parse(tool, &text) else { continue };
            let most = bytes * 8.0 / (seconds - rounding) * 1.03;
            for one in found {
                // Of an invalid record the value is possible all the same.
                prop_assert!(figure(&one).is_none_or(|figure| figure <= most && figure <= 20e12), "{tool}: {:?} above {most}", figure(&one));
                if bps > most || bps * 1.2 < bytes * 8.0 / (seconds + rounding) {
                    prop_assert_eq!(one.verdict().state, State::Invalid, "{}", tool);
                }
            }
        }
    }

    /// Round trips that no network gives are never kept.
    #[test]
    fn no_kept_round_trip_is_impossible(us in prop::num::f64::POSITIVE | prop::num::f64::ZERO) {
        for output in OUTPUTS.iter().filter(|output| ["udp_lat", "ping-pong", "tcp_rr", "Linux"].contains(&output.name)) {
            let Ok(found) = parse(output.tool, &(output.make)(us, 1)) else { continue };
            for one in found {
                let kept = figure(&one);
                prop_assert!(kept.is_none_or(|ns| (200.0..=3.6e12).contains(&ns)), "{}: {kept:?}", output.tool);
                prop_assert!(kept.is_some() || one.verdict().state == State::Invalid, "{}: no value, and valid", output.tool);
            }
        }
    }
}
