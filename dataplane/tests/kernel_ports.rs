//! AF_PACKET over a veth pair between two network namespaces that the test makes and removes. Needs root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use serde_json::{Value, json};
use support::veth::Veth;
use support::{Engine, job, number};

const PORT: &str = "net_af_packet0,iface=veth0";

/// Fewer frames than the ring holds: none may be lost, however busy the machine is.
fn few(more: Value) -> Value {
    let mut plan = json!({ "duration": { "secs": 100, "nanos": 0 }, "frames": 300 });
    plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plan
}

#[test]
fn a_veth_carries_every_frame() {
    let veth = Veth::new("carry");
    for size in [64, 1518] {
        let sink = Engine::start_in(&veth.right, &job("receive", PORT, json!({ "size": size }))).running();
        let sender = Engine::start_in(&veth.left, &job("send", PORT, few(json!({ "traffic": { "test": size } }))));
        let sent = sender.report();
        let received = sink.stopped();
        sender.finished();
        assert_eq!((number(&sent, "frames_sent"), number(&received, "frames_received")), (300, 300), "{received}\n{sent}");
        assert_eq!((number(&received, "lost"), number(&received, "corrupt")), (0, 0));
    }
}

#[test]
fn a_veth_is_timed_there_and_back() {
    let veth = Veth::new("rtt");
    let reflector = Engine::start_in(&veth.right, &job("reflect", PORT, json!({}))).running();
    let plan = few(json!({ "rtt": true, "drain": { "secs": 20, "nanos": 0 } }));
    let sent = Engine::start_in(&veth.left, &job("send", PORT, plan)).stopped_by_itself();
    assert_eq!(sent["report"]["returned"]["received"], json!(300), "{sent}");
    assert_eq!(number(&reflector.stopped(), "frames_sent"), 300);
}

#[test]
fn a_frame_that_does_not_fit_the_drivers_buffers_is_refused_before_anything_is_sent() {
    let veth = Veth::new("mtu");
    let mut large = job("send", PORT, few(json!({ "traffic": { "test": 1519 } })));
    large["options"] = json!({ "max_frame": 9018 });
    let said = Engine::start_in(&veth.left, &large).failure();
    assert!(said.contains("9018 B") && said.contains("MTU of 9000") && said.contains("at most 1956 B"), "{said}");
}
