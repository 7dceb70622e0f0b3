//! Bad input ends with what failed, on what, and what to do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use serde_json::{Value, json};
use support::{Engine, job, socket};

fn refused(role: &str, port: &str, plan: Value, parts: &[&str]) {
    let said = Engine::start(&job(role, port, plan)).failure();
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn ports_that_do_not_exist() {
    refused("send", "eth0", json!({}), &["`eth0` is not a port", "net_virtio_user0,path=", "0000:03:00.0"]);
    refused("send", "net_af_packet0,iface=no-such-if", json!({}), &["interface `no-such-if` does not exist", "ip link"]);
    refused("send", "net_virtio_user0,path=/tmp/linerate-no-such.sock", json!({}), &["no process listens on", "net_vhost0,iface="]);
    refused("send", "net_pcap0,rx_pcap=/tmp/linerate-no-such.pcap", json!({}), &["net_pcap0", "DPDK says"]);
    // With or without a PCI bus, there is no device at this address.
    refused("send", "ff:1f.7", json!({}), &["there is no PCI device at 0000:ff:1f.7", "linerate ports"]);
    refused("send", "ff:1f.7,representor=vf0", json!({}), &["there is no PCI device at 0000:ff:1f.7"]);
    refused("send", "03:00.0,representor=vf", json!({}), &["`vf` is not a representor", "vf65535"]);
}

#[test]
fn a_port_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let vhost = format!("net_vhost0,iface={}", socket(directory.path()).display());
    let first = Engine::start(&job("receive", &vhost, json!({}))).running();
    refused("receive", &vhost, json!({}), &["in use", "another process listens"]);
    first.stopped();
    // The socket of a killed process does not prevent another start.
    let killed = Engine::start(&job("receive", &vhost, json!({}))).running();
    drop(killed);
    assert!(socket(directory.path()).exists());
    Engine::start(&job("receive", &vhost, json!({}))).running().stopped();
}

#[test]
fn invalid_plans() {
    refused("send", "net_null0", json!({ "traffic": { "test": 1522 } }), &["1522 B", "at most 1518 B"]);
    refused("send", "net_null0", json!({ "traffic": { "test": 63 } }), &["frame size 63 bytes", "64 to 16000"]);
    refused("send", "net_null0", json!({ "traffic": { "test": 64 }, "frame": "ipv6-udp" }), &["64 B", "84"]);
    refused("send", "net_null0", json!({ "burst": 0 }), &["burst", "1 to 256"]);
    refused("send", "net_null0", json!({ "duration": { "secs": 0, "nanos": 0 } }), &["duration", "longer than 0 s"]);
    refused("send", "net_null0", json!({ "flows": 0 }), &["flows"]);
    refused("send", "net_null0", json!({ "pace": { "rate": 0.0 } }), &["rate"]);
    refused("receive", "net_null0", json!({ "cpus": [4095] }), &["CPU 4095", "affinity"]);
    refused("receive", "net_null0", json!({ "window": 4_000_000_000u32 }), &["window"]);
}

/// Software ports have no clock and no rate limits for queues. The error names ports that have them.
#[test]
fn features_that_few_nics_have_are_refused_on_other_ports() {
    let opened = |options: Value, plan: Value, parts: &[&str]| {
        let mut job = job("send", "net_null0", plan);
        job["options"] = options;
        let said = Engine::start(&job).failure();
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
    };
    opened(
        json!({ "send_on_timestamp": true }),
        json!({}),
        &["net_null", "does not hold frames until a send time", "tx_pp=500", "pace by software"],
    );
    opened(json!({ "arrival_times": true }), json!({ "rtt": true }), &["net_null", "does not write arrival times"]);
    let rate = json!({ "rate": 1e6 });
    opened(
        json!({}),
        json!({ "pacing": "queue-rate", "pace": rate }),
        &["limiting the rate of a queue", "ixgbe", "net_null0", "pace by software"],
    );
    opened(json!({}), json!({ "pacing": "send-on-timestamp", "pace": rate }), &["was opened without it"]);
    opened(json!({}), json!({ "pacing": "queue-rate", "pace": "max" }), &["give a rate"]);
}

#[test]
fn memory_that_does_not_exist() {
    let mut huge = job("send", "net_null0", json!({}));
    huge["eal"] = json!({ "memory": { "huge-pages": { "megabytes": 900_000_000 } } });
    let said = Engine::start(&huge).failure();
    assert!(said.contains("DPDK could not be initialised") && said.contains("nr_hugepages"), "{said}");
}
