//! virtio-user to vhost-user between two processes: a real poll-mode path with no kernel in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::{Engine, job, number, pair, socket};

/// Every frame that the port took came, once and in order.
fn assert_exact(received: &Value, sent: &Value) {
    let frames = number(sent, "frames_sent");
    assert!(frames > 0, "{sent}");
    assert_eq!(number(received, "frames_received"), frames, "{received}\n{sent}");
    for nothing in ["lost", "duplicate", "reordered", "corrupt", "window_exceeded"] {
        assert_eq!(number(received, nothing), 0, "{nothing}: {received}");
    }
    assert_eq!(received["report"]["streams"][0]["highest_sequence"], json!(frames - 1));
}

fn frames(count: u64) -> Value {
    json!({ "duration": { "secs": 100, "nanos": 0 }, "frames": count })
}

fn with(mut plan: Value, more: Value) -> Value {
    plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plan
}

#[test]
fn every_frame_of_every_rfc2544_size_is_counted() {
    for size in [64, 128, 256, 512, 1024, 1280, 1518] {
        let (received, sent) = pair("receive", json!({ "size": size }), with(frames(20_000), json!({ "traffic": { "test": size } })));
        assert_exact(&received, &sent);
        let bytes = number(&sent, "frames_sent") * size;
        assert_eq!(number(&received, "bytes"), bytes, "{size}-byte frames are {size} bytes with their FCS");
        // virtio's own counters leave the FCS out: bytes per packet are what was meant.
        let tx_bytes = sent["report"]["counters"]["after"]["tx_bytes"].as_u64().unwrap();
        assert_eq!(tx_bytes, bytes - 4 * number(&sent, "frames_sent"));
    }
}

#[test]
fn every_kind_of_header_is_recognised() {
    let vlan = json!({ "vlan": 7 });
    let qinq = json!({ "qin-q": { "outer": 100, "inner": 7 } });
    for (format, tagging) in [("l2", json!("untagged")), ("ipv4-udp", vlan.clone()), ("ipv6-udp", qinq), ("ipv6-udp", json!("untagged"))] {
        for flows in [1, 1000] {
            let headers = json!({ "frame": format, "tagging": tagging });
            let plan = with(frames(5_000), with(headers.clone(), json!({ "traffic": { "test": 128 }, "flows": flows })));
            let (received, sent) = pair("receive", with(headers, json!({ "check_payload": true })), plan);
            assert_exact(&received, &sent);
            assert_eq!(number(&received, "foreign"), 0);
        }
    }
}

#[test]
fn a_rate_is_met_and_frames_that_were_not_sent_are_named() {
    let plan = json!({ "pace": { "rate": 20_000.0 }, "duration": { "secs": 1, "nanos": 0 } });
    let (received, sent) = pair("receive", json!({}), plan);
    assert_exact(&received, &sent);
    let accounted: u64 = ["frames_sent", "frames_unsent", "frames_skipped"].iter().map(|key| number(&sent, key)).sum();
    assert_eq!((number(&sent, "intended_frames"), accounted), (20_000, 20_000), "{sent}");
}

#[test]
fn rfc2544_26_6_the_longest_silence_between_frames_is_told() {
    let frames = 8;
    let plan = with(self::frames(frames), json!({ "pace": { "rate": 20.0 } }));
    let (received, sent) = pair("receive", json!({}), plan);
    assert_exact(&received, &sent);
    let seconds = |key: &str| received["report"][key].as_f64().unwrap();
    let (longest, whole, silences) = (seconds("longest_gap_s"), seconds("duration_s"), (frames - 1) as f64);
    // The silences add up to the whole, so that the longest is at least their mean; a schedule of 20 frames a second makes them.
    assert!(longest <= whole && longest * silences >= whole * (1.0 - 1e-6) && whole > 0.0, "{received}");
    assert_eq!(received["report"]["streams"][0].get("last_lost"), None, "{received}");
}

#[test]
fn what_a_reflector_returns_is_timed() {
    for format in ["l2", "ipv4-udp", "ipv6-udp"] {
        let plan = json!({ "pace": { "rate": 5_000.0 }, "rtt": true, "frame": format, "traffic": { "test": 128 }, "frames": 2_000,
                           "duration": { "secs": 100, "nanos": 0 }, "drain": { "secs": 10, "nanos": 0 } });
        let (reflected, sent) = pair("reflect", json!({ "frame": format }), plan);
        let frames = number(&sent, "frames_sent");
        assert!(frames > 0);
        assert_eq!((number(&reflected, "frames_received"), number(&reflected, "frames_sent")), (frames, frames), "{reflected}");
        assert_eq!(sent["report"]["returned"]["received"], json!(frames), "{sent}");
        assert_eq!(sent["report"]["returned"]["lost"], json!(0));
        let rtt = &sent["report"]["rtt_ns"];
        let at = |key: &str| rtt[key].as_u64().unwrap();
        assert_eq!(at("count"), frames);
        assert!(0 < at("min") && at("min") <= at("p50") && at("p50") <= at("p999") && at("p999") <= at("max"), "{rtt}");
        // The reflector's residence is part of every round trip, and told of every frame.
        assert_eq!(reflected["report"]["residence_ns"]["count"], json!(frames), "{reflected}");
        assert!(reflected["report"]["residence_ns"]["min"].as_u64().unwrap() < at("max"));
    }
}

#[test]
fn a_reflector_that_only_swaps_addresses_returns_every_frame_and_times_none() {
    let plan = json!({ "pace": { "rate": 5_000.0 }, "rtt": true, "frame": "ipv4-udp", "frames": 1_000,
                       "duration": { "secs": 100, "nanos": 0 } });
    // Frames of IPv4 are foreign to a reflector of IPv6: the other turning sends none of them back.
    for (turning, returns) in [("addresses", true), ("test-frames", false)] {
        let wait = json!({ "drain": { "secs": 1, "nanos": 0 } });
        let (reflected, sent) = pair("reflect", json!({ "frame": "ipv6-udp", "turning": turning }), with(plan.clone(), wait));
        let all = number(&sent, "frames_sent");
        let returned = if returns { all } else { 0 };
        let counts = ["frames_received", "frames_sent", "foreign"].map(|key| number(&reflected, key));
        assert_eq!(counts, [all, returned, all - returned], "{reflected}");
        assert_eq!(sent["report"]["returned"]["received"], json!(returned), "{sent}");
        assert_eq!(reflected["report"]["residence_ns"]["count"].as_u64().unwrap_or(0), 0, "{reflected}");
    }
}

#[test]
fn a_reflectors_time_ends_with_its_last_frame_and_not_when_it_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let reflector = Engine::start(&job("reflect", &format!("net_vhost0,iface={}", socket.display()), json!({}))).running();
    let mut plan = job("send", &format!("net_virtio_user0,path={}", socket.display()), with(frames(500), json!({ "rtt": true })));
    plan["link"] = json!(60.0);
    let began = Instant::now();
    let sender = Engine::start(&plan);
    let sent = sender.report();
    let while_frames_could_come = began.elapsed();
    assert_eq!(sent["report"]["returned"]["lost"], 0, "{sent}");
    // Silence of a length that the frames did not take.
    thread::sleep(while_frames_could_come * 2);
    let reflected = reflector.stopped();
    sender.finished();
    let duration = reflected["report"]["duration_s"].as_f64().unwrap();
    assert!(0.0 < duration && duration < while_frames_could_come.as_secs_f64(), "{reflected}");
}

#[test]
fn other_frames_are_foreign_and_not_test_frames() {
    // IPv6 test frames are foreign to a sink that expects IPv4.
    let (received, sent) =
        pair("receive", json!({ "frame": "ipv4-udp" }), with(frames(1_000), json!({ "frame": "ipv6-udp", "traffic": { "test": 128 } })));
    assert_eq!((number(&received, "frames_received"), number(&received, "foreign")), (0, number(&sent, "frames_sent")), "{received}");
}

#[test]
fn frames_of_another_size_are_corrupt() {
    let (received, sent) = pair("receive", json!({ "size": 64 }), with(frames(1_000), json!({ "traffic": { "test": 128 } })));
    assert_eq!((number(&received, "frames_received"), number(&received, "corrupt")), (0, number(&sent, "frames_sent")), "{received}");
}

#[test]
fn a_receiver_that_disappears_ends_the_sender_with_its_counts() {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let sink = Engine::start(&job("receive", &format!("net_vhost0,iface={}", socket.display()), json!({}))).running();
    let mut plan = job("send", &format!("net_virtio_user0,path={}", socket.display()), json!({ "duration": { "secs": 1000, "nanos": 0 } }));
    plan["link"] = json!(60.0);
    let sender = Engine::start(&plan).running();
    kill(Pid::from_raw(sink.id()), Signal::SIGKILL).unwrap();
    let report = sender.report();
    assert!(report["report"]["ended_early"].as_str().unwrap().contains("link went down"), "{report}");
    sender.finished();
}

#[test]
fn a_sender_that_disappears_ends_the_receiver_with_its_counts() {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let sink = Engine::start(&job("receive", &format!("net_vhost0,iface={}", socket.display()), json!({}))).running();
    let mut plan = job("send", &format!("net_virtio_user0,path={}", socket.display()), frames(500));
    plan["link"] = json!(60.0);
    let sender = Engine::start(&plan);
    let sent = number(&sender.report(), "frames_sent");
    kill(Pid::from_raw(sender.id()), Signal::SIGKILL).unwrap();
    let report = sink.report();
    assert!(report["report"]["ended_early"].as_str().unwrap().contains("link went down"), "{report}");
    assert!(number(&report, "frames_received") <= sent);
}

#[test]
fn an_engine_is_stopped_whatever_it_does() {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let vhost = format!("net_vhost0,iface={}", socket.display());
    // Nobody is at the other end: a sink waits, a reflector waits, a sender has nowhere to send to.
    for role in ["receive", "reflect"] {
        let result = Engine::start(&job(role, &vhost, json!({}))).running().stopped();
        assert_eq!(number(&result, "frames_received"), 0);
    }
    let sender = Engine::start(&job("send", &vhost, json!({ "duration": { "secs": 1000, "nanos": 0 } }))).running();
    assert_eq!(number(&sender.stopped(), "frames_sent"), 0);
}

#[test]
fn one_way_delays_are_told_with_one_clock_and_refused_with_two() {
    let own = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned();
    let plan = with(frames(5_000), json!({ "pace": { "rate": 50_000.0 } }));
    let (received, sent) = pair("receive", json!({ "one_way": own, "drain": { "secs": 2, "nanos": 0 } }), plan);
    assert_eq!(sent["report"]["clock"], json!(own));
    let delays = &received["report"]["one_way_ns"];
    assert_eq!(delays["count"].as_u64(), Some(number(&received, "frames_received")), "{received}");
    // Not less than nothing: a negative difference would show as an age of the counter.
    assert!(delays["max"].as_u64().unwrap() < 60_000_000_000 && delays["min"].as_u64() <= delays["p50"].as_u64(), "{delays}");

    let directory = tempfile::tempdir().unwrap();
    let port = format!("net_vhost0,iface={}", support::socket(directory.path()).display());
    let other = json!({ "one_way": "11111111-2222-3333-4444-555555555555" });
    let refused = support::Engine::start(&support::job("receive", &port, other)).failure();
    assert!(refused.contains("one-way delay") && refused.contains("two clocks"), "{refused}");
}
