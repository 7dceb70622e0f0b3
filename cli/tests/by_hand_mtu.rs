//! Jumbo frames over ports on kernel interfaces, and the MTU of the interface afterwards.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use program::veth::{Veth, ip};
use program::{Background, errors, json, linerate, run};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

fn mtu(namespace: &str, interface: &str) -> u32 {
    let file = format!("/sys/class/net/{interface}/mtu");
    ip(&["netns", "exec", namespace, "cat", &file]).trim().parse().unwrap()
}

#[test]
fn af_packet_carries_jumbo_frames_and_puts_the_mtu_back() {
    let veth = Veth::up("jumbo");
    for size in ["2032", "9018", "9600"] {
        let receiver = Veth::start(&veth.far, "receive", &["--max-size", size, "--cpu", "0", "--json", "--no-huge", "--check-payload"]);
        receiver.wait_for_words("receiving on", LIMIT);
        let needed = size.parse::<u32>().unwrap() - 18;
        assert_eq!(mtu(&veth.far, "veth0"), needed, "while the port is open");
        // Fewer frames than the ring holds.
        let send =
            ["--size", size, "--frames", "200", "--rate", "2kpps", "--late-bound", "60s", "--json", "--no-huge", "--quiet", "--cpu", "1"];
        let output = Veth::linerate(&veth.near, "send", &send).output().unwrap();
        assert!(output.status.success(), "{size}: {}", errors(&output));
        receiver.signal(Signal::SIGINT);
        let received = json(&receiver.finish(LIMIT).stdout);
        let bytes = 200 * size.parse::<u64>().unwrap();
        let counts = (&received["frames_received"], &received["corrupt"], &received["bytes"]);
        assert_eq!(counts, (&json!(200), &json!(0), &json!(bytes)), "{size}: {received}");
        assert_eq!((mtu(&veth.near, "veth0"), mtu(&veth.far, "veth0")), (1500, 1500), "after {size}");
    }
}

#[test]
fn the_mtu_is_put_back_after_an_error_too_and_a_larger_one_is_kept() {
    let veth = Veth::up("mtuback");
    // The MTU is raised before the driver refuses promiscuous mode or the plan refuses its CPU: here, a CPU that does not exist.
    let output = Veth::linerate(&veth.near, "send", &["--size", "9018", "--no-huge", "--cpu", "4095"]).output().unwrap();
    assert!(!output.status.success() && errors(&output).contains("CPU 4095"), "{}", errors(&output));
    assert_eq!(mtu(&veth.near, "veth0"), 1500);
    // Buffers of the user's that are too small for the frames: the driver refuses the port after the MTU was raised.
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &veth.near]).arg(linerate().get_program());
    command.args([
        "send",
        "--port",
        "net_af_packet0,iface=veth0,framesz=16384,blocksz=16384",
        "--size",
        "2100",
        "--no-huge",
        "--frames",
        "1",
    ]);
    command.output().unwrap();
    assert_eq!(mtu(&veth.near, "veth0"), 1500);
    ip(&["-n", &veth.near, "link", "set", "veth0", "mtu", "9000"]);
    let output = Veth::linerate(&veth.near, "send", &["--frames", "1", "--no-huge", "--quiet", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(mtu(&veth.near, "veth0"), 9000);
}

#[test]
fn an_mtu_above_the_ports_is_refused_in_one_line_with_both() {
    // virtio's largest frame is 9728 bytes with header (virtio_ethdev.h, VIRTIO_MAX_RX_PKTLEN); the port needs its other end to be opened.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let mut command = linerate();
    command.args([
        "receive",
        "--port",
        &format!("net_vhost0,iface={}", socket.display()),
        "--max-size",
        "16000",
        "--cpu",
        "0",
        "--no-huge",
    ]);
    let receiver = Background::start(command);
    receiver.wait_for_words("receiving on", LIMIT);
    let virtio = format!("net_virtio_user0,path={}", socket.display());
    let output = run(&["send", "--port", &virtio, "--size", "10000", "--no-huge"]);
    let said = errors(&output);
    for word in ["MTU of 9982", "net_virtio_user0", "at most 97"] {
        assert!(!output.status.success() && said.contains(word), "no `{word}` in: {said}");
    }
    assert_eq!(said.trim().lines().count(), 1, "{said}");
}

/// A port of net_tap in a namespace of its own, which is removed with it.
struct Namespace(String);

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

#[test]
fn the_kernel_interface_of_net_tap_has_the_mtu_of_the_port() {
    let namespace = Namespace(format!("lrt-tap-{}", std::process::id()));
    assert!(Command::new("ip").args(["netns", "add", &namespace.0]).status().unwrap().success());
    let start = |size: &str| {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &namespace.0]).arg(linerate().get_program());
        command.args(["receive", "--port", "net_tap0,iface=lrtap0", "--max-size", size, "--cpu", "0", "--no-huge", "--duration", "60s"]);
        Background::start(command)
    };
    // net_tap's largest frame was 1522 bytes in 22.11 (rte_eth_tap.c, `tap_dev_info`) and is 9728 in newer versions.
    let receiver = start("1522");
    receiver.wait_for_words("receiving on", LIMIT);
    assert_eq!(mtu(&namespace.0, "lrtap0"), 1504);
    receiver.signal(Signal::SIGINT);
    receiver.finish(LIMIT);
    let jumbo = start("9018").finish(LIMIT);
    let said = errors(&jumbo);
    assert!(said.contains("MTU of 9000") && said.contains("net_tap0") && said.contains("at most 1504"), "{said}");
}
