//! A poll loop that was interrupted is noticed, at either end and at any moment.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use support::{Engine, job, number, socket};

/// What a loop is stopped for: as short as an absence that costs frames.
const MILLISECOND: Duration = Duration::from_millis(1);

/// Stops of each end in one run.
const STOPS: usize = 20;

/// One test at a time: poll loops that share a CPU put each other's hiccups between those that are looked for.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A test that failed has nothing under this lock that another could find broken.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops a process for at least `length`, and gives how long it certainly stood still: from when every thread of it had stopped.
fn stop_for(engine: &Engine, length: Duration) -> Duration {
    let signal = |signal| kill(Pid::from_raw(engine.id()), signal).unwrap();
    signal(Signal::SIGSTOP);
    while !stands_still(engine.id()) {
        thread::yield_now();
    }
    let began = Instant::now();
    thread::sleep(length);
    let stood_still = began.elapsed();
    let (poll_loop, before) = poll_loop(engine.id());
    signal(Signal::SIGCONT);
    // Until it has polled again, or has ended over it: two stops without a turn between them would be one absence.
    while on_cpu(&poll_loop).is_some_and(|now| now < before + 50_000) {
        thread::yield_now();
    }
    stood_still
}

/// The thread of a process that was on a CPU longest, which is its poll loop, and for how many nanoseconds.
fn poll_loop(process: i32) -> (PathBuf, u64) {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap().map(|task| task.unwrap().path());
    tasks.filter_map(|task| on_cpu(&task).map(|time| (task, time))).max_by_key(|(_, time)| *time).unwrap()
}

/// Nanoseconds that a thread was on its CPU (Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat); `None` where the thread has ended.
fn on_cpu(task: &Path) -> Option<u64> {
    // A process that was not waited for keeps its files (proc(5): state Z).
    let stat = fs::read_to_string(task.join("stat")).ok()?;
    if stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with('Z')) {
        return None;
    }
    fs::read_to_string(task.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
}

/// Whether every thread of a process is stopped (proc(5): the state follows the name in parentheses).
fn stands_still(process: i32) -> bool {
    fs::read_dir(format!("/proc/{process}/task")).unwrap().all(|task| {
        let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
    })
}

/// Stops one engine after another at moments that nothing is in step with; gives each one's times of standing still.
fn stop_each_at_random(engines: &[&Engine], seed: u64) -> Vec<Vec<Duration>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut stood_still = vec![Vec::new(); engines.len()];
    for _ in 0..STOPS {
        for (engine, stood_still) in engines.iter().zip(&mut stood_still) {
            thread::sleep(Duration::from_micros(1000 + random.next_u64() % 20_000));
            stood_still.push(stop_for(engine, MILLISECOND));
        }
    }
    stood_still
}

/// Every stop is among the hiccups: of each length there are as many as there were stops, as far as a histogram can tell, and none of them
/// was taken for a shorter one.
fn assert_found(result: &Value, stops: &[Duration]) {
    let hiccups = &result["report"]["hiccups"];
    let nanoseconds = |value: &Value| value.as_u64().unwrap();
    let buckets: Vec<(u64, u64)> =
        hiccups["histogram"].as_array().unwrap().iter().map(|one| (nanoseconds(&one["below_ns"]), nanoseconds(&one["count"]))).collect();
    let longest = stops.iter().max().unwrap().as_nanos() as u64;
    assert!(nanoseconds(&hiccups["longest_ns"]) >= longest, "{longest}: {hiccups}");
    let total: u64 = stops.iter().map(|stop| stop.as_nanos() as u64).sum();
    assert!(nanoseconds(&hiccups["total_ns"]) >= total, "{total}: {hiccups}");
    for stop in stops {
        // What lasted at least as long lies in a bucket whose bound is above it.
        let at_least = stops.iter().filter(|other| *other >= stop).count() as u64;
        let found: u64 = buckets.iter().filter(|(below, _)| u128::from(*below) > stop.as_nanos()).map(|(_, count)| count).sum();
        assert!(found >= at_least, "{found} of {at_least} stops of {stop:?}: {hiccups}");
    }
}

/// A listener and a sender on shared memory, both at work.
fn both_ends(role: &str, send_plan: Value) -> (Engine, Engine, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let far = Engine::start(&job(role, &format!("net_vhost0,iface={}", socket.display()), json!({}))).running();
    let mut send = job("send", &format!("net_virtio_user0,path={}", socket.display()), send_plan);
    send["link"] = json!(60.0);
    let near = Engine::start(&send).running();
    (far, near, directory)
}

#[test]
fn a_millisecond_at_any_moment_of_a_trial_is_found_at_the_sender_and_at_the_sink() {
    let _alone = alone();
    let (sink, sender, _directory) =
        both_ends("receive", json!({ "pace": { "rate": 100_000.0 }, "duration": { "secs": 100, "nanos": 0 } }));
    let stops = stop_each_at_random(&[&sink, &sender], 1);
    let mut sender = sender;
    sender.stop();
    let sent = sender.report();
    let received = sink.stopped();
    assert_found(&received, &stops[0]);
    assert_found(&sent, &stops[1]);
    assert!(number(&received, "frames_received") > 0);
    // What such a stop does to the gaps is explained by it.
    let gaps = &sent["report"]["gaps"];
    assert!(
        gaps["off_explained"].as_u64().unwrap() >= STOPS as u64 && gaps["off_explained"].as_u64() <= gaps["off_by_1us"].as_u64(),
        "{gaps}"
    );
}

#[test]
fn a_millisecond_at_any_moment_of_a_trial_is_found_at_the_reflector_and_at_the_sender_that_times_what_returns() {
    let _alone = alone();
    let plan = json!({ "pace": { "rate": 50_000.0 }, "rtt": true, "duration": { "secs": 100, "nanos": 0 } });
    let (reflector, sender, _directory) = both_ends("reflect", plan);
    let stops = stop_each_at_random(&[&reflector, &sender], 2);
    let mut sender = sender;
    sender.stop();
    let sent = sender.report();
    let reflected = reflector.stopped();
    assert_found(&reflected, &stops[0]);
    assert_found(&sent, &stops[1]);
    assert!(sent["report"]["returned"]["received"].as_u64().unwrap() > 0, "{sent}");
}

#[test]
fn a_millisecond_right_after_the_start_is_found() {
    let _alone = alone();
    for round in 0..STOPS {
        let role = ["send", "receive", "reflect"][round % 3];
        let mut engine = Engine::start(&job(role, "net_null0", json!({ "duration": { "secs": 100, "nanos": 0 } }))).running();
        let stood_still = stop_for(&engine, MILLISECOND);
        engine.stop();
        assert_found(&engine.report(), &[stood_still]);
    }
}

#[test]
fn a_millisecond_while_a_sink_or_a_reflector_drains_is_found() {
    let _alone = alone();
    for role in ["receive", "reflect"] {
        let mut engine = Engine::start(&job(role, "net_ring0", json!({ "drain": { "secs": 2, "nanos": 0 } }))).running();
        engine.stop();
        // The engine looks for its order every 10 ms; nothing comes, so it drains for 2 s.
        thread::sleep(Duration::from_millis(300));
        let stops: Vec<Duration> = (0..STOPS).map(|_| stop_for(&engine, MILLISECOND)).collect();
        assert_found(&engine.report(), &stops);
    }
}

#[test]
fn a_millisecond_while_a_sender_waits_for_what_returns_is_found() {
    let _alone = alone();
    // Nothing returns, so it waits for 2 s after its 10 frames.
    let plan = json!({ "rtt": true, "frames": 10, "pace": { "rate": 1000.0 }, "drain": { "secs": 2, "nanos": 0 } });
    let sender = Engine::start(&job("send", "net_null0,no-rx=1", plan)).running();
    thread::sleep(Duration::from_millis(300));
    let stops: Vec<Duration> = (0..STOPS).map(|_| stop_for(&sender, MILLISECOND)).collect();
    let sent = sender.report();
    assert_found(&sent, &stops);
    assert_eq!(sent["report"]["returned"]["lost"], number(&sent, "frames_sent"), "{sent}");
}

/// Longer than a busy machine keeps a loop waiting, so that what it costs cannot be an accident.
const LONG: Duration = Duration::from_millis(400);

#[test]
fn a_sender_that_was_away_for_long_says_what_it_did_not_send() {
    let _alone = alone();
    let plan = json!({ "pace": { "rate": 100_000.0 }, "duration": { "secs": 2, "nanos": 0 } });
    let sender = Engine::start(&job("send", "net_null0", plan)).running();
    thread::sleep(Duration::from_millis(200));
    let stood_still = stop_for(&sender, LONG);
    let sent = sender.stopped_by_itself();
    assert_found(&sent, &[stood_still]);
    assert!(sent["report"]["lateness"]["max_ns"].as_u64().unwrap() >= LONG.as_nanos() as u64, "{sent}");
    // The policy catches up 10 ms; the rest of the absence was not sent, and is said so.
    assert!(number(&sent, "frames_skipped") >= 39_000, "{sent}");
    let accounted: u64 = ["frames_sent", "frames_unsent", "frames_skipped"].iter().map(|key| number(&sent, key)).sum();
    assert_eq!(accounted, 200_000);
}

#[test]
fn a_sender_that_must_not_be_late_aborts() {
    let _alone = alone();
    let plan =
        json!({ "pace": { "rate": 1_000.0 }, "duration": { "secs": 100, "nanos": 0 }, "late": { "abort": { "bound": 300_000_000 } } });
    let sender = Engine::start(&job("send", "net_null0", plan)).running();
    thread::sleep(Duration::from_millis(200));
    stop_for(&sender, LONG);
    let sent = sender.stopped_by_itself();
    assert!(sent["report"]["ended_early"].as_str().unwrap().contains("late"), "{sent}");
}

/// A sink on shared memory with rings of `descriptors`, stopped for 60 ms while 5000 frames a second arrive. Gives its queue's report.
fn stopped_with_a_ring_of(descriptors: u16) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let mut receive = job("receive", &format!("net_vhost0,iface={}", socket.display()), json!({}));
    receive["options"] = json!({ "rx_descriptors": descriptors, "tx_descriptors": descriptors });
    let sink = Engine::start(&receive).running();
    let plan = json!({ "pace": { "rate": 5_000.0 }, "duration": { "secs": 100, "nanos": 0 } });
    let mut send = job("send", &format!("net_virtio_user0,path={},queue_size={descriptors}", socket.display()), plan);
    send["link"] = json!(60.0);
    let sender = Engine::start(&send).running();
    thread::sleep(Duration::from_millis(200));
    stop_for(&sink, Duration::from_millis(60));
    thread::sleep(Duration::from_millis(200));
    let sent = sender.stopped();
    assert_eq!((&sent["port"]["rx_descriptors"], &sent["port"]["tx_descriptors"]), (&json!(descriptors), &json!(descriptors)), "{sent}");
    let received = sink.stopped();
    let queue = received["report"]["queues"][0].clone();
    assert_eq!(queue["rx_descriptors"], json!(descriptors), "{received}");
    queue
}

/// 256 descriptors hold 38 ms at this rate and 4096 hold 806 ms. The same at 10 µs, by known answers: `account::hiccup` and `engine::queue_report`.
#[test]
fn an_interruption_that_overflows_a_small_ring_is_absorbed_by_a_large_one() {
    let _alone = alone();
    for (descriptors, overflows) in [(256, true), (4096, false)] {
        let queue: dataplane::QueueReport = serde_json::from_value(stopped_with_a_ring_of(descriptors)).unwrap();
        assert!(queue.hiccups.longest_ns.ns() >= 60_000_000, "{queue:?}");
        assert_eq!(queue.overflowing_hiccups() > 0, overflows, "{queue:?}");
    }
}
