//! What `receive` makes of frames that a test has kept back, doubled, damaged or put together, told by the test's own count of them. `send`
//! writes its frames to a file (`tx_pcap`), the test changes the file, and `receive` reads it (`rx_pcap`).

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::process::Output;
use std::time::Duration;

use nix::sys::signal::Signal;
use program::pcap::{self, Captured};
use program::{Background, errors, json, linerate, run, wait_for};
use serde_json::{Value, json};

/// The tag of an untagged IPv4 frame begins here: two bytes of check, then the sequence number (docs/architecture.md).
const TAG: usize = 42;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// The frames that a sender of this run sent.
    fn sent(&self, more: &[&str]) -> Vec<Captured> {
        let file = self.0.path().join("sent.pcap");
        let port = format!("net_pcap0,tx_pcap={}", file.display());
        let output = run(&[&["send", "--port", &port, "--no-huge", "--quiet", "--json"], more].concat());
        assert!(output.status.success(), "{}", errors(&output));
        let frames = pcap::read(&file);
        assert_eq!(json(&output.stdout)["frames_sent"], json!(frames.len()), "as many as the file has");
        frames
    }

    /// What a receiver of these frames prints.
    fn received_with(&self, frames: &[Captured], more: &[&str]) -> Output {
        let file = self.0.path().join("received.pcap");
        pcap::write(&file, frames);
        let port = format!("net_pcap0,rx_pcap={}", file.display());
        let output = run(&[&["receive", "--port", &port, "--no-huge", "--quiet", "--duration", "1s"], more].concat());
        assert!(output.status.success(), "{}", errors(&output));
        output
    }

    fn received(&self, frames: &[Captured], more: &[&str]) -> Value {
        let report = json(&self.received_with(frames, &[&["--json"], more].concat()).stdout);
        // Every frame of the file is in one of the counts.
        let counted: u64 =
            ["frames_received", "duplicate", "corrupt", "foreign", "window_exceeded"].iter().map(|key| count(&report, key)).sum();
        assert_eq!(counted, frames.len() as u64, "{report}");
        report
    }

    fn text(&self, frames: &[Captured], more: &[&str]) -> String {
        String::from_utf8(self.received_with(frames, more).stdout).unwrap()
    }
}

fn count(report: &Value, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("no {key} in {report}"))
}

/// Received, lost, duplicate, reordered, corrupt and foreign.
fn counts(report: &Value) -> [u64; 6] {
    ["frames_received", "lost", "duplicate", "reordered", "corrupt", "foreign"].map(|key| count(report, key))
}

fn without(frames: &[Captured], left_out: impl Fn(usize) -> bool) -> Vec<Captured> {
    frames.iter().enumerate().filter(|(at, _)| !left_out(*at)).map(|(_, frame)| frame.clone()).collect()
}

#[test]
fn a_sender_that_is_started_again_is_a_new_run_whose_losses_are_its_own() {
    let folder = Folder::new();
    let first = folder.sent(&["--frames", "1000"]);
    let second = folder.sent(&["--frames", "1000"]);
    let kept = without(&second, |at| (300..800).contains(&at));
    let report = folder.received(&[first.clone(), kept.clone()].concat(), &[]);
    assert_eq!(counts(&report), [1500, 500, 0, 0, 0, 0], "{report}");
    let runs = report["streams"].as_array().unwrap();
    assert_eq!(
        runs.iter().map(|run| [&run["stream"], &run["run"], &run["lost"]]).collect::<Vec<_>>(),
        [[&json!(0), &json!(0), &json!(0)], [&json!(0), &json!(1), &json!(500)]]
    );
    // Copies are duplicates still, of either run.
    let copies = [first, kept.clone(), kept[..20].to_vec()].concat();
    assert_eq!(counts(&folder.received(&copies, &[]))[..3], [1500, 500, 20]);
}

#[test]
fn two_senders_on_one_stream_are_named() {
    let folder = Folder::new();
    let [one, other] = [(); 2].map(|()| folder.sent(&["--frames", "300"]));
    let mixed: Vec<Captured> = one.into_iter().zip(other).flat_map(|(one, other)| [one, other]).collect();
    let report = folder.received(&mixed, &[]);
    assert_eq!(report["streams"][0]["several_senders"], json!(true), "{report}");
    assert_eq!(count(&report, "duplicate"), 0, "{report}");
    let said = folder.text(&mixed, &[]);
    assert!(said.contains("two senders") && said.contains("--stream"), "{said}");
    let said = folder.text(&folder.sent(&["--frames", "300"]), &[]);
    assert!(!said.contains("two senders"), "{said}");
}

#[test]
fn a_receiver_that_starts_late_counts_losses_from_the_first_frame_that_it_saw() {
    let folder = Folder::new();
    let sent = folder.sent(&["--frames", "1000"]);
    let late = without(&sent, |at| at < 400 || [500, 501, 900].contains(&at));
    let report = folder.received(&late, &[]);
    assert_eq!(counts(&report), [597, 3, 0, 0, 0, 0], "{report}");
    assert_eq!((&report["streams"][0]["first_sequence"], &report["streams"][0]["last_lost"]), (&json!(400), &json!(900)), "{report}");
    let said = folder.text(&late, &[]);
    assert!(said.contains("lost        3 of sequence numbers 400 to 999") && said.contains("before      400 frames"), "{said}");
    // The first frame that it saw had overtaken two others.
    let mut overtaken = late;
    overtaken.swap(0, 2);
    assert_eq!(counts(&folder.received(&overtaken, &[]))[..4], [597, 3, 0, 2]);
}

#[test]
fn losses_at_the_end_are_said_to_be_unknown() {
    let folder = Folder::new();
    let sent = folder.sent(&["--frames", "1000"]);
    let report = folder.received(&sent[..900], &[]);
    assert_eq!(counts(&report), [900, 0, 0, 0, 0, 0]);
    assert_eq!(report["streams"][0]["highest_sequence"], json!(899));
    let said = folder.text(&sent[..900], &[]);
    assert!(said.contains("0 to 899") && said.contains("loss after that is unknown without the sender's count"), "{said}");
}

#[test]
fn a_wrong_udp_checksum_is_corrupt_where_it_is_checked_and_otherwise_the_zero_is_qualified() {
    let folder = Folder::new();
    // The UDP checksum of IPv4 and of IPv6, without and with a VLAN tag; frames with and without room for a CRC of the payload.
    for (headers, size, at) in
        [(&["ipv4"][..], "64", 40), (&["ipv4"], "66", 40), (&["ipv6"], "84", 60), (&["ipv4", "--vlan", "7"], "1518", 44)]
    {
        let headers = [&["--headers"], headers].concat();
        let mut frames = folder.sent(&[&["--frames", "200", "--size", size], &headers[..]].concat());
        let checking = [&["--check-payload"], &headers[..]].concat();
        assert_eq!(counts(&folder.received(&frames, &checking)), [200, 0, 0, 0, 0, 0], "{headers:?}, {size} B");
        (0..200).step_by(4).for_each(|number| frames[number].bytes[at] ^= 0x10);
        let report = folder.received(&frames, &checking);
        assert_eq!(counts(&report), [150, 49, 0, 0, 50, 0], "{headers:?}, {size} B: {report}");
        assert_eq!(report["payload_checked"], json!(true));
        let unchecked = folder.received(&frames, &headers);
        assert_eq!((&counts(&unchecked)[..], &unchecked["payload_checked"]), (&[200, 0, 0, 0, 0, 0][..], &json!(false)));
        let said = folder.text(&frames, &headers);
        assert!(said.contains("corrupt     0 by tag and length only (--check-payload"), "{said}");
    }
}

/// What is done to a tag, and its name.
type Damage = (&'static str, fn(&mut [u8]));

#[test]
fn frames_whose_tags_are_all_damaged_are_corrupt_and_not_foreign() {
    let folder = Folder::new();
    for more in [&["--frames", "300"][..], &["--frames", "300", "--flows", "20"], &["--frames", "300", "--size", "imix"]] {
        let sent = folder.sent(more);
        let damages: [Damage; 3] = [
            ("one bit", |tag| tag[3] ^= 1),
            ("zeros", |tag| tag.fill(0)),
            ("inverted", |tag| tag.iter_mut().for_each(|byte| *byte = !*byte)),
        ];
        for (what, damage) in damages {
            let mut damaged = sent.clone();
            damaged.iter_mut().for_each(|frame| damage(&mut frame.bytes[TAG..TAG + 18]));
            assert_eq!(counts(&folder.received(&damaged, &[])), [0, 0, 0, 0, 300, 0], "{more:?}, {what}");
        }
        // Cut off within the tag, the first of all.
        let mut cut = sent;
        cut.iter_mut().for_each(|frame| frame.bytes.truncate(TAG + 10));
        assert_eq!(counts(&folder.received(&cut, &[])), [0, 0, 0, 0, 300, 0], "{more:?}");
    }
}

#[test]
fn test_frames_that_are_replayed_are_foreign() {
    let folder = Folder::new();
    let file = folder.0.path().join("own.pcap");
    for (headers, size) in [("ipv4", "64"), ("ipv6", "128"), ("l2", "64")] {
        let own = folder.sent(&["--frames", "50", "--headers", headers, "--size", size]);
        pcap::write(&file, &own);
        let replayed = folder.sent(&["--pcap", file.to_str().unwrap(), "--frames", "150"]);
        let report = folder.received(&replayed, &["--headers", headers]);
        assert_eq!(counts(&report), [0, 0, 0, 0, 0, 150], "{headers}: {report}");
        for (frame, original) in replayed.iter().zip(own.iter().cycle()) {
            let changed = frame.bytes.iter().zip(&original.bytes).filter(|(new, old)| new != old).count();
            assert!(frame.bytes.len() == original.bytes.len() && changed <= 4, "{changed} bytes changed");
        }
    }
    let said = run(&["send", "--port", "net_null0", "--no-huge", "--quiet", "--frames", "1", "--pcap", file.to_str().unwrap()]);
    assert!(errors(&said).contains("50 frames are test frames of linerate"), "{}", errors(&said));
}

#[test]
fn the_rate_of_a_few_frames_is_that_of_the_gaps_between_them() {
    let folder = Folder::new();
    let socket = folder.0.path().join("lr.sock");
    for (frames, gaps) in [(3u64, 2.0), (1, 0.0)] {
        let sink = {
            let mut command = linerate();
            command.args(["receive", "--port", &format!("net_vhost0,iface={}", socket.display()), "--json", "--no-huge"]);
            Background::start(command)
        };
        wait_for("the socket", Duration::from_secs(60), || socket.exists());
        let port = format!("net_virtio_user0,path={},queue_size=1024", socket.display());
        let sent = run(&["send", "--port", &port, "--json", "--no-huge", "--quiet", "--rate", "2pps", "--frames", &frames.to_string()]);
        sink.signal(Signal::SIGINT);
        let received = json(&sink.finish(Duration::from_secs(60)).stdout);
        let sent = json(&sent.stdout);
        assert_eq!((count(&sent, "frames_sent"), count(&received, "frames_received")), (frames, frames));
        // Each is due half a second after the one before.
        assert_eq!(sent["rate_pps"], json!(2.0), "{sent}");
        match frames {
            1 => assert_eq!(received["rate_pps"], Value::Null, "one frame has no rate: {received}"),
            _ => {
                let (rate, time) = (received["rate_pps"].as_f64().unwrap(), received["duration_s"].as_f64().unwrap());
                assert!((rate * time - gaps).abs() < 1e-6, "{rate} pps in {time} s");
            }
        }
        let _ = std::fs::remove_file(&socket);
    }
}
