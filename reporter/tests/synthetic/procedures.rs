//! Records of procedures, with what they found as the program writes it.

use methodology::units::{FrameSize, PacketRate};
use reporter::record::{DirectionResult, Metric, Pair, PairGroup, Record, Size, Stack, State, View};
use serde_json::{Value, json};

/// A record of a procedure between system a and system b.
pub fn record(number: usize, method: &str, bytes: u32, measured: Value) -> Record {
    let pair: Pair = super::pairs().into_iter().find(|pair| pair.to_string() == "a-cpu→b-cpu").unwrap();
    let size = Size::frame(FrameSize::new(bytes).unwrap());
    let metric = match method {
        "latency" => Metric::Latency,
        "pdv" => Metric::DelayVariation,
        "frame-loss" => Metric::FrameLoss,
        "back-to-back" => Metric::BackToBack,
        _ => Metric::Throughput,
    };
    let mut record = super::record(number, &pair, Stack::Dpdk, metric, size, 1);
    record.method = method.to_owned();
    record.parameters = json!({ "preset": "quick", "measured": measured, "trials": [1] }).as_object().unwrap().clone();
    assert!(record.measured().is_some(), "the test's own record is one that is understood: {}", record.parameters["measured"]);
    record
}

pub fn frame_loss(losses: &[(f64, f64)], complete: bool) -> Value {
    let points: Vec<Value> = losses
        .iter()
        .map(|(share, loss)| json!({ "share": share, "load_pps": share * 1e6, "loss_ratio": loss, "forwarding_rate_pps": share * 1e6 * (1.0 - loss) }))
        .collect();
    json!({ "kind": "frame-loss", "max_rate_pps": 1e6, "points": points, "complete": complete })
}

/// What `latency` found at several loads.
pub fn latency(loads: Vec<Value>) -> Value {
    json!({ "kind": "latency", "search": null, "loads": loads })
}

/// Delays at one load.
pub fn at_load(at: Value, pps: f64, repetitions: Vec<Value>) -> Value {
    let spread = |key: &str| {
        let mut values: Vec<u64> = repetitions.iter().filter_map(|delays| delays[key].as_u64()).collect();
        values.sort_unstable();
        json!({ "median_ns": values[values.len() / 2], "p1_ns": values.first(), "p99_ns": values.last() })
    };
    json!({ "at": at, "load_pps": pps, "typical": spread("p50_ns"), "worst_case": spread("p999_ns"), "mean_ns": 0, "min_ns": 0, "max_ns": 0,
            "loss_ratio": 0.0, "repetitions": repetitions })
}

/// The delays of one repetition.
pub fn delays(p50: u64, definition: &str) -> Value {
    json!({ "definition": definition, "count": 250_000, "min_ns": 1, "mean_ns": p50, "p50_ns": p50, "p90_ns": p50 * 2, "p99_ns": p50 * 10,
            "p999_ns": p50 * 100, "p9999_ns": p50 * 200, "max_ns": p50 * 300 })
}

/// The same with a histogram in the run directory, which `synthetic::archive` writes.
pub fn kept(p50: u64, file: &str) -> Value {
    let mut delays = delays(p50, "round-trip-software");
    delays["histogram"] = json!({ "file": file });
    delays
}

pub fn back_to_back(bursts: &[u64]) -> Value {
    json!({ "kind": "back-to-back", "search": null, "not_applicable": null, "bursts": bursts, "frames": null, "burst_rate_pps": 1e6,
            "throughput_pps": null, "implied_buffer_time_s": null, "corrected_buffer_time_s": null, "corrected_buffer_frames": null,
            "max_burst": 100_000, "min_step": 16 })
}

pub fn goal(name: &str, outcome: Value) -> Value {
    let goal = json!({ "name": name, "loss-ratio": 0.0, "exceed-ratio": 0.5, "initial-trial": 0.2, "final-trial": 0.2, "duration-sum": 1.0, "width": 0.01 });
    json!({ "goal": goal, "outcome": outcome })
}

pub fn bound(pps: f64) -> Value {
    json!({ "load_pps": pps, "trials": 2, "trial_time_s": 0.4, "worst_loss": 0.0, "best_loss": 0.0, "set_by": "device" })
}

pub fn search(goals: Vec<Value>) -> Value {
    json!({ "kind": "ndr-pdr", "min_load_pps": 1e3, "max_load_pps": 1.25e6, "max_load_calibrated": true, "trials": 4, "trial_time_s": 0.8, "goals": goals })
}

/// A bound on both sides.
pub fn regular(name: &str, lower: f64, upper: f64) -> Value {
    goal(name, json!({ "kind": "regular", "lower": bound(lower), "upper": bound(upper), "conditional_throughput_pps": lower }))
}

/// Every procedure that has figures, at as many sizes as a plan usually has, between two pairs.
pub fn all(first: usize) -> Vec<Record> {
    let mut records = Vec::new();
    for pair in ["a-cpu→b-cpu", "b-dpu→a-dpu"] {
        for (place, bytes) in super::SIZES.into_iter().enumerate() {
            let slower = 1.0 + place as f64 / 4.0;
            let loss = [(1.0, 0.2), (0.9, 0.08), (0.8, 0.0), (0.7, 0.0)].map(|(share, loss)| (share, loss / slower));
            let trips = |load: &str, p50: u64| -> Vec<Value> {
                (1..=3).map(|n| kept(p50 + 40 * n, &format!("raw/{bytes}-{}-{load}-{n}.hdr", pair.replace('→', "-")))).collect()
            };
            let found = [
                ("ndr-pdr", search(vec![regular("NDR", 7e5 / slower, 7.1e5 / slower), regular("PDR", 8e5 / slower, 8.2e5 / slower)])),
                ("frame-loss", frame_loss(&loss, true)),
                (
                    "latency",
                    latency(vec![
                        at_load(json!({ "kind": "throughput" }), 7e5 / slower, trips("throughput", 5_000)),
                        at_load(json!({ "kind": "of-pdr", "value": 0.9 }), 7.2e5 / slower, trips("most", 5_400)),
                        at_load(json!({ "kind": "of-pdr", "value": 0.5 }), 4e5 / slower, trips("half", 1_900)),
                        at_load(json!({ "kind": "idle" }), 9_001.0, trips("idle", 1_100)),
                    ]),
                ),
                ("back-to-back", back_to_back(&[20_000 / (place as u64 + 1), 31_000 / (place as u64 + 1)])),
            ];
            for (method, measured) in found {
                let mut record = record(first + records.len(), method, bytes, measured);
                record.pair = super::pairs().into_iter().find(|known| known.to_string() == pair).unwrap();
                records.push(record);
            }
        }
    }
    records
}

/// Plain rates with more queues and other bursts, between one pair at every size.
pub fn tuned(plain: &[Record]) -> Vec<Record> {
    let is_tuned = |r: &&Record| r.stack == Stack::Dpdk && r.method == "mrr" && r.pair.to_string() == "a-cpu→b-cpu";
    let mut records = Vec::new();
    for (queues, burst, factor) in [(1, 32, 0.9), (2, 64, 1.7), (2, 32, 1.6)] {
        for plain in plain.iter().filter(is_tuned) {
            let mut record = plain.clone();
            record.id.0 = format!("{}-q{queues}b{burst}", plain.id);
            let setup = json!({ "sender_queues": queues, "receiver_queues": queues, "burst": burst });
            record.parameters.extend(setup.as_object().unwrap().clone());
            record.values.forwarding_pps = record.values.forwarding_pps.map(|rate| PacketRate::new(rate.pps() * factor).unwrap());
            records.push(record);
        }
    }
    records
}

/// Results that have a section of their own: a search for the best kernel settings, pairs at the same time, both directions, files over TLS.
pub fn with_own_sections(plain: &[Record]) -> Vec<Record> {
    let first = |stack: Stack, place: usize| {
        let of_stack =
            |record: &&Record| record.stack == stack && record.metric == Metric::Throughput && record.verdict.state == State::Valid;
        let mut record = plain.iter().filter(of_stack).nth(place).unwrap().clone();
        record.id.0.push_str("-own-section");
        record
    };
    let mut best = first(Stack::KernelTcp, 0);
    let search = json!({
        "searched": ["streams", "message"], "combinations": 4, "valid_trials": 28, "invalid_trials": 1, "confidence": 0.96, "within": 0.02,
        "chosen": { "setting": "streams 4, message 65536 B", "goodput_bps": 3e9, "interval_bps": [2.9e9, 3.1e9], "trials": 9 },
        "not_distinguished": [], "slower": [], "without_valid_trial": [], "untried": []
    });
    best.size.bytes = 65_536;
    best.parameters.insert("streams".to_owned(), json!(4));
    best.set_best_of(&serde_json::from_value(search).unwrap());

    let ladder = [Stack::Dpdk, Stack::AfXdp, Stack::AfPacket].map(|stack| {
        let mut frames = first(Stack::Dpdk, 0);
        frames.id.0.push_str(stack.name());
        (frames.stack, frames.view, frames.pair) = (stack, Some(View::Frame), best.pair.clone());
        frames
    });

    let mut members = [first(Stack::Dpdk, 1), first(Stack::Dpdk, 2)];
    let group = PairGroup::of("together".to_owned(), 0.97, &members.each_ref().map(Record::as_member));
    members.iter_mut().for_each(|record| group.note(&mut record.parameters));

    let mut both = first(Stack::Dpdk, 3);
    let directions = json!([
        { "direction": "forward", "forwarding_pps": 1e6, "frames_sent": 1_000_000, "frames_received": 1_000_000 },
        { "direction": "reverse", "forwarding_pps": 9e5, "frames_sent": 1_000_000, "frames_received": 900_000 }
    ]);
    both.parameters.insert("bidirectional".to_owned(), json!("one loop"));
    both.set_directions(&serde_json::from_value::<Vec<DirectionResult>>(directions).unwrap());

    let mut transfer = first(Stack::KernelTcp, 4);
    let transfers =
        json!({ "tls_at": "dpu", "tls_cipher": "AES128", "transfers_s": [0.1, 0.2], "cpu_at_proxies": { "a-dpu": { "cores": 0.5 } } });
    (transfer.stack, transfer.metric, transfer.method) = (Stack::KernelTls, Metric::TransferTime, "file-transfer".to_owned());
    transfer.size = serde_json::from_value(json!({ "kind": "file", "bytes": 1_000_000 })).unwrap();
    transfer.parameters.extend(transfers.as_object().unwrap().clone());

    members.into_iter().chain(ladder).chain([best, both, transfer]).collect()
}
