//! Archives with a known truth, for tests only. The numbers have the shape of a two-core lab; none of them was measured.
#![allow(dead_code, reason = "each test uses its part")]

pub mod many;
pub mod procedures;

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use methodology::trial::DelayHistogram;
use methodology::units::{FrameSize, Goodput, LossRatio, PacketRate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reporter::archive::{Archive, DamagedLine, RunDirectory};
use reporter::environment::{EndpointEnvironment, Environment, Finding, Severity};
use reporter::record::*;

pub const SIZES: [u32; 7] = [64, 128, 256, 512, 1024, 1280, 1518];

/// What a generated data set holds.
#[derive(Debug, Clone)]
pub struct Truth {
    pub seed: u64,
    pub repetitions: u32,
    /// Standard deviation of the logarithm of each result.
    pub noise: f64,
    /// Frames a second that a sender of this kind can make.
    pub sender_pps: fn(&str) -> f64,
    /// Payload bits a second that a receiver of this kind can take.
    pub receiver_bps: fn(&str) -> f64,
    /// Everything DPDK does, times this.
    pub dpdk_factor: f64,
    /// Share of trials with a hiccup, and share that fails.
    pub invalid: f64,
    pub failed: f64,
    /// The ceiling of a 100 Gb/s link, or none.
    pub link: bool,
}

impl Truth {
    pub fn lab(seed: u64) -> Self {
        Truth {
            seed,
            repetitions: 3,
            noise: 0.03,
            sender_pps: |kind| if kind == "dpu" { 9.0e6 } else { 17.0e6 },
            receiver_bps: |kind| if kind == "dpu" { 52e9 } else { 90e9 },
            dpdk_factor: 1.0,
            invalid: 0.0,
            failed: 0.0,
            link: false,
        }
    }

    /// Nothing differs between kinds.
    pub fn no_effect(seed: u64) -> Self {
        Truth { sender_pps: |_| 15e6, receiver_bps: |_| 60e9, ..Truth::lab(seed) }
    }
}

pub fn pairs() -> Vec<Pair> {
    let names = ["a-cpu", "a-dpu", "b-cpu", "b-dpu"];
    let mut pairs = Vec::new();
    for from in names {
        for to in names.iter().filter(|to| **to != from) {
            pairs.push(Pair { from: EndpointId(from.to_owned()), to: EndpointId((*to).to_owned()) });
        }
    }
    pairs
}

/// About normal, with the spread given.
fn noise(rng: &mut ChaCha8Rng, deviation: f64) -> f64 {
    (deviation * ((0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0)).exp()
}

pub fn record(number: usize, pair: &Pair, stack: Stack, metric: Metric, size: Size, repetition: u32) -> Record {
    let (tool, method) = match (stack, metric) {
        (Stack::Dpdk, Metric::Throughput) => ("linerate", "mrr"),
        (Stack::Dpdk, _) => ("linerate", "ping-pong"),
        (_, Metric::Throughput) => ("iperf3", "stream"),
        _ => ("qperf", "ping-pong"),
    };
    let text = format!(
        r#"{{"schema":1,"id":"r{number:05}","time":"2026-03-01T12:00:00Z","pair":{},"stack":"{}",
            "tool":{{"name":"{tool}","version":"1.0","commands":["{tool} --client {}"]}},"metric":{},"method":"{method}",
            "size":{},"repetition":{repetition},"duration_s":1.0,"values":{{}},"verdict":{{"state":"valid","reasons":[]}}}}"#,
        serde_json::to_string(pair).unwrap(),
        stack.name(),
        pair.to,
        serde_json::to_string(&metric).unwrap(),
        serde_json::to_string(&size).unwrap(),
    );
    serde_json::from_str(&text).unwrap()
}

/// The records of a whole run.
pub fn records(truth: &Truth) -> Vec<Record> {
    let mut rng = ChaCha8Rng::seed_from_u64(truth.seed);
    let mut records = Vec::new();
    for pair in pairs() {
        for repetition in 1..=truth.repetitions {
            for bytes in SIZES {
                records.push(dpdk_rate(truth, &mut rng, records.len(), &pair, bytes, repetition));
                records.push(tcp_rate(truth, &mut rng, records.len(), &pair, bytes, repetition));
            }
        }
        records.extend(latencies(truth, &mut rng, records.len(), &pair));
    }
    for record in &mut records {
        let draw: f64 = rng.random_range(0.0..1.0);
        if draw < truth.failed {
            record.verdict = Verdict::failed(ReasonKind::ToolFailed, "iperf3: unable to connect to server: Connection refused");
            record.values = Values::default();
        } else if draw < truth.failed + truth.invalid {
            let detail = "the receive loop was interrupted for 412 µs, its queue holds 60 µs".to_owned();
            record.verdict = Verdict::invalid(vec![Reason { kind: ReasonKind::Hiccup, detail }]);
        }
    }
    records
}

fn dpdk_rate(truth: &Truth, rng: &mut ChaCha8Rng, number: usize, pair: &Pair, bytes: u32, repetition: u32) -> Record {
    let size = FrameSize::new(bytes).unwrap();
    let inside = if pair.is_within_one_system() { 1.25 } else { 1.0 };
    let offered = (truth.sender_pps)(pair.from.kind()) * truth.dpdk_factor * noise(rng, truth.noise);
    let limit = (truth.receiver_bps)(pair.to.kind()) * truth.dpdk_factor * inside / (8.0 * f64::from(size.udp4_payload()));
    let pps = offered.min(limit * noise(rng, truth.noise));
    let mut record = record(number, pair, Stack::Dpdk, Metric::Throughput, Size::frame(size), repetition);
    let rate = PacketRate::new(pps).unwrap();
    let (sent, received) = ((offered * 1.0) as u64, pps as u64);
    record.load = Some("max".to_owned());
    record.values = Values {
        forwarding_pps: Some(rate),
        offered_pps: Some(PacketRate::new(offered).unwrap()),
        l1_bps: Some(rate.l1(size)),
        l2_bps: Some(rate.l2(size)),
        goodput_bps: Some(rate.udp4_goodput(size)),
        loss_ratio: Some(LossRatio::from_counts(sent, received)),
        loss: Some(LossDomains {
            unsent: sent / 50,
            lost: sent - received,
            no_descriptor: (sent - received) / 2,
            ..LossDomains::default()
        }),
        frames_sent: Some(sent),
        frames_received: Some(received),
        wire_bytes_per_frame: Some(f64::from(bytes)),
        ..Values::default()
    };
    let link = 100e9;
    record.ceiling = Some(if truth.link {
        let pps = link / (8.0 * f64::from(size.on_wire()));
        Ceiling { kind: CeilingKind::LineRate, l1_bps: Some(link), pps: Some(pps), goodput_bps: None }
    } else {
        Ceiling { kind: CeilingKind::None, l1_bps: None, pps: None, goodput_bps: None }
    });
    let end = |cycles: f64| EndCost { cores: Some(1.0), cycles_per_frame: Some(cycles), ..EndCost::default() };
    record.cpu = Some(CpuCost { sender: Some(end(2.6e9 / offered)), receiver: Some(end(2.1e9 / pps)), shared_machine: true });
    record
}

fn tcp_rate(truth: &Truth, rng: &mut ChaCha8Rng, number: usize, pair: &Pair, bytes: u32, repetition: u32) -> Record {
    let slow = if pair.from.kind() == "dpu" { 0.6 } else { 1.0 };
    let goodput = 5.2e6 * f64::from(bytes) * slow / (1.0 + f64::from(bytes) / 2600.0) * noise(rng, truth.noise * 1.5);
    let mut record = record(number, pair, Stack::KernelTcp, Metric::Throughput, Size::message(bytes), repetition);
    record.values.goodput_bps = Some(Goodput::new(goodput).unwrap());
    record.values.retransmits = Some(0);
    record.raw = Some(format!("raw/iperf3-{number:05}.json"));
    let end = EndCost { cores: Some(1.7 * noise(rng, 0.02)), softirq_cores: Some(0.4), ..EndCost::default() };
    record.cpu = Some(CpuCost { sender: Some(end.clone()), receiver: Some(end), shared_machine: true });
    if truth.link {
        record.ceiling =
            Some(Ceiling { kind: CeilingKind::TcpGoodput, l1_bps: Some(100e9), pps: None, goodput_bps: Some(100e9 * 1460.0 / 1538.0) });
    }
    record
}

fn latencies(truth: &Truth, rng: &mut ChaCha8Rng, number: usize, pair: &Pair) -> Vec<Record> {
    let slow = if pair.to.kind() == "dpu" { 1.3 } else { 1.0 };
    let mut of = |offset: usize, stack, size, mean: f64| {
        let mut record = record(number + offset, pair, stack, Metric::Latency, size, 1);
        let mean = mean * slow * noise(rng, truth.noise);
        let kernel = stack != Stack::Dpdk;
        record.values.rtt_ns = Some(if kernel {
            RttSummary { mean: Some(mean), ..RttSummary::default() }
        } else {
            RttSummary {
                min: Some(mean * 0.6),
                p50: Some(mean * 0.9),
                p90: Some(mean * 1.2),
                p99: Some(mean * 2.5),
                p999: Some(mean * 9.0),
                p9999: Some(mean * 40.0),
                max: Some(mean * 90.0),
                mean: Some(mean),
                count: Some(250_000),
                histogram: Some(format!("raw/rtt-{:05}.hdr", number + offset)),
            }
        });
        if !kernel {
            let residence = serde_json::json!({ "p50": mean * 0.4, "p99": mean * 1.1 });
            let alone = serde_json::json!({ "min": 41.0, "p50": 52.0, "p99": 96.0, "max": 30_100.0, "count": 4_000 });
            let how = serde_json::json!({ "state": "undisturbed", "time": "2026-11-22T10:00:00Z", "port": "net_ring0", "cpu": 1 });
            let parameters = serde_json::json!({ "reflector_residence_ns": residence, "calibration_rtt_ns": alone, "calibration": how });
            record.parameters = parameters.as_object().unwrap().clone();
        }
        record.values.latency_definition =
            Some(if kernel { LatencyDefinition::HalfRoundTripDoubled } else { LatencyDefinition::RoundTrip });
        record
    };
    vec![
        of(0, Stack::KernelTcp, Size::message(1), 78_000.0),
        of(1, Stack::KernelUdp, Size::message(1), 73_600.0),
        of(2, Stack::Dpdk, Size::frame(FrameSize::MIN), 3_400.0),
    ]
}

/// An archive as `Archive::read` gives it, written to and read from a directory.
pub fn archive(directory: &Path, records: &[Record]) -> Archive {
    let mut run = RunDirectory::create(directory).unwrap();
    let mut cpu = EndpointEnvironment::default();
    cpu.cpu.model = Some("Intel(R) Xeon(R) Processor @ 2.60GHz".to_owned());
    cpu.cpu.count = Some(2);
    cpu.kernel = Some("6.1.0-32-amd64".to_owned());
    cpu.system = Some("Debian GNU/Linux 12 (bookworm)".to_owned());
    cpu.findings = vec![Finding {
        severity: Severity::Warning,
        what: "no processor is isolated: the scheduler can take a poll loop's core".to_owned(),
        fix: Some("boot with isolcpus=1 nohz_full=1".to_owned()),
    }];
    let endpoints: BTreeMap<_, _> =
        ["a-cpu", "a-dpu", "b-cpu", "b-dpu"].iter().map(|name| (EndpointId((*name).to_owned()), cpu.clone())).collect();
    run.write_environment(&Environment::emulated(endpoints)).unwrap();
    for record in records {
        run.append(record).unwrap();
        if let Some((rtt, name)) = record.values.rtt_ns.as_ref().and_then(|rtt| Some((rtt, rtt.histogram.as_ref()?))) {
            std::fs::write(directory.join(name), histogram(rtt)).unwrap();
        }
        write_measured_histograms(directory, record);
    }
    drop(run);
    Archive::read(directory).unwrap()
}

/// The files that the delays of a procedure name.
fn write_measured_histograms(directory: &Path, record: &Record) {
    let mut measured = record.measured();
    for delays in measured.iter_mut().flat_map(|measured| measured.delays_mut()).flatten() {
        let Some(DelayHistogram::File(name)) = &delays.histogram else { continue };
        let figures = [delays.p50, delays.p90, delays.p99, delays.p999, delays.p9999, delays.max].map(|delay| Some(delay.ns() as f64));
        let [p50, p90, p99, p999, p9999, max] = figures;
        std::fs::write(directory.join(name), histogram(&RttSummary { p50, p90, p99, p999, p9999, max, ..RttSummary::default() })).unwrap();
    }
}

/// The histogram file of a summary of 250,000 round trips: so many at each percentile that it is the value at that rank.
pub fn histogram(rtt: &RttSummary) -> String {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    let delays = [rtt.p50, rtt.p90, rtt.p99, rtt.p999, rtt.p9999, rtt.max];
    for (delay, count) in delays.into_iter().zip([125_000, 100_000, 22_500, 2_250, 225, 25]) {
        histogram.record_n(delay.unwrap() as u64, count).unwrap();
    }
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Text that tries to become more than text, in every place that a record has for text.
pub fn hostile(mut record: Record) -> Record {
    const HTML: &str = "</script><script>window.pwned=1</script><img src=x onerror=\"window.pwned=1\">{{7*7}}";
    record.id = RecordId(format!("=cmd|' /C calc'!A0{HTML}"));
    record.pair.from = EndpointId(format!("a\"><svg onload=window.pwned=1>-{HTML}"));
    record.pair.to = EndpointId(format!("b'\u{1b}[31m|`*_[x](javascript:window.pwned=1)-{HTML}"));
    record.tool.name = HTML.to_owned();
    record.tool.commands = vec![format!("@SUM(1+1) {HTML}")];
    record.raw = Some("javascript:window.pwned=1".to_owned());
    record.verdict = Verdict::invalid(vec![Reason { kind: ReasonKind::Other, detail: format!("+1+1 {HTML}\n| a | b |") }]);
    record
}

pub fn damage(archive: &mut Archive) {
    archive.damaged.push(DamagedLine {
        file: "results.jsonl".to_owned(),
        line: 17,
        why: "EOF while parsing a value at column 81 <b>".to_owned(),
    });
}
