//! net_null, net_ring and net_pcap: ports without another end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use support::{Engine, job, number};

fn run(job: &Value) -> Value {
    Engine::start(job).stopped_by_itself()
}

fn frames(count: u64, more: Value) -> Value {
    let mut plan = json!({ "duration": { "secs": 100, "nanos": 0 }, "frames": count });
    plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plan
}

#[test]
fn null_takes_every_frame() {
    for flows in [1, 1000] {
        let sent = run(&job("send", "net_null0", frames(1_000_000, json!({ "flows": flows }))));
        assert_eq!((number(&sent, "frames_sent"), number(&sent, "frames_unsent")), (1_000_000, 0), "{sent}");
        let counters = &sent["report"]["counters"];
        assert_eq!(counters["after"]["tx_packets"].as_u64().unwrap() - counters["before"]["tx_packets"].as_u64().unwrap(), 1_000_000);
        assert_eq!(sent["port"]["link_speed"], Value::Null, "10 Gbit/s is net_null's invention");
    }
}

#[test]
fn what_null_makes_up_is_foreign() {
    let plan = json!({ "duration": { "secs": 0, "nanos": 200_000_000 } });
    let seen = run(&job("receive", "net_null0,size=60", plan));
    assert!(number(&seen, "foreign") > 0, "{seen}");
    assert_eq!((number(&seen, "frames_received"), number(&seen, "corrupt"), number(&seen, "lost")), (0, 0, 0), "{seen}");
}

#[test]
fn ring_gives_every_frame_back() {
    // Faster than the ring is emptied, and slower: what it does not take is unsent and leaves no gap in the sequence.
    for (pace, size) in [(json!("max"), 64), (json!({ "rate": 100_000.0 }), 1518)] {
        let plan = frames(
            50_000,
            json!({ "pace": pace, "rtt": true, "traffic": { "test": size }, "flows": 7, "drain": { "secs": 20, "nanos": 0 } }),
        );
        let sent = run(&job("send", "net_ring0", plan));
        let taken = number(&sent, "frames_sent");
        let returned = &sent["report"]["returned"];
        assert!(taken > 0);
        assert_eq!(returned["received"], json!(taken), "{sent}");
        for nothing in ["lost", "duplicate", "reordered", "corrupt", "foreign"] {
            assert_eq!(returned[nothing], json!(0), "{nothing}: {sent}");
        }
        assert_eq!(sent["report"]["rtt_ns"]["count"], json!(taken));
    }
}

#[test]
fn rfc8219_7_2_frames_sent_before_the_path_has_settled_are_counted_and_not_timed() {
    // 20,000 frames, of which the last 5,000 are due after a second and a half. However late the machine lets them go, none is left out.
    let plan = json!({ "pace": { "rate": 10_000.0 }, "duration": { "secs": 2, "nanos": 0 }, "rtt": true,
                       "timed_after": { "secs": 1, "nanos": 500_000_000 }, "late": { "catch-up": { "bound": 100_000_000_000_u64 } },
                       "drain": { "secs": 20, "nanos": 0 } });
    let sent = run(&job("send", "net_ring0", plan));
    assert_eq!(sent["report"]["returned"]["received"], json!(20_000), "{sent}");
    let timed = sent["report"]["rtt_ns"]["count"].as_u64().unwrap();
    assert!((5_000..20_000).contains(&timed), "{timed} were timed: {sent}");
}

#[test]
fn time_on_the_cpu_is_that_of_sending_and_not_of_waiting_for_what_never_comes_back() {
    // net_null takes every frame and gives none of them back, so that the whole drain is waited for.
    let plan = json!({ "pace": { "rate": 10_000.0 }, "duration": { "secs": 0, "nanos": 100_000_000 }, "rtt": true,
                       "drain": { "secs": 2, "nanos": 0 } });
    let sent = run(&job("send", "net_null0", plan));
    assert_eq!(sent["report"]["returned"]["received"], json!(0), "{sent}");
    let cycles = &sent["report"]["cycles"];
    let (on_cpu, total) = (cycles["on_cpu_s"].as_f64().unwrap(), cycles["total"].as_f64().unwrap() / cycles["hz"].as_f64().unwrap());
    assert!(on_cpu > 0.0 && on_cpu < total + 1.0, "{on_cpu} s on the CPU of {total} s: {sent}");
}

#[test]
fn a_schedule_accounts_for_every_frame_it_asked_for() {
    let plan = json!({ "pace": { "rate": 123_456.0 }, "duration": { "secs": 1, "nanos": 0 } });
    let sent = run(&job("send", "net_null0", plan));
    let accounted: u64 = ["frames_sent", "frames_unsent", "frames_skipped"].iter().map(|key| number(&sent, key)).sum();
    assert_eq!((number(&sent, "intended_frames"), accounted), (123_456, 123_456), "{sent}");
    assert!(sent["report"]["lateness"]["max_ns"].as_u64().is_some() && sent["report"]["gaps"]["count"].as_u64().unwrap() > 0);
}

/// tshark's fields of a capture, one row a packet.
fn dissect(capture: &std::path::Path, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-T", "fields"]);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    let output = command.output().expect("tshark is needed: apt install tshark");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn a_capture_shows_what_was_meant() {
    let directory = tempfile::tempdir().unwrap();
    for (format, size, l3) in [("ipv4-udp", 64, "ip"), ("ipv4-udp", 1518, "ip"), ("ipv6-udp", 128, "ipv6")] {
        let capture = directory.path().join(format!("{format}-{size}.pcap"));
        let plan = frames(2_000, json!({ "frame": format, "traffic": { "test": size }, "flows": 500, "stream": 9 }));
        let sent = run(&job("send", &format!("net_pcap0,tx_pcap={}", capture.display()), plan));
        assert_eq!(number(&sent, "frames_sent"), 2_000);
        let fields = ["frame.len", "ip.checksum.status", "udp.checksum.status", "udp.payload", "udp.srcport", "udp.dstport"];
        let addresses = [format!("{l3}.src"), format!("{l3}.dst")];
        let rows = dissect(&capture, &[&fields[..], &[&addresses[0], &addresses[1]]].concat());
        assert_eq!(rows.len(), 2_000);
        let mut flows: BTreeMap<&[String], u32> = BTreeMap::new();
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(row[0], (size - 4).to_string(), "{row:?}");
            assert_eq!((row[1].as_str(), row[2].as_str()), (if l3 == "ip" { "1" } else { "" }, "1"), "good checksums: {row:?}");
            // The tag: check, sequence, stream, time stamp; little-endian.
            let byte = |at: usize| u8::from_str_radix(&row[3][2 * at..2 * at + 2], 16).unwrap();
            let sequence = u64::from_le_bytes(std::array::from_fn(|i| byte(2 + i)));
            assert_eq!((sequence, u16::from_le_bytes([byte(10), byte(11)])), (number as u64, 9));
            *flows.entry(&row[4..8]).or_default() += 1;
        }
        assert_eq!(flows.len(), 500, "every flow is on the wire");
        assert!(flows.values().all(|&share| share == 4), "in equal shares");
    }
}

#[test]
fn a_capture_is_received_as_it_was_sent() {
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("l2.pcap");
    let plan = frames(3_000, json!({ "frame": "l2", "tagging": { "vlan": 5 }, "traffic": { "test": 256 } }));
    run(&job("send", &format!("net_pcap0,tx_pcap={}", capture.display()), plan));
    let rows = dissect(&capture, &["eth.type", "vlan.id", "vlan.etype"]);
    assert!(rows.iter().all(|row| row[0] == "0x8100" && row[1] == "5" && row[2] == "0x88b5"), "{:?}", rows[0]);
    let plan = json!({ "frame": "l2", "tagging": { "vlan": 5 }, "check_payload": true, "duration": { "secs": 2, "nanos": 0 } });
    let seen = run(&job("receive", &format!("net_pcap0,rx_pcap={}", capture.display()), plan));
    assert_eq!((number(&seen, "frames_received"), number(&seen, "lost"), number(&seen, "corrupt")), (3_000, 0, 0), "{seen}");
}
