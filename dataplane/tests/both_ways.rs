//! Two ends that send to each other and count each other's frames, with one poll loop each (RFC 2544 §14).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use dataplane::CpuId;
use serde_json::{Value, json};
use support::{Engine, job, number, socket};

/// A sender that counts too, of `frames` frames at a rate that any machine carries.
fn end(port: &str, stream: u16, frames: u64, cpu: u32) -> Value {
    let mut plan = json!({
        "pace": { "rate": 10_000.0 },
        "duration": { "secs": 100, "nanos": 0 },
        "drain": { "secs": 2, "nanos": 0 },
        "frames": frames,
        "stream": stream,
        "both_ways": true,
    });
    if CpuId::allowed().contains(&CpuId::new(cpu)) {
        plan["cpus"] = json!([cpu]);
    }
    job("send", port, plan)
}

#[test]
fn rfc2544_14_both_ends_send_at_once_and_each_counts_every_frame_of_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let (socket, begin) = (socket(directory.path()), directory.path().join("begin"));
    let mut jobs = [
        end(&format!("net_vhost0,iface={}", socket.display()), 3, 6_000, 0),
        end(&format!("net_virtio_user0,path={}", socket.display()), 9, 4_000, 1),
    ];
    jobs.iter_mut().for_each(|job| (job["begin"], job["link"]) = (json!(begin), json!(60.0)));
    let [first, second] = jobs;
    // The second connects to the first's socket; the link is up when both ports are there.
    let first = Engine::start(&first);
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let second = Engine::start(&second);
    let (first, second) = (first.running(), second.running());
    // Neither sends before both count.
    std::fs::write(&begin, "").unwrap();
    let reports = [first.report(), second.report()];
    first.finished();
    second.finished();
    for (own, other, frames, stream) in [(0, 1, 6_000, 3), (1, 0, 4_000, 9)] {
        // A machine that is busy may keep a loop from sending some; shared memory takes a frame or refuses it, and loses none.
        let [sent, unsent, skipped] = ["frames_sent", "frames_unsent", "frames_skipped"].map(|key| number(&reports[own], key));
        assert!(sent > 0 && sent + unsent + skipped == frames, "{}", reports[own]);
        let arrived = &reports[other]["report"]["arrived"];
        let counts = ["frames_received", "lost", "duplicate", "corrupt", "foreign"].map(|key| arrived[key].as_u64().unwrap());
        assert_eq!(counts, [sent, 0, 0, 0, 0], "{arrived}");
        assert_eq!((&arrived["streams"][0]["stream"], arrived["streams"].as_array().unwrap().len()), (&json!(stream), 1));
        // One loop did both.
        assert_eq!(arrived["queues"].as_array().unwrap().len(), 1, "{arrived}");
        assert_eq!(arrived["queues"], reports[other]["report"]["queues"]);
    }
}

#[test]
fn an_end_that_is_asked_to_stop_before_it_may_send_has_sent_nothing() {
    let stopped = Engine::start(&end("net_ring0", 0, 100, 0)).running().stopped();
    assert_eq!((number(&stopped, "frames_sent"), &stopped["report"]["arrived"]["frames_received"]), (0, &json!(0)), "{stopped}");
}

#[test]
fn what_one_loop_cannot_do_is_refused() {
    let mut several = end("net_ring0", 0, 100, 0);
    several["options"] = json!({ "queues": 2 });
    assert!(Engine::start(&several).failure().contains("one queue"));
    let mut round_trips = end("net_ring0", 0, 100, 0);
    round_trips["plan"]["rtt"] = json!(true);
    assert!(Engine::start(&round_trips).failure().contains("both directions"));
}
