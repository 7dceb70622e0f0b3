//! What `linerate tune --scaling` says limits a rate, where the limit was planted. Ports are those of the lab and of a link between namespaces; a
//! preloaded library (`dataplane/tests/slow_port`) makes one end of them slow. Needs root and a C compiler.
//!
//! Each case is measured until a trial was not interrupted. A machine on which every trial of many attempts was interrupted proves nothing, and the test
//! says so by failing.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use program::shaped_link::{ShapedLink, Shaper};
use program::{errors, json, linerate};
use serde_json::Value;
use tempfile::TempDir;

/// How often a case is measured until a trial was not interrupted.
const ATTEMPTS: usize = 12;

/// One lab at a time: poll loops that share CPUs measure each other.
static ALONE: Mutex<()> = Mutex::new(());

/// A folder for runs, with the library that slows ports down.
struct Place {
    folder: TempDir,
    library: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    fn new() -> Place {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("slow_port.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dataplane/tests/slow_port/slow_port.c");
        let flags = ["-O2", "-shared", "-fPIC", "-pthread", "-o"];
        let compiled = Command::new("cc").args(flags).arg(&library).arg(&source).arg("-ldl").output().unwrap();
        assert!(compiled.status.success(), "{}", errors(&compiled));
        Place { folder, library, _alone: alone }
    }

    /// The point of one queue, where ports are slow as these variables say.
    fn point(&self, attempt: usize, slow: &[(&str, &str)], more: &[&str]) -> Value {
        // The poll loops go before whatever else runs here: their absences are the tester's. A session of its own is a group of its own for the
        // scheduler (sched(7), autogroup), whose weight counts beside that of other sessions.
        let first = r#"echo -20 > /proc/self/autogroup 2> /dev/null; exec nice -n -20 "$0" "$@""#;
        let mut command = Command::new("setsid");
        command.args(["--wait", "sh", "-c", first]).arg(linerate().get_program());
        command.args(["tune", "--scaling", "--knob", "queues=1", "--trials", "20", "--trial", "50ms", "--accept-disturbed", "--json"]);
        command.arg("--out").arg(self.folder.path().join(format!("run-{attempt}"))).args(more);
        if !slow.is_empty() {
            command.env("LD_PRELOAD", &self.library).envs(slow.iter().copied());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        json(&output.stdout)["points"][0].clone()
    }

    /// What is named must be this.
    fn limit_is(&self, expected: &str, slow: &[(&str, &str)], more: &[&str]) {
        for attempt in 1..=ATTEMPTS {
            let point = self.point(attempt, slow, more);
            eprintln!("{expected}, attempt {attempt}: {} Mpps, {}", point["rate_pps"].as_f64().unwrap_or(0.0) / 1e6, point["limit"]);
            match point["limit"]["limit"].as_str() {
                Some(limit) if limit == expected => return,
                Some("disturbed") => {}
                _ => panic!("{expected} was planted, and this was named: {point}"),
            }
        }
        panic!(
            "{expected} was planted, and nothing was named: every trial of {ATTEMPTS} attempts was interrupted; end what else runs on this machine"
        );
    }
}

#[test]
fn a_receiver_that_is_slowed_down_is_named() {
    Place::new().limit_is("receiver-core", &[("SLOW_RX_NS", "200")], &[]);
}

// With 200 ns, a small virtual machine had so many long iterations that every trial counted as interrupted.
#[test]
fn a_driver_of_the_sender_that_is_slowed_down_is_named() {
    Place::new().limit_is("driver", &[("SLOW_TX_NS", "60")], &[]);
}

#[test]
fn a_generator_that_is_slowed_down_on_every_port_is_named() {
    Place::new().limit_is("generator-core", &[("SLOW_TX_NS", "60"), ("SLOW_NULL", "1")], &[]);
}

/// The receiver does something else for 8 µs when it has found no frame. Meanwhile a ring of 64 fills up, although the receiver has time. The sender
/// is slower than the receiver, so that the ring does become empty.
const AWAY: [(&str, &str); 2] = [("SLOW_EMPTY_POLL_NS", "8000"), ("SLOW_TX_NS", "60")];

#[test]
fn a_ring_of_64_is_named() {
    Place::new().limit_is("ring", &AWAY, &["--set", "rx-descriptors=64", "--set", "burst=64"]);
}

/// A ring of 1024 holds the frames of that time: between the same ends, the sender's driver is the limit then.
#[test]
fn a_ring_that_is_large_enough_is_not_named() {
    Place::new().limit_is("driver", &AWAY, &["--set", "rx-descriptors=1024", "--set", "burst=64"]);
}

/// A token bucket behind the sender's interface drops what exceeds 100 Mbit/s. Frames are bridged on the sender's CPU, so that the receiver has time;
/// they are large, because the bucket's timer fires for each.
#[test]
fn a_rate_limited_link_is_named() {
    let place = Place::new();
    let link = ShapedLink::up(&Shaper { rate: 100e6, burst: 16_000.0, limit: 64_000.0, on_receivers_cpu: false });
    let testbed = place.folder.path().join("testbed.toml");
    std::fs::write(&testbed, link.testbed()).unwrap();
    place.limit_is("port-or-pcie", &[], &["--force", "--size", "1518", "--testbed", testbed.to_str().unwrap(), "--pair", "from:to"]);
}
