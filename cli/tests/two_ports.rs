//! A testbed of two ports on kernel interfaces, for DPDK measures only: addresses, links, queues, and ports that must not be used.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use program::veth::{PORT, Veth, ip, tcpdump};
use program::{errors, json, linerate, pcap, records, wait_for};

const LIMIT: Duration = Duration::from_secs(120);

/// Writes a testbed of both ends of the link, whose endpoints have no address, and a plan.
fn write(folder: &Path, veth: &Veth, measure: &str) -> (String, String) {
    let endpoint = |id: &str, namespace: &str, cpu: u32| {
        format!("[[endpoint]]\nid = \"{id}\"\nreach = \"netns:{namespace}\"\nport = \"{PORT}\"\ncpu = {cpu}\nlink = \"10G\"\n")
    };
    let testbed = folder.join("testbed.toml");
    std::fs::write(&testbed, format!("name = \"pair\"\n{}{}", endpoint("near", &veth.near, 1), endpoint("far", &veth.far, 0))).unwrap();
    let plan = folder.join("plan.toml");
    std::fs::write(&plan, format!("name = \"p\"\nsizes = [64]\npairs = [\"near:far\"]\n[[measure]]\n{measure}\n")).unwrap();
    (testbed.display().to_string(), plan.display().to_string())
}

fn run_plan(folder: &Path, veth: &Veth, measure: &str, more: &[&str]) -> Output {
    let (testbed, plan) = write(folder, veth, measure);
    let out = folder.join("out").display().to_string();
    linerate().args(["run", "--testbed", &testbed, "--plan", &plan, "--out", &out]).args(more).output().unwrap()
}

const ROUND_TRIPS: &str = "stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1kpps\"\nduration = \"500ms\"";

#[test]
fn the_conductor_sends_to_the_receivers_address_and_endpoints_for_dpdk_need_no_address() {
    let veth = Veth::up("pair");
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("far.pcap");
    let dump = tcpdump(&veth.far, &capture, 20);
    let output = run_plan(folder.path(), &veth, ROUND_TRIPS, &[]);
    assert!(output.status.success(), "{}", errors(&output));
    dump.finish(LIMIT);
    let records = records(&folder.path().join("out"));
    let [record] = &records[..] else { panic!("{records:?}") };
    let mac = record["parameters"]["receiver_port"]["mac"].as_str().unwrap();
    // The address that the kernel reports, and that of each frame on the wire.
    assert!(ip(&["-n", &veth.far, "link", "show", "veth0"]).contains(mac), "{mac}");
    for frame in pcap::read(&capture) {
        assert_eq!(frame.destination(), mac);
    }
    assert!(record["values"]["frames_received"].as_u64().unwrap() > 0, "{record}");
    // Each end says what its queue did, and on which core.
    let queues = &record["cpu"]["receiver"]["by_queue"];
    assert_eq!((queues.as_array().unwrap().len(), queues[0]["core"].as_u64()), (1, Some(0)), "{queues}");
    assert!(queues[0]["frames_received"].as_u64().unwrap() > 0 && queues[0]["ns_per_frame"].as_f64().unwrap() > 0.0, "{queues}");
}

#[test]
fn plans_that_the_testbed_cannot_carry_out_are_refused_before_anything_is_created() {
    let veth = Veth::up("plans");
    for (measure, words) in [
        ("stack = \"dpdk\"\nmethod = \"mrr\"\nreceiver-queues = 4", ["at least 256 flows", "endpoint `far`"]),
        ("stack = \"kernel-tcp\"\nmethod = \"stream\"", ["endpoint `near`", "no `address`"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = run_plan(folder.path(), &veth, measure, &[]);
        let said = errors(&output);
        assert!(!output.status.success() && words.iter().all(|word| said.contains(word)), "{measure}: {said}");
        assert!(!folder.path().join("out").exists());
    }
}

#[test]
fn a_port_with_the_default_route_or_the_ssh_session_is_used_only_where_it_is_named() {
    let veth = Veth::up("route");
    ip(&["-n", &veth.near, "address", "add", "192.0.2.1/24", "dev", "veth0"]);
    let send = |environment: &[(&str, &str)], more: &[&str]| {
        let mut command = Veth::linerate(&veth.near, "send", &[&["--frames", "1", "--no-huge", "--quiet", "--json"], more].concat());
        command.env_remove("SSH_CONNECTION").envs(environment.iter().copied()).output().unwrap()
    };
    let refused = |output: &Output, what: &str| {
        let said = errors(output);
        assert!(!output.status.success() && said.contains(what) && said.contains(&format!("--force {PORT}")), "{said}");
    };
    assert!(send(&[], &[]).status.success());
    let session = [("SSH_CONNECTION", "198.51.100.1 50000 192.0.2.1 22")];
    refused(&send(&session, &[]), "the current ssh session (interface veth0)");
    ip(&["-n", &veth.near, "route", "add", "default", "via", "192.0.2.2"]);
    refused(&send(&[], &[]), "the IPv4 default route (interface veth0)");
    let other = send(&[], &["--force", "net_null0"]);
    assert!(!other.status.success() && errors(&other).contains("--force names net_null0"), "{}", errors(&other));
    assert!(send(&session, &["--force", PORT]).status.success());
    // A run asks each endpoint before the first measurement.
    let folder = tempfile::tempdir().unwrap();
    let output = run_plan(folder.path(), &veth, ROUND_TRIPS, &[]);
    refused(&output, "endpoint near: port `net_af_packet0");
    assert!(errors(&output).contains("nothing was measured"));
    let folder = tempfile::tempdir().unwrap();
    let output = run_plan(folder.path(), &veth, ROUND_TRIPS, &["--force", PORT]);
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn a_link_that_comes_up_after_three_seconds_is_waited_for_and_one_that_stays_down_is_an_error() {
    let veth = Veth::up("link");
    // The kernel announces a lost carrier up to a second later (net/core/link_watch.c).
    let set_down = || {
        ip(&["-n", &veth.far, "link", "set", "veth0", "down"]);
        let state = || ip(&["netns", "exec", &veth.near, "cat", "/sys/class/net/veth0/operstate"]);
        wait_for("the lost carrier", LIMIT, || state().trim() != "up");
    };
    set_down();
    let send = ["--frames", "10", "--link", "10G", "--rate", "0.01%", "--late-bound", "60s", "--no-huge", "--json"];
    let begin = Instant::now();
    let sender = Veth::start(&veth.near, "send", &[&send[..], &["--wait", "60s"]].concat());
    sender.wait_for_words("waiting up to 60 s for the link", LIMIT);
    while begin.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(50));
    }
    ip(&["-n", &veth.far, "link", "set", "veth0", "up"]);
    let sent = sender.finish(LIMIT);
    assert!(sent.status.success(), "{}", errors(&sent));
    assert_eq!(json(&sent.stdout)["frames_sent"], 10);
    set_down();
    let output = Veth::linerate(&veth.near, "send", &[&send[..], &["--wait", "1s"]].concat()).output().unwrap();
    let said = errors(&output);
    assert!(!output.status.success() && said.contains("no link after 1 s") && said.contains("check the cable"), "{said}");
}

#[test]
fn a_receiver_shows_the_share_of_each_queue() {
    let veth = Veth::up("shares");
    let receiver = Veth::start(&veth.far, "receive", &["--no-huge", "--queues", "2", "--cpu", "0,1"]);
    receiver.wait_for_words("receiving on", LIMIT);
    let send = ["--no-huge", "--flows", "256", "--frames", "2000", "--rate", "1kpps", "--late-bound", "60s", "--cpu", "1", "--quiet"];
    let sender = Veth::start(&veth.near, "send", &send);
    receiver.wait_for_words(", by queue ", LIMIT);
    assert!(sender.finish(LIMIT).status.success());
    receiver.signal(Signal::SIGINT);
    let output = receiver.finish(LIMIT);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts: Vec<u64> = text
        .lines()
        .filter(|line| line.starts_with("  queue "))
        .map(|line| line.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(counts.len(), 2, "{text}");
    let received: u64 = text.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(counts.iter().sum::<u64>(), received, "{text}");
}
