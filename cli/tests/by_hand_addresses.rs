//! Which frames reach a port: destination addresses and promiscuous mode. The frames on the wire are read with tcpdump, not with linerate.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use program::veth::{Veth, ip, tcpdump};
use program::{Background, errors, json, linerate, pcap, run};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

/// The address of `veth0` in a namespace, as `ip` prints it.
fn address(namespace: &str) -> String {
    ip(&["-n", namespace, "-br", "link", "show", "veth0"]).split_whitespace().nth(2).unwrap().to_owned()
}

/// Destination and source of each frame of a capture.
fn addresses(capture: &std::path::Path) -> Vec<(String, String)> {
    pcap::read(capture).iter().map(|frame| (frame.destination(), frame.source())).collect()
}

#[test]
fn frames_go_to_the_address_that_was_given_and_return_to_the_senders() {
    let veth = Veth::up("dst");
    let (near, far) = (address(&veth.near), address(&veth.far));
    let folder = tempfile::tempdir().unwrap();
    let captures = [folder.path().join("near.pcap"), folder.path().join("far.pcap")];
    // Each end sees what arrives there: the driver's send path bypasses captures.
    let dumps = [tcpdump(&veth.near, &captures[0], 100), tcpdump(&veth.far, &captures[1], 100)];
    let reflector = Veth::start(&veth.far, "reflect", &["--cpu", "0", "--json", "--no-huge"]);
    // It says which address a sender needs.
    reflector.wait_for_words(&format!("address {far}"), LIMIT);
    let send = [
        "--dst-mac",
        &far,
        "--frames",
        "100",
        "--rate",
        "1kpps",
        "--late-bound",
        "60s",
        "--rtt",
        "--json",
        "--no-huge",
        "--quiet",
        "--cpu",
        "1",
    ];
    let output = Veth::linerate(&veth.near, "send", &send).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(json(&output.stdout)["returned"]["received"], json!(100));
    dumps.into_iter().for_each(|dump| drop(dump.finish(LIMIT)));
    reflector.signal(Signal::SIGINT);
    reflector.finish(LIMIT);
    assert_eq!(addresses(&captures[1]), vec![(far.clone(), near.clone()); 100]);
    assert_eq!(addresses(&captures[0]), vec![(near, far); 100]);
}

#[test]
fn a_reflector_sends_to_the_address_that_it_was_given() {
    let veth = Veth::up("back");
    let far = address(&veth.far);
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("near.pcap");
    let dump = tcpdump(&veth.near, &capture, 50);
    let other = "02:00:00:00:00:77";
    let reflector = Veth::start(&veth.far, "reflect", &["--cpu", "0", "--json", "--no-huge", "--dst-mac", other]);
    reflector.wait_for_words("reflecting on", LIMIT);
    let send =
        ["--frames", "50", "--rate", "1kpps", "--late-bound", "60s", "--json", "--no-huge", "--quiet", "--cpu", "1", "--dst-mac", &far];
    let output = Veth::linerate(&veth.near, "send", &send).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    dump.finish(LIMIT);
    reflector.signal(Signal::SIGINT);
    reflector.finish(LIMIT);
    assert_eq!(addresses(&capture), vec![(other.to_owned(), far); 50]);
}

#[test]
fn an_address_that_is_not_unicast_is_refused() {
    for (address, word) in
        [("ff:ff:ff:ff:ff:ff", "unicast"), ("01:00:5e:00:00:01", "unicast"), ("00:00:00:00:00:00", "unicast"), ("02:00", "six bytes")]
    {
        for role in ["send", "reflect"] {
            let output = run(&[role, "--port", "net_null0", "--no-huge", "--dst-mac", address]);
            let said = errors(&output);
            assert!(!output.status.success() && said.contains(address) && said.contains(word), "{role} {address}: {said}");
        }
    }
}

#[test]
fn promiscuous_mode_is_set_where_it_is_asked_for_and_an_error_where_the_driver_has_none() {
    let veth = Veth::up("promisc");
    // IFF_PROMISC of <linux/if.h>, as the kernel reports it while the port is open.
    let is_promiscuous = || {
        let flags = Command::new("ip").args(["netns", "exec", &veth.far, "cat", "/sys/class/net/veth0/flags"]).output().unwrap();
        u32::from_str_radix(String::from_utf8_lossy(&flags.stdout).trim().trim_start_matches("0x"), 16).unwrap() & 0x100 != 0
    };
    for (more, expected) in [(&[][..], false), (&["--promiscuous"][..], true)] {
        let receiver = Veth::start(&veth.far, "receive", &[&["--cpu", "0", "--json", "--no-huge"], more].concat());
        receiver.wait_for_words("receiving on", LIMIT);
        assert_eq!(is_promiscuous(), expected, "{more:?}");
        receiver.signal(Signal::SIGINT);
        receiver.finish(LIMIT);
    }
    // virtio-user has no control queue unless it is asked for, and so no promiscuous mode (virtio_ethdev.c, `virtio_dev_promiscuous_enable`).
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let mut command = linerate();
    command.args(["receive", "--port", &format!("net_vhost0,iface={}", socket.display()), "--cpu", "0", "--no-huge"]);
    let receiver = Background::start(command);
    receiver.wait_for_words("receiving on", LIMIT);
    let output = run(&["send", "--port", &format!("net_virtio_user0,path={}", socket.display()), "--no-huge", "--promiscuous"]);
    let said = errors(&output);
    for word in ["driver net_virtio_user", "refuses promiscuous mode", "not supported", "--dst-mac"] {
        assert!(!output.status.success() && said.contains(word), "no `{word}` in: {said}");
    }
    assert_eq!(said.trim().lines().count(), 1, "{said}");
}
