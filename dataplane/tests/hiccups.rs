//! A poll loop that was away is noticed, at either end and at any moment.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use support::{Engine, job, number};

/// Longer than a busy machine keeps a loop waiting, so that finding it cannot be an accident.
const AWAY: Duration = Duration::from_millis(400);

fn stop_for_a_while(engine: &Engine) {
    thread::sleep(Duration::from_millis(200));
    kill(Pid::from_raw(engine.id()), Signal::SIGSTOP).unwrap();
    thread::sleep(AWAY);
    kill(Pid::from_raw(engine.id()), Signal::SIGCONT).unwrap();
}

#[test]
fn a_stopped_sender_knows_it() {
    let plan = json!({ "pace": { "rate": 100_000.0 }, "duration": { "secs": 2, "nanos": 0 } });
    let sender = Engine::start(&job("send", "net_null0", plan)).running();
    stop_for_a_while(&sender);
    let sent = sender.stopped_by_itself();
    assert!(sent["report"]["hiccups"]["longest_ns"].as_u64().unwrap() >= AWAY.as_nanos() as u64, "{sent}");
    assert!(sent["report"]["lateness"]["max_ns"].as_u64().unwrap() >= AWAY.as_nanos() as u64, "{sent}");
    // The policy catches up 10 ms; the rest of the absence was not sent, and is said so.
    assert!(number(&sent, "frames_skipped") >= 39_000, "{sent}");
    let accounted: u64 = ["frames_sent", "frames_unsent", "frames_skipped"].iter().map(|key| number(&sent, key)).sum();
    assert_eq!(accounted, 200_000);
}

#[test]
fn a_stopped_sink_and_a_stopped_reflector_know_it() {
    for role in ["receive", "reflect"] {
        let engine = Engine::start(&job(role, "net_ring0", json!({}))).running();
        stop_for_a_while(&engine);
        let seen = engine.stopped();
        assert!(seen["report"]["hiccups"]["longest_ns"].as_u64().unwrap() >= AWAY.as_nanos() as u64, "{seen}");
    }
}

#[test]
fn a_sender_that_must_not_be_late_aborts() {
    let plan =
        json!({ "pace": { "rate": 1_000.0 }, "duration": { "secs": 100, "nanos": 0 }, "late": { "abort": { "bound": 300_000_000 } } });
    let sender = Engine::start(&job("send", "net_null0", plan)).running();
    stop_for_a_while(&sender);
    let sent = sender.stopped_by_itself();
    assert!(sent["report"]["ended_early"].as_str().unwrap().contains("late"), "{sent}");
}
