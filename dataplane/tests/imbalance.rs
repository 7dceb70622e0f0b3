//! One flow on four queues: AF_PACKET hands all its frames to one socket by their hash (PACKET_FANOUT_HASH), as RSS does. The poll loop of that queue
//! is slowed down by a preloaded library, so that it limits the rate, and the counters of both ends name it. Needs root and a C compiler.
//!
//! The four loops share a CPU: those without frames get it only when the one with frames does not want it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use dataplane::CpuId;
use methodology::bottleneck::{End, Evidence, Limit, Loop, bottleneck};
use methodology::units::Seconds;
use serde_json::{Value, json};
use support::veth::Veth;
use support::{Engine, job, number};

const QUEUES: usize = 4;

/// How often it is measured until the loop of the frames was not interrupted.
const ATTEMPTS: usize = 4;

/// How long frames are sent.
const DURATION: u32 = 1;

/// More than AF_PACKET's sender takes for a frame.
const SLOW: [(&str, &str); 2] = [("SLOW_RX_NS", "10000"), ("IDLE_QUEUES_YIELD", "1")];

fn compiled(folder: &Path) -> PathBuf {
    let library = folder.join("slow_port.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slow_port/slow_port.c");
    let flags = ["-O2", "-shared", "-fPIC", "-pthread", "-o"];
    let output = Command::new("cc").args(flags).arg(&library).arg(source).arg("-ldl").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

fn job_with_queues(role: &str, queues: usize, cpu: CpuId, mut plan: Value) -> Value {
    plan["cpus"] = json!(vec![cpu.number(); queues]);
    let mut job = job(role, &format!("net_af_packet0,iface=veth0,qpairs={queues},framecnt=512"), plan);
    job["options"] = json!({ "queues": queues, "rx_descriptors": 512, "tx_descriptors": 512 });
    job["eal"] = json!({ "shared_cpus": true });
    job
}

/// The loops of an end. Those of the receiver share a CPU here, so that their interruptions are the test's own.
fn end(report: &Value, frames: &str) -> End {
    let poll_loop = |queue: &Value| Loop {
        frames: queue[frames].as_u64().unwrap(),
        ns_per_frame: queue["cycles"]["ns_per_frame"].as_f64(),
        interrupted: 0.0,
    };
    End { descriptors: 512, loops: report["report"]["queues"].as_array().unwrap().iter().map(poll_loop).collect() }
}

/// What limits one flow on four queues, as the counters of both ends show it.
fn measured(library: &Path) -> (Evidence, Limit) {
    let veth = Veth::new("oneflow");
    let cpus = CpuId::allowed();
    let (first, last) = (cpus[0], *cpus.last().unwrap());
    let receive = job_with_queues("receive", QUEUES, first, json!({ "drain": { "secs": 1, "nanos": 0 } }));
    let sink = Engine::start_preloaded_in(&veth.right, library, &SLOW, &receive).running();
    let plan = json!({ "duration": { "secs": DURATION, "nanos": 0 }, "flows": 1, "stream": 41 });
    let sender = Engine::start_in(&veth.left, &job_with_queues("send", 1, last, plan));
    let sent = sender.report();
    let received = sink.stopped();
    sender.finished();
    let evidence = Evidence {
        duration: Seconds::from_whole(DURATION),
        sent: number(&sent, "frames_sent"),
        refused: number(&sent, "frames_unsent"),
        received: number(&received, "frames_received"),
        burst: 64,
        sender: end(&sent, "frames_sent"),
        receiver: end(&received, "frames_received"),
        ..Evidence::default()
    };
    let finding = bottleneck(&evidence);
    eprintln!("{finding:?}: {evidence:?}");
    (evidence, finding.limit)
}

#[test]
fn one_flow_on_four_queues_is_an_imbalance() {
    let folder = tempfile::tempdir().unwrap();
    let library = compiled(folder.path());
    for _ in 0..ATTEMPTS {
        let (evidence, limit) = measured(&library);
        let most = evidence.receiver.loops.iter().max_by_key(|poll_loop| poll_loop.frames).unwrap();
        // A socket whose ring is full hands a few frames to the others (PACKET_FANOUT_FLAG_ROLLOVER).
        assert!(most.frames as f64 > 0.8 * evidence.received as f64, "{evidence:?}");
        if limit == Limit::RssImbalance {
            return;
        }
        let busy = most.ns_per_frame.unwrap() * most.frames as f64 / 1e9;
        assert!(busy < 0.85, "the loop had no time left, and {limit} was named: {evidence:?}");
    }
    eprintln!("the loop of the frames was interrupted each time, so that nothing was named");
}
