//! What `send` says of the load that it offered, beside the frames that it really wrote to a file (`tx_pcap`).

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use program::pcap::{self, Captured};
use program::{Background, errors, json, linerate, run, wait_for};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let port = format!("net_pcap0,tx_pcap={}", self.file("sent.pcap").display());
        [&["send", "--port", &port, "--no-huge", "--quiet", "--json"], more].concat().into_iter().map(str::to_owned).collect()
    }

    /// A sender's report, and the frames that it wrote.
    fn sent(&self, more: &[&str]) -> (Value, Vec<Captured>) {
        let arguments = self.arguments(more);
        let output = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(output.status.success(), "{}", errors(&output));
        (json(&output.stdout), pcap::read(&self.file("sent.pcap")))
    }

    /// The same of a sender that is stopped for `hole` once it has sent for a while.
    fn sent_with_a_hole(&self, hole: Duration, more: &[&str]) -> (Output, Vec<Captured>) {
        let mut command = linerate();
        command.args(self.arguments(more));
        let _ = std::fs::remove_file(self.file("sent.pcap"));
        let sender = Background::start(command);
        // libpcap writes by blocks: some of its first frames are in the file.
        wait_for("the first frames", LIMIT, || std::fs::metadata(self.file("sent.pcap")).is_ok_and(|file| file.len() > 5000));
        sender.signal(Signal::SIGSTOP);
        std::thread::sleep(hole);
        sender.signal(Signal::SIGCONT);
        let output = sender.finish(LIMIT);
        (output, pcap::read(&self.file("sent.pcap")))
    }
}

fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("no {key} in {report}"))
}

/// Bits on the wire: with FCS, preamble and gap.
fn wire_bits(frames: &[Captured]) -> f64 {
    frames.iter().map(|frame| 8.0 * (frame.bytes.len() as f64 + 24.0)).sum()
}

#[test]
fn a_sender_that_is_stopped_at_its_end_offered_its_frames_over_the_time_that_was_asked_for() {
    let folder = Folder::new();
    // Stopped soon after it began, and for longer than it was to send: nothing goes after that.
    let (output, frames) = folder.sent_with_a_hole(Duration::from_secs(4), &["--rate", "10kpps", "--duration", "3s"]);
    let report = json(&output.stdout);
    let sent = number(&report, "frames_sent");
    assert_eq!(sent, frames.len() as f64, "the file has what was sent");
    assert_eq!((number(&report, "intended_frames"), sent + number(&report, "frames_unsent")), (30_000.0, 30_000.0), "{report}");
    assert!(sent < 30_000.0, "it was stopped: {report}");
    assert_eq!(number(&report, "duration_s"), 3.0, "{report}");
    assert!((number(&report, "rate_pps") - sent / 3.0).abs() < 1e-6, "{report}");
}

#[test]
fn a_mix_is_interleaved_and_its_bits_are_those_of_the_bytes_that_were_sent() {
    let folder = Folder::new();
    for (frames, of_each) in [("28", [17, 9, 2]), ("48", [28, 16, 4])] {
        let (report, sent) = folder.sent(&["--size", "imix", "--frames", frames, "--rate", "10Mbps"]);
        let counted = [60, 566, 1514].map(|length| sent.iter().filter(|frame| frame.bytes.len() == length).count());
        assert!(counted.iter().zip(of_each).all(|(counted, meant): (&usize, usize)| counted.abs_diff(meant) <= 1), "{counted:?}");
        let bytes: usize = sent.iter().map(|frame| frame.bytes.len() + 4).sum();
        assert_eq!(number(&report, "bytes_sent"), bytes as f64, "{report}");
        let duration = number(&report, "duration_s");
        assert!((number(&report, "l1_bps") * duration - wire_bits(&sent)).abs() < 1e-3, "{report}");
        assert!((number(&report, "l2_bps") * duration - 8.0 * bytes as f64).abs() < 1e-3, "{report}");
        // Each frame is due after its own bits: the last one after all of them, unless it was late.
        assert!(duration >= wire_bits(&sent) / 10e6 - 1e-9, "{report}");
    }
}

/// How a rate is asked for, and the bytes that it counts of a frame of so many bytes of wire.
type Rate = (&'static [&'static str], fn(f64) -> f64);

#[test]
fn a_capture_is_sent_at_a_rate_of_bits_by_its_frames_own_sizes() {
    let folder = Folder::new();
    let file = folder.file("in.pcap");
    // The shortest is padded to 60 bytes.
    let frames = pcap::frames_of([42, 1514, 60, 700, 200], 1_000_000);
    pcap::write(&file, &frames);
    let padded = |length: usize| length.max(60) as f64 + 24.0;
    let rates: [Rate; 3] = [
        (&["--rate", "10Mbps"], |wire| wire),
        (&["--rate", "50%", "--link", "20M"], |wire| wire),
        // Layer 2: without the 20 bytes between frames.
        (&["--rate", "10MbpsL2"], |wire| wire - 20.0),
    ];
    for (rate, counted_bytes) in rates {
        let late = &["--pcap", file.to_str().unwrap(), "--duration", "1s", "--late-bound", "60s"];
        let (report, sent) = folder.sent(&[late, rate].concat());
        assert!(sent.iter().zip(frames.iter().cycle()).all(|(sent, meant)| sent.bytes.len() == meant.bytes.len().max(60)), "in order");
        let bits: f64 = sent.iter().map(|frame| 8.0 * counted_bytes(padded(frame.bytes.len()))).sum();
        // A second of ten megabits, to the frame.
        assert!((bits - 10e6).abs() <= 8.0 * 1538.0 + 10e6 * 1e-4, "{rate:?}: {bits} bits");
        assert_eq!(sent.len() as f64, number(&report, "intended_frames"));
    }
    let refused = run(&["send", "--port", "net_null0", "--no-huge", "--pcap", file.to_str().unwrap(), "--rate", "30Mbps", "--link", "20M"]);
    assert!(errors(&refused).contains("above line rate") && errors(&refused).contains("in.pcap"), "{}", errors(&refused));
    // At a rate of frames all frames take the same time.
    let (report, sent) = folder.sent(&["--pcap", file.to_str().unwrap(), "--rate", "1kpps", "--frames", "7"]);
    assert!(sent.len() == 7 && number(&report, "duration_s") >= 0.007, "{report}");
}

#[test]
fn a_replay_in_its_own_timing_that_falls_behind_says_so_and_aborts_where_it_is_asked_to() {
    let folder = Folder::new();
    let file = folder.file("in.pcap");
    pcap::write(&file, &pcap::frames_of(std::iter::repeat_n(600, 2000), 1_000_000));
    let replay = ["--pcap", file.to_str().unwrap(), "--own-timing", "--frames", "2000"];
    let hole = Duration::from_millis(600);
    let (output, frames) = folder.sent_with_a_hole(hole, &replay);
    let report = json(&output.stdout);
    let lateness = &report["lateness"];
    assert!(number(lateness, "max_ns") >= 500e6 && number(lateness, "late_bursts") >= 1.0, "{lateness}");
    // What was more than 10 ms late is left out: 500 frames and more. The others have their own numbers.
    let sent = number(&report, "frames_sent");
    assert_eq!((sent, sent + number(&report, "frames_unsent")), (frames.len() as f64, 2000.0), "{report}");
    assert!(number(&report, "frames_unsent") >= 500.0, "{report}");
    assert_eq!(number(&report, "intended_frames"), 2000.0, "{report}");

    let began = Instant::now();
    let (output, frames) = folder.sent_with_a_hole(hole, &[&replay[..], &["--late", "abort"]].concat());
    assert!(!output.status.success());
    let said = errors(&output);
    assert!(said.contains("late") && said.contains("ended early"), "{said}");
    assert!(frames.len() < 2000 && began.elapsed() > hole);
    assert_eq!(number(&json(&output.stdout), "frames_sent"), frames.len() as f64);
}

#[test]
fn the_gap_that_is_intended_is_not_rounded_to_the_clocks_ticks() {
    let send = ["send", "--port", "net_null0", "--no-huge", "--quiet", "--rate", "10Gbps", "--duration", "100ms"];
    let output = run(&send);
    let said = String::from_utf8_lossy(&output.stdout);
    // 64 + 20 bytes at 10 Gbit/s.
    assert!(said.contains("67.2 ns intended"), "{said} {}", errors(&output));
}
