//! A run that something ends in the middle: it says what, tells what was the report above covers the time until then, and does not end like one that was whole.
//! Links are veth pairs between namespaces that the tests make, and shared memory. Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::process::Output;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use program::veth::{PORT, Veth, ip};
use program::{Background, errors, json, linerate};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// For longer than any test waits: only what the test does ends it.
const LONG: [&str; 6] = ["--rate", "10kpps", "--duration", "1000s", "--no-huge", "--json"];

/// One test at a time: poll loops that share a CPU keep each other from sending anything for long.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was counted by a run that ended early, which said so: `words`, and the port.
fn counted(output: &Output, port: &str, words: &str) -> Value {
    let said = errors(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(words) && said.contains(port) && said.contains("the report above covers the time until then"), "{said}");
    let report = json(&output.stdout);
    let counts: Vec<u64> = ["frames_sent", "frames_received"].iter().filter_map(|key| report[key].as_u64()).collect();
    assert!(!counts.is_empty() && counts.iter().all(|count| *count > 0), "{report}");
    report
}

fn number(report: &Value, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("no {key} in {report}"))
}

// --- A link of the kernel's ---

const LINK_DOWN: &str = "the link went down";

/// A listener at the far end of a link, and a sender at the near one that has sent for a second.
fn under_way(veth: &Veth, role: &str, more: &[&str]) -> (Background, Background) {
    let listener = Veth::start(&veth.far, role, &["--no-huge", "--json"]);
    listener.wait_for_words("(press Ctrl-C to end)", LIMIT);
    let sender = Veth::start(&veth.near, "send", &[&LONG[..], more].concat());
    sender.wait_for_words(" s] sent ", LIMIT);
    (listener, sender)
}

/// Takes the link away.
type Cut = fn(&Veth) -> String;

/// Every way in which a link goes: at the sender's side, at the other, and with the interface itself.
fn cut_in_every_way(role: &str, more: &[&str]) {
    let ways: [(&str, Cut); 3] = [
        ("near", |veth| ip(&["-n", &veth.near, "link", "set", "veth0", "down"])),
        ("far", |veth| ip(&["-n", &veth.far, "link", "set", "veth0", "down"])),
        ("gone", |veth| ip(&["-n", &veth.far, "link", "del", "veth0"])),
    ];
    let _alone = alone();
    for (way, cut) in ways {
        let veth = Veth::up("cut");
        let (listener, sender) = under_way(&veth, role, more);
        cut(&veth);
        let (sent, came) = (sender.finish(LIMIT), listener.finish(LIMIT));
        let (sent, came) = (counted(&sent, PORT, LINK_DOWN), counted(&came, PORT, LINK_DOWN));
        assert!(number(&came, "frames_received") <= number(&sent, "frames_sent"), "{role}, {way}: {came}\n{sent}");
    }
}

#[test]
fn a_link_that_goes_down_ends_sender_and_receiver_with_their_counts() {
    cut_in_every_way("receive", &[]);
}

#[test]
fn a_link_that_goes_down_ends_sender_and_reflector_with_their_counts() {
    cut_in_every_way("reflect", &["--rtt"]);
}

// --- The other end of shared memory ---

/// The two ends of a piece of shared memory: its owner's port and the other.
fn ports(folder: &Path) -> (String, String) {
    let socket = folder.join("lr.sock");
    (format!("net_vhost0,iface={}", socket.display()), format!("net_virtio_user0,path={}", socket.display()))
}

/// `role` on a vhost-user port, and a sender that has sent to it for a second.
fn shared_memory(role: &str, (vhost, virtio): &(String, String), more: &[&str]) -> (Background, Background) {
    let listener = listener(role, vhost, &[]);
    let mut sender = linerate();
    sender.args(["send", "--port", virtio]).args(LONG).args(more);
    let sender = Background::start(sender);
    sender.wait_for_words(" s] sent ", LIMIT);
    (listener, sender)
}

fn listener(role: &str, vhost: &str, more: &[&str]) -> Background {
    let mut listener = linerate();
    listener.args([role, "--port", vhost, "--no-huge", "--json"]).args(more);
    let listener = Background::start(listener);
    listener.wait_for_words("(press Ctrl-C to end)", LIMIT);
    listener
}

#[test]
fn a_sender_whose_receiver_is_killed_ends_with_its_counts() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let ports = ports(folder.path());
    for (role, more) in [("receive", &[][..]), ("reflect", &["--rtt"])] {
        let (listener, sender) = shared_memory(role, &ports, more);
        listener.signal(Signal::SIGKILL);
        counted(&sender.finish(LIMIT), &ports.1, LINK_DOWN);
    }
}

#[test]
fn a_receiver_and_a_reflector_whose_sender_is_killed_end_with_their_counts() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let ports = ports(folder.path());
    for role in ["receive", "reflect"] {
        let (listener, sender) = shared_memory(role, &ports, &[]);
        sender.signal(Signal::SIGKILL);
        counted(&listener.finish(LIMIT), &ports.0, LINK_DOWN);
    }
}

#[test]
fn a_sender_that_is_done_is_the_natural_end_of_its_receiver() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let ports = ports(folder.path());
    for role in ["receive", "reflect"] {
        let (listener, sender) = shared_memory(role, &ports, &[]);
        sender.signal(Signal::SIGINT);
        let sent = sender.finish(LIMIT);
        assert_eq!(sent.status.code(), Some(130), "{}", errors(&sent));
        let ended = listener.finish(LIMIT);
        assert!(ended.status.success() && errors(&ended).contains("the sender closed its port"), "{}", errors(&ended));
        let (sent, came) = (json(&sent.stdout), json(&ended.stdout));
        assert!(number(&came, "frames_received") > 0 && number(&came, "frames_received") <= number(&sent, "frames_sent"), "{came}\n{sent}");
    }
}

#[test]
fn a_sender_that_is_done_before_the_receivers_time_ends_it_early() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (vhost, virtio) = ports(folder.path());
    let sink = listener("receive", &vhost, &["--duration", "1000s"]);
    let sent = linerate().args(["send", "--port", &virtio, "--rate", "10kpps", "--duration", "1s", "--no-huge"]).output().unwrap();
    assert!(sent.status.success(), "{}", errors(&sent));
    counted(&sink.finish(LIMIT), &vhost, "closed its port before the --duration of 1000 s was over");
}

#[test]
fn a_receiver_that_comes_back_is_sent_to_by_a_new_run_and_not_by_the_old_one() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let ports = ports(folder.path());
    let (first, sender) = shared_memory("receive", &ports, &[]);
    let (vhost, virtio) = ports;
    first.signal(Signal::SIGKILL);
    drop(first);
    // On the socket that the killed one left behind.
    let second = listener("receive", &vhost, &[]);
    counted(&sender.finish(LIMIT), &virtio, LINK_DOWN);
    let sent = linerate().args(["send", "--port", &virtio, "--frames", "300", "--rate", "1kpps", "--no-huge", "--json"]).output().unwrap();
    assert!(sent.status.success(), "{}", errors(&sent));
    let came = second.finish(LIMIT);
    assert!(came.status.success(), "{}", errors(&came));
    // Nothing of the old run is among them.
    let (came, sent) = (json(&came.stdout), json(&sent.stdout));
    assert!(number(&sent, "frames_sent") > 0, "{sent}");
    assert_eq!((number(&came, "frames_received"), number(&came, "duplicate")), (number(&sent, "frames_sent"), 0), "{came}\n{sent}");
}
