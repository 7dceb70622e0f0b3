use std::net::Ipv4Addr;

use methodology::units::{FrameSize, Goodput, PacketRate};

use super::document::{Report, reports};
use super::id::TOOL;
use crate::kernel_tools::{Measurement, MessageSize, Method, ToolError, ToolExit, Transport};
use crate::record::{LatencyDefinition, ReasonKind, RttSummary};

/// perftest's "MB/sec": 2^20 bytes (`format_factor` in `print_report_bw`).
const MEBIBYTE_BITS: f64 = 8.0 * 1_048_576.0;

/// Its "Gb/sec", with `--report_gbits`.
const GIGABIT: f64 = 1e9;

/// How far the rate in bits may be from size times frames. The rate in bits has two digits after the point.
const TOLERANCE: f64 = 0.01;

/// The digits of a rate in bits.
const ROUNDING: f64 = 0.005;

/// The table that is printed without `--out_json`.
pub(super) fn is_text_for_people(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("#bytes") && (line.contains("BW average[") || line.contains("t_typical[")))
}

/// Reads the reports of `raw_ethernet_bw` and `raw_ethernet_lat`.
pub(super) fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let reports = reports(text);
    if !reports.is_empty() {
        let is_udp = prints_udp_rule(text);
        return reports.iter().map(|report| measure(report, is_udp)).collect();
    }
    // The head of the table is printed before a run that then fails.
    let ended_well = matches!(exit, ToolExit::Code(0) | ToolExit::Unknown);
    if ended_well && is_text_for_people(text) {
        return Err(unreadable("this is its table for people, rounded to two digits: run it again with --out_json".to_owned()));
    }
    Err(ToolError::nothing_measured(TOOL, text, exit))
}

/// Whether a receiver's text says that it takes UDP over IPv4 only (`print_spec` in raw_ethernet_resources.c): its frames have the same headers as those of
/// linerate's poll loops.
fn prints_udp_rule(text: &str) -> bool {
    let value = |of: &str| {
        text.lines().find_map(|line| line.strip_prefix("spec_info - ")?.strip_prefix(of)?.split_once(':')).map(|(_, value)| value.trim())
    };
    value("dst_ip").is_some_and(|address| address.parse::<Ipv4Addr>().is_ok()) && value("dst_port").is_some()
}

fn unreadable(why: String) -> ToolError {
    ToolError::Unreadable { tool: TOOL, why }
}

fn measure(report: &Report, is_udp: bool) -> Result<Measurement, ToolError> {
    let test = report.text("test").unwrap_or_default();
    match report.text("Connection_type") {
        Some("RawEth") => {}
        Some(other) => {
            return Err(unreadable(format!(
                "it is of RDMA ({other}), and not of raw Ethernet frames: give the files of raw_ethernet_bw and raw_ethernet_lat"
            )));
        }
        None => return Err(unreadable("`Connection_type` is missing".to_owned())),
    }
    for (mark, what) in [("Bidirectional", "both directions"), ("forwarding", "a forwarder (--mac_fwd)")] {
        if test.contains(mark) {
            return Err(unreadable(format!(
                "it is a test of {what}, whose file does not tell sent from received frames: measure one direction"
            )));
        }
    }
    if test.contains("Latency") {
        latency(report)
    } else if test.contains("BW") {
        rate(report, is_udp)
    } else {
        Err(unreadable(format!("`{test}` is not a test of rate or latency")))
    }
}

/// What both tests have.
fn base(report: &Report, method: Method) -> Result<(Measurement, FrameSize), ToolError> {
    let mut measurement = Measurement::new(TOOL, method, Transport::RawEthernet);
    // The size of a frame with its FCS: the buffers are 4 bytes shorter (HW_CRC_ADDITION in perftest_resources.c).
    let bytes = number(report, "MsgSize")?;
    let size = FrameSize::new(bytes as u32).map_err(|error| unreadable(format!("MsgSize {bytes}: {error}")))?;
    measurement.size = MessageSize::new(size.bytes());
    for (key, name) in
        [("n_iterations", "iterations"), ("Number_of_qps", "streams"), ("CPU_util", "cpu_util_percent"), ("Mtu", "mtu_of_tool")]
    {
        if let Some(value) = report.number(key) {
            measurement.note(name, value);
        }
    }
    if let Some(device) = report.text("Device") {
        measurement.note("device_of_tool", device);
    }
    Ok((measurement, size))
}

fn number(report: &Report, key: &str) -> Result<f64, ToolError> {
    report.number(key).filter(|number| *number >= 0.0).ok_or_else(|| {
        let why = format!("`{key}` is missing: --output writes one number only, run it again without it");
        unreadable(why)
    })
}

/// A rate. The sender's file says what was sent; only the receiver's says what arrived.
fn rate(report: &Report, is_udp: bool) -> Result<Measurement, ToolError> {
    let (mut measurement, size) = base(report, Method::Stream)?;
    let (average, millions) = (number(report, "BW_average")?, number(report, "MsgRate")?);
    let pps = millions * 1e6;
    let frames = PacketRate::new(pps).map_err(|error| unreadable(format!("MsgRate {millions}: {error}")))?;
    match unit(average, pps * 8.0 * f64::from(size.bytes())) {
        Some((name, bits)) => {
            measurement.note("unit_of_tool", name);
            if let Some(peak) = report.number("BW_peak").filter(|&peak| peak > 0.0) {
                measurement.note("peak_l2_bps", peak * bits);
            }
        }
        None => measurement.doubt(
            ReasonKind::CountersDisagree,
            format!("BW_average {average} is neither in MB/s of 2^20 bytes nor in Gb/s the rate of {millions} million frames of {} bytes a second", size.bytes()),
        ),
    }
    if let Some(iterations) = report.number("n_iterations").filter(|_| pps > 0.0) {
        measurement.set_duration(iterations / pps);
    }
    let (sends, receives) = (report.number("TX_depth").is_some(), report.number("RX_depth").is_some());
    match (sends, receives) {
        (false, true) => {
            measurement.values.forwarding_pps = Some(frames);
            measurement.values.l1_bps = Some(frames.l1(size));
            measurement.values.l2_bps = Some(frames.l2(size));
            if is_udp {
                measurement.values.goodput_bps = Goodput::new(pps * 8.0 * f64::from(size.udp4_payload())).ok();
            }
            if pps == 0.0 {
                measurement.doubt(ReasonKind::NothingReceived, "no frame arrived");
            }
        }
        (true, false) => {
            measurement.values.offered_pps = Some(frames);
            measurement.doubt(
                ReasonKind::Other,
                "the client's file says what it sent and not what arrived, and raw Ethernet does not acknowledge frames: give the server's file",
            );
        }
        _ => return Err(unreadable("TX_depth and RX_depth do not tell whether it is the sender's file or the receiver's".to_owned())),
    }
    Ok(measurement)
}

/// The unit of a rate, which the file does not name: the one in which it agrees with frames times size, and its bits.
fn unit(average: f64, bps: f64) -> Option<(&'static str, f64)> {
    let agrees = |bits: f64| (average * bits - bps).abs() <= (bps * TOLERANCE).max(ROUNDING * bits);
    [("MB/s of 2^20 bytes", MEBIBYTE_BITS), ("Gb/s", GIGABIT)].into_iter().find(|(_, bits)| agrees(*bits))
}

/// A latency, which is half a round trip in microseconds: `rtt_factor` is 2 for Send (`print_report_lat`).
fn latency(report: &Report) -> Result<Measurement, ToolError> {
    let (mut measurement, _) = base(report, Method::PingPong)?;
    number(report, "t_avg")?;
    let ns = |key: &str| report.number(key).map(|microseconds| microseconds * 1e3);
    let summary = RttSummary {
        min: ns("t_min"),
        p50: ns("t_typical"),
        p99: ns("percentile_99"),
        p999: ns("percentile_99.9"),
        // `t_max` is not the largest: see below.
        max: None,
        mean: ns("t_avg"),
        // The first of the time stamps begins no round trip, and the two largest are left out (LAT_MEASURE_TAIL).
        count: report.number("n_iterations").map(|iterations| (iterations as u64).saturating_sub(3)),
        ..RttSummary::default()
    };
    measurement.set_latency(summary, LatencyDefinition::HalfRoundTripDoubled);
    if let Some(half) = ns("t_max") {
        measurement.note("second_largest_rtt_ns", 2.0 * half);
    }
    Ok(measurement)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> String {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    fn one(name: &str) -> Measurement {
        let text = fixture(name);
        assert_eq!(crate::kernel_tools::detect_all(&text), [TOOL], "{name}");
        TOOL.parse(&text, ToolExit::Unknown).unwrap().remove(0)
    }

    #[test]
    fn a_rate_in_mebibytes_and_in_gigabits_is_the_same_rate() {
        // 100 Gb/s is 8,127,438 frames of 1518 bytes a second: 98.70 Gb/s of frames, 11766.02 MiB/s.
        for name in [
            "perftest_from_source_bw_server_mib.json",
            "perftest_from_source_bw_server_gbits.json",
            "perftest_from_source_bw_server_before_24.01.json",
        ] {
            let found = one(name);
            assert!(found.doubts.is_empty(), "{name}: {:?}", found.doubts);
            assert_eq!(found.values.forwarding_pps.unwrap().pps(), 8_127_438.0, "{name}");
            assert_eq!(found.values.l2_bps.unwrap().bps(), 8_127_438.0 * 1518.0 * 8.0, "{name}");
            assert_eq!(found.values.goodput_bps, None, "a frame without a protocol has no payload of an application");
            let peak = found.parameters["peak_l2_bps"].as_f64().unwrap() / 98.72e9;
            assert!((0.999..1.001).contains(&peak), "{name}: {peak}");
            assert_eq!(found.duration.unwrap().as_secs(), 5);
        }
    }

    #[test]
    fn the_senders_file_is_not_a_result_of_the_path() {
        let found = one("perftest_from_source_bw_client_mib.json");
        assert_eq!((found.values.offered_pps.unwrap().pps(), found.values.forwarding_pps), (8_127_438.0, None));
        assert!(found.doubts[0].detail.contains("give the server's file"));
    }

    #[test]
    fn a_latency_is_half_a_round_trip() {
        let found = one("perftest_from_source_lat.json");
        let rtt = found.values.rtt_ns.unwrap();
        // t_min 1.02, t_typical 1.10, 99.9 % 2.47, t_max 9.96 microseconds.
        let told = [rtt.min, rtt.p50, rtt.p999].map(|ns| (ns.unwrap()).round());
        assert_eq!(told, [2040.0, 2200.0, 4940.0]);
        // t_max is the largest but one of 1000 - 1 round trips, of which two are left out.
        assert_eq!((rtt.max, found.parameters["second_largest_rtt_ns"].as_f64().unwrap().round()), (None, 19920.0));
        assert_eq!(rtt.count, Some(997));
    }

    #[test]
    fn a_rate_that_its_frames_do_not_give_is_doubtful() {
        let text = fixture("perftest_from_source_bw_server_gbits.json").replace("98.70", "49.35");
        let found = TOOL.parse(&text, ToolExit::Unknown).unwrap().remove(0);
        assert_eq!(found.doubts[0].kind, ReasonKind::CountersDisagree);
    }

    #[test]
    fn what_is_not_of_raw_ethernet_in_one_direction_is_refused_with_the_reason() {
        let refused = |from: &str, to: &str| {
            let text = fixture("perftest_from_source_bw_server_gbits.json").replace(from, to);
            TOOL.parse(&text, ToolExit::Unknown).unwrap_err().to_string()
        };
        assert!(refused("\"RawEth\"", "\"RC\"").contains("RDMA (RC)"));
        assert!(refused("Send_BW_Test", "Send_Bidirectional_BW_Test").contains("both directions"));
        assert!(refused("\"MsgRate\": 8.127438", "\"x\": 1").contains("`MsgRate` is missing"));
        let table = " #bytes     #iterations    BW peak[MB/sec]    BW average[MB/sec]   MsgRate[Mpps]\n 1518 1000 0.00 11766.02 8.127438\n";
        assert!(TOOL.parse(table, ToolExit::Unknown).unwrap_err().to_string().contains("--out_json"));
    }

    const HEAD: &str = " Connection type : RawEth\t\tUsing SRQ      : OFF\nMAC attached  : 02:00:00:00:00:0B\nspec_info - dst_ip   : 198.19.0.1\n\
                        spec_info - src_ip   : 198.18.0.1\nspec_info - dst_port : 15201\nspec_info - src_port : 15201\n \
                        #bytes     #iterations    BW peak[MiB/sec]    BW average[MiB/sec]   MsgRate[Mpps]\n";

    #[test]
    fn a_receiver_that_takes_udp_alone_says_how_much_payload_arrived() {
        let file = fixture("perftest_from_source_bw_server_mib.json");
        let goodput = |text: &str| TOOL.parse(text, ToolExit::Code(0)).unwrap().remove(0).values.goodput_bps.map(Goodput::bps);
        let text = format!("{HEAD}{file} 1518    40637190       11768.34            11765.91\t\t     8.127438\n");
        assert_eq!(goodput(&text), Some(8_127_438.0 * 8.0 * (1518.0 - 46.0)));
        assert_eq!(goodput(&text.replace("198.19.0.1", "2001:2::1")), None);
        assert_eq!(goodput(&text.replace("spec_info - dst_port", "spec_info - dst_what")), None);
    }

    #[test]
    fn a_run_that_fails_after_the_head_of_its_table_gives_its_reason() {
        let failed = |more: &str, exit| TOOL.parse(&format!("{HEAD}{more}"), exit).unwrap_err();
        let limit = std::time::Duration::from_secs(5);
        assert_eq!(failed("", ToolExit::TimedOut(limit)), ToolError::TimedOut { tool: TOOL, limit });
        let refused = failed("Couldn't post send: qp 0 scnt=1\n", ToolExit::Code(1)).to_string();
        assert!(refused.starts_with("perftest reports: Couldn't post send"), "{refused}");
    }
}
