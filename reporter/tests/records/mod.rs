//! A record as tests need it: every part filled, or any values that proptest thinks of.
#![allow(dead_code, reason = "each test file uses its part")]

use methodology::units::{Goodput, L1Rate, L2Rate, LossRatio, PacketRate};
use proptest::prelude::*;
use reporter::record::*;
use serde_json::{Map, Value};

pub fn record(id: &str) -> Record {
    Record {
        schema: SchemaVersion::CURRENT,
        id: RecordId(id.to_owned()),
        time: "2026-11-22T10:00:00Z".parse().unwrap(),
        pair: "a-cpu:b-dpu".parse().unwrap(),
        stack: Stack::Dpdk,
        tool: Tool { name: "linerate".to_owned(), version: "0.1.0".to_owned(), commands: vec!["linerate run".to_owned()] },
        metric: Metric::Throughput,
        method: "mrr".to_owned(),
        parameters: Map::new(),
        size: Size::message(64),
        view: Some(View::Frame),
        load: Some("max".to_owned()),
        repetition: 1,
        duration_s: Some(0.5),
        values: Values { forwarding_pps: Some(PacketRate::new(1e6).unwrap()), ..Values::default() },
        ceiling: Some(Ceiling { kind: CeilingKind::LineRate, l1_bps: Some(1e10), pps: None, goodput_bps: None }),
        cpu: Some(CpuCost {
            sender: Some(EndCost {
                cores: Some(1.5),
                by_core: vec![CoreUse { core: 0, busy: 1.0, softirq: 0.5, steal: 0.0 }],
                ..EndCost::default()
            }),
            receiver: None,
            shared_machine: true,
        }),
        raw: Some("raw/x.json".to_owned()),
        provenance: Map::from_iter([("plan_sha256".to_owned(), Value::from("00"))]),
        verdict: Verdict::from_reasons(vec![Reason { kind: ReasonKind::Hiccup, detail: "1.2 ms: long".to_owned() }]),
    }
}

/// Finite and not negative, of every magnitude.
fn figure() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        0.0..1e3,
        0.0..1e15,
        any::<u64>().prop_map(|bits| f64::from_bits(bits).abs()).prop_filter("finite", |x| x.is_finite())
    ]
}

fn rtt() -> impl Strategy<Value = RttSummary> {
    (proptest::option::of(figure()), proptest::option::of(figure()), proptest::option::of(figure()), proptest::option::of(any::<u64>()))
        .prop_map(|(min, p50, max, count)| RttSummary { min, p50, max, count, ..RttSummary::default() })
}

pub fn any_record() -> impl Strategy<Value = Record> {
    let values = (
        proptest::option::of(figure()),
        proptest::option::of(figure()),
        proptest::option::of(figure()),
        proptest::option::of(0.0..=1.0),
        proptest::option::of(rtt()),
        proptest::option::of(any::<u64>()),
    )
        .prop_map(|(pps, bps, goodput, loss, rtt_ns, retransmits)| Values {
            forwarding_pps: pps.map(|value| PacketRate::new(value).unwrap()),
            l1_bps: bps.map(|value| L1Rate::new(value).unwrap()),
            l2_bps: bps.map(|value| L2Rate::new(value).unwrap()),
            goodput_bps: goodput.map(|value| Goodput::new(value).unwrap()),
            loss_ratio: loss.map(|value| LossRatio::new(value).unwrap()),
            latency_definition: rtt_ns.as_ref().map(|_| LatencyDefinition::HalfRoundTripDoubled),
            one_way_ns: rtt_ns.clone(),
            rtt_ns,
            retransmits,
            ..Values::default()
        });
    let reasons = proptest::collection::vec(
        (0..ReasonKind::ALL.len(), any::<String>()).prop_map(|(kind, detail)| Reason { kind: ReasonKind::ALL[kind], detail }),
        0..3,
    );
    (any::<String>(), any::<String>(), any::<String>(), any::<u32>(), values, reasons, figure()).prop_map(
        |(id, name, text, bytes, values, reasons, seconds)| Record {
            method: text.clone(),
            tool: Tool { name, version: text.clone(), commands: vec![text.clone()] },
            parameters: Map::from_iter([(text.clone(), Value::from(text))]),
            size: Size::message(bytes),
            duration_s: Some(seconds),
            values,
            // `Other` that reads as another kind is that kind after writing (the text decides).
            verdict: Verdict::from_reasons(reasons.into_iter().map(|reason| Reason::from(reason.to_string())).collect()),
            ..record(&id)
        },
    )
}
