//! What a sender sends besides frames of one size at one rate: mixes, captures, a step of the rate, a probe stream, several queues.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use dataplane::frame::{FrameSpec, Network, TAG_LEN, Tag};
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use serde_json::{Value, json};
use support::{Engine, job, number, socket};

fn run(job: &Value) -> Value {
    Engine::start(job).stopped_by_itself()
}

fn captured(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet.unwrap().data.into_owned());
    }
    frames
}

fn tag_of(frame: &[u8]) -> Tag {
    let at = FrameSpec::new(Network::IPV4).layout().tag_offset();
    Tag::from_bytes(frame[at..at + TAG_LEN].try_into().unwrap()).unwrap()
}

/// Longer than any run here takes; frames end it.
fn plan(frames: u64, more: Value) -> Value {
    let mut plan = json!({ "duration": { "secs": 100, "nanos": 0 }, "frames": frames });
    plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plan
}

#[test]
fn rfc6985_4_a_mix_is_on_the_wire_in_the_order_of_its_genome_with_every_flow_in_equal_shares() {
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("mix.pcap");
    let mut job = job(
        "send",
        &format!("net_pcap0,tx_pcap={}", capture.display()),
        plan(3_000, json!({ "traffic": { "test": "imix:abag" }, "flows": 30, "burst": 27 })),
    );
    job["options"] = json!({ "fast_free": false });
    let sent = run(&job);
    assert_eq!(number(&sent, "frames_sent"), 3_000, "{sent}");
    let frames = captured(&capture);
    let mut flows: BTreeMap<&[u8], u32> = BTreeMap::new();
    for (frame, (place, size)) in frames.iter().zip((0..).zip([60, 124, 60, 1514].into_iter().cycle())) {
        assert_eq!((frame.len(), tag_of(frame).sequence), (size, place));
        *flows.entry(&frame[26..38]).or_default() += 1;
    }
    assert_eq!((frames.len(), flows.len()), (3_000, 30));
    assert!(flows.values().all(|&share| share == 100), "{flows:?}");
}

/// Three frames, 2 ms apart, the second too short for the wire.
fn three_frames(path: &Path) -> [Vec<u8>; 3] {
    let frames = [vec![0x11; 60], vec![0x22; 42], vec![0x33; 700]];
    let header = PcapHeader { datalink: DataLink::ETHERNET, snaplen: 65535, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(File::create(path).unwrap(), header).unwrap();
    for (frame, at) in frames.iter().zip([100, 102, 104]) {
        writer.write_packet(&PcapPacket::new(Duration::from_millis(at), frame.len() as u32, frame)).unwrap();
    }
    frames
}

#[test]
fn a_capture_is_replayed_as_it_is_at_a_rate_and_in_its_own_timing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in.pcap");
    let [first, mut second, third] = three_frames(&file);
    second.resize(60, 0);
    for (number_of, own_timing, pace) in [(0, false, json!({ "rate": 10_000.0 })), (1, true, json!("max")), (2, false, json!("max"))] {
        let out = directory.path().join(format!("out{number_of}.pcap"));
        let plan = plan(
            100,
            json!({ "traffic": { "capture": { "file": file, "own_timing": own_timing } }, "pace": pace, "late": { "catch-up": { "bound": 60_000_000_000_u64 } } }),
        );
        let sent = run(&job("send", &format!("net_pcap0,tx_pcap={}", out.display()), plan));
        assert_eq!((number(&sent, "frames_sent"), number(&sent, "frames_unsent")), (100, 0), "{sent}");
        let frames = captured(&out);
        assert_eq!(frames.len(), 100);
        for (frame, meant) in frames.iter().zip([&first, &second, &third].into_iter().cycle()) {
            assert_eq!(frame, meant);
        }
        if own_timing {
            // 33 rounds of 6 ms each, and the first frame of another: never sooner.
            assert!(sent["report"]["duration_s"].as_f64().unwrap() >= 0.198, "{sent}");
        }
    }
}

#[test]
fn a_capture_that_cannot_be_replayed_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in.pcap");
    three_frames(&file);
    let send = |more: Value| {
        let mut plan = json!({ "traffic": { "capture": { "file": file, "own_timing": false } } });
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Engine::start(&job("send", "net_null0", plan)).failure()
    };
    assert!(send(json!({ "rtt": true })).contains("no tag"));
    assert!(send(json!({ "flows": 5 })).contains("sent unchanged"));
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 5]).unwrap();
    assert!(send(json!({})).contains("cut off after 2 whole frames"));
    std::fs::write(&file, b"nothing of the kind").unwrap();
    assert!(send(json!({})).contains("is not a capture"));
}

#[test]
fn rfc2544_26_5_the_rate_steps_at_its_time_and_the_report_says_with_which_frame() {
    let step = json!({ "after": { "secs": 0, "nanos": 500_000_000 }, "rate": 10_000.0 });
    let plan = json!({ "pace": { "rate": 40_000.0 }, "duration": { "secs": 1, "nanos": 0 }, "then": step, "late": { "catch-up": { "bound": 60_000_000_000_u64 } } });
    let sent = run(&job("send", "net_null0", plan));
    assert_eq!((number(&sent, "frames_sent"), number(&sent, "intended_frames")), (25_000, 25_000), "{sent}");
    assert_eq!(sent["report"]["streams"][0]["step_at"], json!(20_000), "{sent}");
    // The last frame is due one second after the beginning, at the second rate.
    assert!(sent["report"]["duration_s"].as_f64().unwrap() >= 0.9999, "{sent}");
}

#[test]
fn a_step_that_cannot_be_is_refused() {
    for (pace, after, why) in [(json!("max"), 500_000_000, "one rate to another"), (json!({ "rate": 1000.0 }), 0, "after the start")] {
        let plan = json!({ "pace": pace, "then": { "after": { "secs": 0, "nanos": after }, "rate": 10.0 } });
        let refused = Engine::start(&job("send", "net_null0", plan)).failure();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn a_probe_stream_is_timed_and_the_load_beside_it_is_only_counted() {
    let probes = |sent: &Value| {
        assert_eq!(number(sent, "frames_unsent"), 0, "{sent}");
        let streams = &sent["report"]["streams"];
        assert_eq!((streams[0]["frames"].as_u64(), streams[1]["stream"].as_u64()), (Some(20_000), Some(1)), "{sent}");
        assert_eq!(sent["report"]["returned"]["received"].as_u64(), Some(number(sent, "frames_sent")), "{sent}");
        assert_eq!(sent["report"]["returned"]["lost"], json!(0), "{sent}");
        streams[1]["frames"].as_u64().unwrap()
    };
    let late = json!({ "catch-up": { "bound": 60_000_000_000_u64 } });
    let plan = json!({ "pace": { "rate": 20_000.0 }, "duration": { "secs": 1, "nanos": 0 }, "rtt": true, "probe": 1_000.0, "late": late,
                       "drain": { "secs": 20, "nanos": 0 } });
    let sent = run(&job("send", "net_ring0", plan));
    let timed = probes(&sent);
    assert!(timed > 0 && sent["report"]["rtt_ns"]["count"].as_u64() == Some(timed), "{sent}");
}

/// A pair over shared memory with two queues an end, whatever CPUs there are: the loops take turns where they must.
fn two_queues(other: &str, other_plan: Value, send_plan: Value) -> (Value, Value) {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let options = json!({ "queues": 2 });
    let mut far = job(other, &format!("net_vhost0,iface={},queues=2", socket.display()), other_plan);
    far["options"] = options.clone();
    let far = Engine::start(&far).running();
    let mut near = job("send", &format!("net_virtio_user0,path={},queues=2", socket.display()), send_plan);
    near["options"] = options;
    near["link"] = json!(60.0);
    let near = Engine::start(&near);
    let sent = near.report();
    let received = far.stopped();
    near.finished();
    (received, sent)
}

fn enough_cpus() -> bool {
    dataplane::CpuId::allowed().len() >= 2
}

#[test]
fn two_queues_carry_a_stream_each_and_the_sums_are_whole() {
    if !enough_cpus() {
        eprintln!("skipped: two poll loops need two CPUs");
        return;
    }
    let late = json!({ "catch-up": { "bound": 60_000_000_000_u64 } });
    let plan = json!({ "pace": { "rate": 30_000.0 }, "duration": { "secs": 1, "nanos": 0 }, "flows": 8, "late": late, "stream": 40 });
    let (received, sent) = two_queues("receive", json!({ "drain": { "secs": 2, "nanos": 0 } }), plan);
    assert_eq!((number(&sent, "frames_sent"), number(&sent, "frames_unsent")), (30_000, 0), "{sent}");
    assert_eq!((number(&received, "frames_received"), number(&received, "lost")), (30_000, 0), "{received}");
    let mut streams: Vec<_> = received["report"]["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["stream"].as_u64().unwrap(), s["received"].as_u64().unwrap()))
        .collect();
    streams.sort_unstable();
    assert_eq!(streams, [(40, 15_000), (41, 15_000)], "{received}");
}

#[test]
fn a_probe_takes_the_last_of_two_queues_for_itself() {
    if !enough_cpus() {
        eprintln!("skipped: two poll loops need two CPUs");
        return;
    }
    let late = json!({ "catch-up": { "bound": 60_000_000_000_u64 } });
    let plan = json!({ "pace": { "rate": 10_000.0 }, "duration": { "secs": 1, "nanos": 0 }, "rtt": true, "probe": 500.0, "late": late,
                       "drain": { "secs": 5, "nanos": 0 } });
    let (reflected, sent) = two_queues("reflect", json!({ "drain": { "secs": 2, "nanos": 0 } }), plan);
    let probes = sent["report"]["streams"][1]["frames"].as_u64().unwrap();
    assert_eq!(sent["report"]["streams"][0]["frames"], json!(10_000), "{sent}");
    assert!(probes > 0);
    // A sender that was interrupted for long leaves its receive queue full, and the reflector counts what it cannot send.
    let unsent = number(&reflected, "unsent");
    let returned = sent["report"]["returned"]["received"].as_u64().unwrap();
    assert_eq!(returned + unsent, 10_000 + probes, "{sent}\n{reflected}");
    let timed = sent["report"]["rtt_ns"]["count"].as_u64().unwrap();
    assert!(timed <= probes && timed + unsent >= probes, "{sent}\n{reflected}");
    assert_eq!(number(&reflected, "frames_received"), 10_000 + probes, "{reflected}");
    let on_the_second_queue = reflected["report"]["counters"]["after"]["extended"]["rx_q1_packets"].clone();
    assert_eq!(on_the_second_queue, json!(probes), "{reflected}");
}

#[test]
fn more_queues_than_a_port_has_are_refused_with_what_to_give_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut job = job("receive", &format!("net_vhost0,iface={}", socket(directory.path()).display()), json!({}));
    job["options"] = json!({ "queues": 3 });
    let refused = Engine::start(&job).failure();
    assert!(refused.contains("at most 1 queues, not 3") && refused.contains("queues=3"), "{refused}");
}
