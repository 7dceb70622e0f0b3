//! Counts agree with dpdk-testpmd's own, in both directions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod support;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::{Engine, job, number, socket};

/// A testpmd that forwards from its start; killed where the test fails.
struct Testpmd(Child);

/// The run-time directory that it leaves behind.
fn prefix() -> String {
    format!("lrt{}", std::process::id())
}

impl Testpmd {
    fn start(vdev: &str, mode: &str) -> Testpmd {
        let child = Command::new("dpdk-testpmd")
            .args(["--lcores", "0@0,1@0", "--no-pci", "--no-telemetry", "--no-huge", "--no-shconf", "-m", "512"])
            .args([&format!("--file-prefix={}", prefix()), "--vdev", vdev, "--", "--nb-cores=1", "--auto-start"])
            .args(["--no-mlockall", "--total-num-mbufs=16384", &format!("--forward-mode={mode}"), "--txpkts=60"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dpdk-testpmd is needed: apt install dpdk-dev");
        Testpmd(child)
    }

    /// Ends it, and gives its own totals: (received, sent).
    fn totals(mut self) -> (u64, u64) {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut said = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        self.0.wait().unwrap();
        let all = said.rsplit("Accumulated forward statistics").next().unwrap();
        let after = |key: &str| all.split(key).nth(1).unwrap_or_else(|| panic!("no {key} in {said}"));
        let total = |key: &str| after(key).split_whitespace().next().unwrap().parse().unwrap();
        (total("RX-packets:"), total("TX-packets:"))
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_dir_all(Path::new("/var/run/dpdk").join(prefix()));
    }
}

fn wait_for(path: &Path) {
    while !path.exists() {
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn testpmd_swaps_and_counts_what_we_sent() {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let testpmd = Testpmd::start(&format!("net_vhost0,iface={}", socket.display()), "macswap");
    wait_for(&socket);
    let plan = json!({ "pace": { "rate": 10_000.0 }, "frames": 20_000, "duration": { "secs": 100, "nanos": 0 }, "rtt": true,
                       "drain": { "secs": 30, "nanos": 0 } });
    let mut send = job("send", &format!("net_virtio_user0,path={}", socket.display()), plan);
    send["link"] = json!(60.0);
    let sender = Engine::start(&send);
    let sent = sender.report();
    let frames = number(&sent, "frames_sent");
    assert!(frames > 0);
    // On a busy machine testpmd finds the ring back full and drops: it says so, and we say the same number.
    let (taken_in, given_back) = testpmd.totals();
    assert!(given_back > 0);
    assert_eq!(taken_in, frames, "{sent}");
    assert_eq!(sent["report"]["returned"]["received"], json!(given_back), "{sent}");
    assert_eq!(sent["report"]["returned"]["lost"], json!(taken_in - given_back), "{sent}");
    sender.finished();
}

#[test]
fn what_testpmd_sends_is_foreign_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let sink = Engine::start(&job("receive", &format!("net_vhost0,iface={}", socket.display()), json!({}))).running();
    let testpmd = Testpmd::start(&format!("net_virtio_user0,path={}", socket.display()), "txonly");
    thread::sleep(Duration::from_secs(3));
    let (_, sent) = testpmd.totals();
    let seen = sink.stopped();
    assert!(sent > 0, "{seen}");
    // testpmd's addresses are of 198.18.0.0/15 like ours, and still its frames are not damaged test frames.
    assert_eq!((number(&seen, "frames_received"), number(&seen, "corrupt"), number(&seen, "lost")), (0, 0, 0), "{seen}");
    let foreign = number(&seen, "foreign");
    // testpmd closes its port without waiting for its ring of 256 to be emptied.
    assert!((sent.saturating_sub(256)..=sent).contains(&foreign), "{sent} sent, {foreign} seen");
}
