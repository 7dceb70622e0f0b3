//! Several queues whose frames are spread by their flows: AF_PACKET hands the frames of an interface to its sockets by a hash of addresses and
//! ports (PACKET_FANOUT_HASH), as a NIC does with RSS. Frames come on other queues than they were sent on. Needs root.
//!
//! The poll loops share CPUs, so only counts are compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use dataplane::CpuId;
use serde_json::{Value, json};
use support::veth::Veth;
use support::{Engine, job, number};

/// Frames of each loop's stream.
const EACH: u64 = 500;

/// A job on a port with so many queues, whose loops share the CPUs of this machine.
fn job_with_queues(role: &str, queues: usize, plan: Value) -> Value {
    let cpus: Vec<u32> = CpuId::allowed().into_iter().map(CpuId::number).cycle().take(queues).collect();
    // The ring of a socket holds every frame of a run: none is lost, however busy the machine is.
    let mut job = job(role, &format!("net_af_packet0,iface=veth0,qpairs={queues},framecnt=2048"), plan);
    job["plan"]["cpus"] = json!(cpus);
    job["options"] = json!({ "queues": queues, "rx_descriptors": 2048, "tx_descriptors": 2048 });
    job["eal"] = json!({ "shared_cpus": true });
    job
}

fn sent_by(queues: usize, more: Value) -> Value {
    let mut plan = json!({ "duration": { "secs": 100, "nanos": 0 }, "frames": EACH * queues as u64, "flows": 1000, "stream": 40,
                           "pace": { "rate": 20_000.0 }, "late": { "catch-up": { "bound": 60_000_000_000_u64 } } });
    plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job_with_queues("send", queues, plan)
}

fn of_queues(result: &Value, key: &str) -> Vec<u64> {
    result["report"]["queues"].as_array().unwrap().iter().map(|queue| queue[key].as_u64().unwrap()).collect()
}

/// Every queue has frames, and together they have all.
fn assert_spread(frames: &[u64], queues: usize, all: u64, result: &Value) {
    assert_eq!((frames.len(), frames.iter().sum::<u64>()), (queues, all), "{result}");
    assert!(frames.iter().all(|&frames| frames > 0), "{frames:?}: {result}");
}

#[test]
fn frames_of_a_thousand_flows_on_several_queues_are_counted_once_each_and_none_is_missing() {
    for queues in [4, 8] {
        let veth = Veth::new(&format!("sink{queues}"));
        let sink =
            Engine::start_in(&veth.right, &job_with_queues("receive", queues, json!({ "drain": { "secs": 2, "nanos": 0 } }))).running();
        let sender = Engine::start_in(&veth.left, &sent_by(queues, json!({})));
        let sent = sender.report();
        let received = sink.stopped();
        sender.finished();
        let all = EACH * queues as u64;
        assert_eq!((number(&sent, "frames_sent"), number(&sent, "frames_unsent")), (all, 0), "{sent}");
        assert_eq!(of_queues(&sent, "frames_sent"), vec![EACH; queues], "{sent}");
        assert_spread(&of_queues(&received, "frames_received"), queues, all, &received);
        let counts = ["frames_received", "lost", "duplicate", "corrupt", "foreign"].map(|key| number(&received, key));
        assert_eq!(counts, [all, 0, 0, 0, 0], "{received}");
        let mut streams: Vec<(u64, u64, u64)> = received["report"]["streams"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| (s["stream"].as_u64().unwrap(), s["received"].as_u64().unwrap(), s["lost"].as_u64().unwrap()))
            .collect();
        streams.sort_unstable();
        assert_eq!(streams, (40..40 + queues as u64).map(|stream| (stream, EACH, 0)).collect::<Vec<_>>(), "{received}");
        // What the live line shows: the frames, and no loss that is only another queue's frames.
        let live = &received["last_snapshot"];
        assert_eq!((live["frames_received"].as_u64(), &live["lost"]), (Some(all), &Value::Null), "{received}");
    }
}

#[test]
fn round_trips_end_when_all_frames_have_returned_on_whichever_queue() {
    for queues in [4, 8] {
        let veth = Veth::new(&format!("rtt{queues}"));
        let reflector =
            Engine::start_in(&veth.right, &job_with_queues("reflect", queues, json!({ "drain": { "secs": 2, "nanos": 0 } }))).running();
        let sent = Engine::start_in(&veth.left, &sent_by(queues, json!({ "rtt": true, "drain": { "secs": 60, "nanos": 0 } })));
        let sent = sent.stopped_by_itself();
        let reflected = reflector.stopped();
        let all = EACH * queues as u64;
        assert_eq!((number(&sent, "frames_sent"), number(&reflected, "frames_sent")), (all, all), "{sent}\n{reflected}");
        let returned = &sent["report"]["returned"];
        for (key, expected) in [("received", all), ("lost", 0), ("in_flight", 0), ("duplicate", 0), ("corrupt", 0), ("foreign", 0)] {
            assert_eq!(returned[key], json!(expected), "{key}: {sent}");
        }
        let per_queue = of_queues(&sent, "frames_received");
        assert_spread(&per_queue, queues, all, &sent);
        assert!(
            per_queue.iter().any(|&frames| frames != EACH),
            "the queues on which frames return are not those they were sent on: {sent}"
        );
        assert_spread(&of_queues(&reflected, "frames_received"), queues, all, &reflected);
    }
}

#[test]
fn a_probe_stream_whose_frames_return_on_other_queues_is_whole() {
    let veth = Veth::new("probe");
    let reflector = Engine::start_in(&veth.right, &job_with_queues("reflect", 2, json!({ "drain": { "secs": 2, "nanos": 0 } }))).running();
    let more = json!({ "rtt": true, "probe": 1000.0, "drain": { "secs": 60, "nanos": 0 } });
    let sent = Engine::start_in(&veth.left, &sent_by(2, more)).stopped_by_itself();
    reflector.stopped();
    let all = number(&sent, "frames_sent");
    assert!(all > 2 * EACH, "{sent}");
    assert_eq!((&sent["report"]["returned"]["received"], &sent["report"]["returned"]["lost"]), (&json!(all), &json!(0)), "{sent}");
    assert_spread(&of_queues(&sent, "frames_received"), 2, all, &sent);
}
