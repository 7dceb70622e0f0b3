//! One role a process, as people use it by hand: `receive`, `send`, `reflect`, and dpdk-testpmd at the other end.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::Signal;
use program::{Background, json, linerate, wait_for};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

fn start(arguments: &[&str]) -> Background {
    let mut command = linerate();
    command.args(arguments);
    Background::start(command)
}

/// `receive` or `reflect` on the socket's own end.
fn listener(role: &str, socket: &Path) -> Background {
    let listener = start(&[role, "--port", &format!("net_vhost0,iface={}", socket.display()), "--cpu", "0", "--json", "--no-huge"]);
    wait_for("the socket", LIMIT, || socket.exists());
    listener
}

fn send(socket: &Path, more: &[&str]) -> Value {
    let port = format!("net_virtio_user0,path={},queue_size=1024", socket.display());
    let output = linerate().args(["send", "--port", &port, "--json", "--no-huge", "--quiet"]).args(more).output().unwrap();
    assert!(output.status.success(), "{}", program::errors(&output));
    json(&output.stdout)
}

fn stopped(listener: Background) -> Value {
    listener.signal(Signal::SIGINT);
    let output = listener.finish(LIMIT);
    assert!(!output.stdout.is_empty(), "{}", program::errors(&output));
    json(&output.stdout)
}

fn count(report: &Value, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("no {key} in {report}"))
}

#[test]
fn a_rate_is_met_and_the_sink_accounts_for_every_frame_by_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let sink = listener("receive", &socket);
    let sent = send(&socket, &["--size", "64", "--rate", "100kpps", "--duration", "1s"]);
    let received = stopped(sink);
    assert_eq!(count(&sent, "intended_frames"), 100_000);
    assert_eq!(count(&sent, "frames_sent") + count(&sent, "frames_unsent"), 100_000, "{sent}");
    // What the port took and the sink did not see was lost, and only a poll loop that was interrupted can lose it here.
    let missing = count(&sent, "frames_sent") - count(&received, "frames_received");
    assert!(missing == 0 || received["hiccups"]["count"] != 0, "{missing} frames are missing without a hiccup: {received}");
    assert_eq!((count(&received, "duplicate"), count(&received, "reordered"), count(&received, "corrupt")), (0, 0, 0));
    for key in ["frames_sent", "frames_unsent", "duration_s", "rate_pps"] {
        assert!(sent[key].is_number(), "{key}");
    }
    for key in ["frames_received", "lost", "duplicate", "reordered", "corrupt", "foreign", "duration_s", "rate_pps"] {
        assert!(received[key].is_number(), "{key}");
    }
}

#[test]
fn each_role_tells_what_its_poll_loop_did_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    for role in ["receive", "reflect"] {
        let other = listener(role, &socket);
        let sent = send(&socket, &["--rate", "10kpps", "--duration", "500ms"]);
        for (report, frames) in [(&sent, "frames_sent"), (&stopped(other), "frames_received")] {
            let of = |part: &str, key: &str| report[part][key].as_f64().unwrap_or_else(|| panic!("no {key} of {part} in {report}"));
            let (busy, total) = (of("cycles", "busy"), of("cycles", "total"));
            assert!(0.0 < busy && busy <= total, "{report}");
            let by_frame = of("cycles", "per_frame") * count(report, frames) as f64;
            assert!((by_frame - busy).abs() <= busy * 1e-9, "{report}");
            assert!(of("cycles", "steal_s") >= 0.0 && of("cycles", "on_cpu_s") > 0.0, "{report}");
            let hiccups = report["hiccups"]["histogram"].as_array().unwrap();
            let counted: u64 = hiccups.iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum();
            assert_eq!(of("hiccups", "count"), counted as f64, "{report}");
            assert!(of("hiccups", "longest_ns") <= of("hiccups", "total_ns"), "{report}");
        }
        assert_eq!(sent["checksums"], "precomputed", "{sent}");
    }
}

#[test]
fn at_maximum_rate_unsent_and_lost_frames_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let sink = listener("receive", &socket);
    let sent = send(&socket, &["--rate", "max", "--duration", "1s"]);
    let received = stopped(sink);
    let (offered, came, lost) = (count(&sent, "frames_sent"), count(&received, "frames_received"), count(&received, "lost"));
    assert!(came > 0 && came + lost <= offered, "{offered} sent, {came} came, {lost} lost");
    let highest = received["streams"][0]["highest_sequence"].as_u64().unwrap();
    assert_eq!(highest + 1, came + lost, "every sequence number up to the highest came or is lost");
    assert!(count(&sent, "intended_frames") >= offered);
}

#[test]
fn a_reflector_gives_round_trip_times_in_nanoseconds() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let reflector = listener("reflect", &socket);
    let sent = send(&socket, &["--rate", "10kpps", "--duration", "1s", "--rtt"]);
    let reflected = stopped(reflector);
    let rtt = &sent["rtt_ns"];
    let at = |key: &str| rtt[key].as_u64().unwrap_or_else(|| panic!("no {key} in {rtt}"));
    assert!(0 < at("min") && at("min") <= at("p50") && at("p50") <= at("p99") && at("p99") <= at("p999") && at("p999") <= at("max"));
    assert_eq!(sent["returned"]["received"].as_u64().unwrap(), at("count"));
    assert!(count(&reflected, "frames_received") >= at("count") && count(&reflected, "frames_sent") >= at("count"));
}

#[test]
fn a_port_that_loops_through_memory_gives_the_testers_own_share_of_a_round_trip() {
    let arguments = ["send", "--port", "net_ring0", "--rtt", "--rate", "20kpps", "--duration", "500ms", "--json", "--no-huge", "--quiet"];
    let output = linerate().args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", program::errors(&output));
    let sent = json(&output.stdout);
    assert!(count(&sent, "frames_sent") > 0);
    assert_eq!(sent["returned"]["received"], sent["frames_sent"], "memory loses nothing: {sent}");
    assert_eq!(sent["rtt_ns"]["count"], sent["frames_sent"], "every frame was timed: {sent}");
    assert!(sent["rtt_ns"]["min"].as_u64().unwrap() > 0, "{sent}");
}

/// dpdk-testpmd without a terminal: it runs until its standard input says `quit`.
struct Testpmd {
    child: std::process::Child,
    /// What it has said.
    said: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Testpmd {
    fn start(vdev: &str, cpu: &str, mode: &str, prefix: &str) -> Testpmd {
        // Into a pipe it would say nothing before the end: stdbuf has it say every line.
        let mut command = Command::new("stdbuf");
        command.args([
            "-oL",
            "dpdk-testpmd",
            "--lcores",
            &format!("0@{cpu},1@{cpu}"),
            "--no-pci",
            "--no-huge",
            "-m",
            "256",
            "--no-telemetry",
            "--file-prefix",
            prefix,
        ]);
        command.args(["--vdev", vdev, "--", "-i", "--nb-cores=1", "--no-mlockall"]);
        command.args([&format!("--forward-mode={mode}"), "--total-num-mbufs=8192"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (said, output) = (Arc::new(Mutex::new(String::new())), BufReader::new(child.stdout.take().unwrap()));
        let heard = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                *heard.lock().unwrap() += &format!("{line}\n");
            }
        });
        Testpmd { child, said, reader }
    }

    fn say(&mut self, command: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// Waits until its own count, RX-packets or TX-packets, has come to this.
    fn wait_for_count(&mut self, counter: &str, least: u64) {
        wait_for(&format!("{counter} of {least}"), LIMIT, || {
            self.say("show port stats 0");
            last_count(&self.said.lock().unwrap(), counter).is_some_and(|count| count >= least)
        });
    }

    /// Ends it and gives its count in its final statistics.
    fn quit(mut self, counter: &str) -> u64 {
        self.say("stop");
        self.say("show port stats 0");
        self.say("quit");
        self.child.wait().unwrap();
        self.reader.join().unwrap();
        let said = self.said.lock().unwrap();
        last_count(&said, counter).unwrap_or_else(|| panic!("no {counter} in {said}"))
    }
}

fn last_count(said: &str, counter: &str) -> Option<u64> {
    let (_, after) = said.rsplit_once(&format!("{counter}: "))?;
    after.split_whitespace().next()?.parse().ok()
}

#[test]
fn testpmd_counts_what_send_says_it_sent() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let mut testpmd = Testpmd::start(&format!("net_vhost0,iface={}", socket.display()), "0", "rxonly", "lr-test-rx");
    testpmd.say("start");
    wait_for("testpmd's socket", LIMIT, || socket.exists());
    let sent = send(&socket, &["--rate", "20kpps", "--duration", "1s", "--cpu", "1"]);
    // It takes from the ring what is still in it when the sender has gone.
    testpmd.wait_for_count("RX-packets", count(&sent, "frames_sent"));
    let counted = testpmd.quit("RX-packets");
    assert_eq!(counted, count(&sent, "frames_sent"));
}

#[test]
fn frames_of_testpmd_are_foreign_and_never_taken_for_test_frames() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let sink = listener("receive", &socket);
    let mut testpmd = Testpmd::start(&format!("net_virtio_user0,path={},queue_size=1024", socket.display()), "1", "txonly", "lr-test-tx");
    testpmd.say("set txpkts 60");
    // A few bursts, slow enough for any machine: the ring of the sink hides them all.
    testpmd.say("set burst 1");
    testpmd.say("start");
    testpmd.wait_for_count("TX-packets", 1);
    let counted = testpmd.quit("TX-packets");
    let received = stopped(sink);
    assert_eq!(count(&received, "frames_received"), 0);
    let foreign = count(&received, "foreign");
    assert!(foreign > 0 && foreign <= counted, "{foreign} of {counted}");
    let dropped = received["counters"]["after"]["rx_missed"].as_u64().unwrap_or(0);
    assert!(foreign == counted || dropped > 0 || received["hiccups"]["count"] != 0, "{foreign} of {counted}: {received}");
}
