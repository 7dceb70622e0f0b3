//! Bad input gets a clear error that says what to do, and leaves nothing behind.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::os::unix::process::CommandExt;
use std::path::Path;

use program::veth::{Veth, ip};
use program::{errors, linerate, run};

fn refused(arguments: &[&str], words: &[&str]) {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?} was taken");
    let said = errors(&output);
    for word in words {
        assert!(said.contains(word), "{arguments:?}: no `{word}` in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_port_that_is_none_is_refused_with_examples() {
    refused(&["send", "--port", "eth0"], &["eth0", "net_virtio_user0,path="]);
    refused(&["send", "--port", "net_virtio_user0"], &["path="]);
    refused(&["send", "--port", "0000:ff:1f.7", "--no-huge"], &["0000:ff:1f.7"]);
    refused(&["send", "--port", "net_virtio_user0,path=/nonexistent/lr.sock", "--no-huge", "--wait", "100ms"], &["/nonexistent/lr.sock"]);
    refused(&["receive", "--port", "net_af_packet0,iface=nosuch0", "--no-huge"], &["nosuch0"]);
    refused(&["receive", "--port", "net_vhost0,iface=/nonexistent/lr.sock", "--no-huge"], &["no folder /nonexistent", "Make it"]);
}

#[test]
fn sizes_and_rates_that_cannot_be_are_refused() {
    refused(&["send", "--port", "net_null0", "--size", "63"], &["64 to 16000"]);
    refused(&["send", "--port", "net_null0", "--size", "big"], &["big"]);
    refused(&["send", "--port", "net_null0", "--rate", "0"], &["above 0"]);
    refused(&["send", "--port", "net_null0", "--rate", "-1Mpps"], &["-1Mpps"]);
    refused(&["send", "--port", "net_null0", "--rate", "fast"], &["1Mpps", "max"]);
    refused(&["send", "--port", "net_null0", "--rate", "110%"], &["share of line rate 110 %", "at most 100 %"]);
    refused(&["send", "--port", "net_null0", "--duration", "0s"], &["5s"]);
    refused(&["send", "--port", "net_null0", "--no-huge", "--link", "10G", "--rate", "15Mpps"], &["above line rate", "14.88 Mpps"]);
    refused(&["send", "--port", "net_null0", "--no-huge", "--rate", "50%"], &["speed"]);
}

#[test]
fn cpus_and_queues_that_cannot_be_are_refused() {
    let send = |more: &[&str], words: &[&str]| {
        refused(&[&["send", "--port", "net_null0", "--no-huge", "--duration", "100ms"], more].concat(), words)
    };
    send(&["--cpu", "x"], &["`x` is not a CPU", "such as 1"]);
    send(&["--cpu", "4095"], &["CPU 4095", "This process may use CPU"]);
    send(&["--cpu", "0,0"], &["2 CPUs for 1 poll loops", "--queues 2"]);
    send(&["--cpu", "0,0", "--queues", "2"], &["CPU 0 cannot be used", "another poll loop"]);
    send(&["--queues", "0"], &["`0` is not a number of queues", "1 to 65535"]);
    // More than any build of DPDK has (RTE_MAX_QUEUES_PER_PORT).
    send(&["--queues", "5000"], &["the number of queues", "at most", "not 5000"]);
}

#[test]
fn runs_that_send_nothing_or_more_at_once_than_can_be_are_refused() {
    for (flag, value) in [("--frames", "0"), ("--burst", "0"), ("--burst", "257"), ("--stream", "65536")] {
        refused(&["send", "--port", "net_null0", "--no-huge", flag, value], &[flag, value, "not in"]);
    }
}

#[test]
fn one_way_delays_of_another_clock_are_refused() {
    let output = run(&["receive", "--port", "net_null0", "--no-huge", "--one-way", "11111111-2222-3333-4444-555555555555"]);
    let said = errors(&output);
    assert!(!output.status.success() && said.contains("two clocks") && said.contains("--rtt"), "{said}");
    assert!(!said.contains("receiving on"), "{said}");
}

#[test]
fn a_size_that_does_not_fit_the_port_is_refused() {
    let veth = Veth::up("fit");
    // Without this capability the kernel refuses a change of the MTU, as an interface does whose driver has a smaller largest one.
    let mut command = std::process::Command::new("ip");
    command.args(["netns", "exec", &veth.near, "setpriv", "--bounding-set", "-net_admin"]).arg(linerate().get_program());
    let output = command.args(["send", "--port", "net_af_packet0,iface=veth0", "--size", "9018", "--no-huge"]).output().unwrap();
    let said = errors(&output);
    assert!(!output.status.success(), "{said}");
    for word in ["9018 B", "net_af_packet0", "interface veth0", "has 1500 and refuses 9000"] {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    refused(&["send", "--port", "net_null0", "--size", "64", "--headers", "ipv6", "--no-huge"], &["64 B", "at least 84"]);
}

#[test]
fn flows_that_cannot_be_are_refused() {
    for flows in ["0", "1000001", "99999999999999999999", "-1", "many"] {
        refused(&["send", "--port", "net_null0", "--flows", flows], &["--flows", flows]);
    }
}

/// A classic pcap file of `frames` frames of 60 bytes (tcpdump.org, pcap-savefile).
fn pcap(link_type: u32, frames: u8) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let header = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link_type]);
    let frame = |at: u8| [words(&[0, u32::from(at), 60, 60]), vec![at; 60]].concat();
    header.into_iter().chain((0..frames).flat_map(frame)).collect()
}

#[test]
fn a_capture_that_cannot_be_replayed_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture.pcap");
    let path = file.display().to_string();
    let refused_as = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        refused(&["send", "--port", "net_null0", "--pcap", &path, "--no-huge"], &[&[path.as_str()], words].concat());
    };
    let whole = pcap(1, 3);
    refused_as(&whole[..whole.len() - 7], &["cut off after 2 whole frames"]);
    refused_as(&pcap(113, 3), &["link type 113", "Ethernet"]);
    refused_as(&pcap(1, 0), &["no frames"]);
    refused_as(b"this is a list of things to buy, and no capture of anything\n", &["not a capture", "tcpdump"]);
    refused(&["send", "--port", "net_null0", "--pcap", "/nonexistent.pcap"], &["/nonexistent.pcap", "could not be read"]);
    std::fs::write(&file, &whole).unwrap();
    let sent = run(&["send", "--port", "net_null0", "--pcap", &path, "--no-huge", "--frames", "7", "--json", "--quiet"]);
    assert_eq!(program::json(&sent.stdout)["frames_sent"], 7, "{}", errors(&sent));
}

#[test]
fn a_socket_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("lr.sock");
    let port = format!("net_vhost0,iface={}", socket.display());
    let mut first = linerate();
    first.args(["receive", "--port", &port, "--no-huge", "--quiet"]);
    let _first = program::Background::start(first);
    program::wait_for("the socket", std::time::Duration::from_secs(60), || socket.exists());
    refused(&["receive", "--port", &port, "--no-huge", "--duration", "1s"], &["in use"]);
    assert!(socket.exists(), "the first one's socket is left alone");
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "mine").unwrap();
    refused(&["receive", "--port", &format!("net_vhost0,iface={}", notes.display()), "--no-huge"], &["not a socket", "notes.txt"]);
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");
}

#[test]
fn a_plan_or_testbed_that_is_wrong_is_named_with_its_line_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let out = folder.path().join("run").display().to_string();
    let plan = write("plan.toml", "name = \"p\"\nsizes = [64]\n\n[[measure]]\nstack = \"dpdk\"\nmethod = \"warp\"\n");
    refused(&["run", "--plan", &plan, "--out", &out], &["plan.toml:6:", "ndr-pdr"]);
    let testbed = write("testbed.toml", "name = \"t\"\n\n[[endpoint]]\nid = \"a\"\nadress = \"192.0.2.1\"\n");
    refused(&["run", "--testbed", &testbed, "--out", &out], &["testbed.toml:5:", "address"]);
    refused(&["run", "--plan", "nosuch.toml", "--out", &out], &["nosuch.toml"]);
    let elsewhere =
        write("elsewhere.toml", "name = \"p\"\nsizes = [64]\npairs = [\"a-cpu:c-cpu\"]\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"\n");
    refused(&["run", "--plan", &elsewhere, "--out", &out], &["c-cpu", "a-cpu, a-dpu, b-cpu, b-dpu"]);
    assert!(!Path::new(&out).exists(), "nothing was made");
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_found_before_measuring_starts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let far = "id = \"far\"\nreach = \"netns:lr-there-is-none\"\naddress = \"192.0.2.1\"\ninterface = \"lo\"\nport = \"net_null0\"\n";
    let near = "id = \"near\"\nreach = \"local\"\naddress = \"192.0.2.2\"\ninterface = \"lo\"\nport = \"net_null0\"\n";
    std::fs::write(at("testbed.toml"), format!("name = \"t\"\n[[endpoint]]\n{far}[[endpoint]]\n{near}")).unwrap();
    refused(
        &["run", "--quick", "--testbed", &at("testbed.toml"), "--out", &at("run")],
        &["far", "lr-there-is-none", "ip netns list", "--resume", &at("run")],
    );
    assert_eq!(std::fs::read_to_string(at("run/results.jsonl")).unwrap(), "");
}

#[test]
fn a_run_directory_that_cannot_hold_results_is_found_before_measuring_starts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "not yours").unwrap();
    let taken = folder.path().display().to_string();
    refused(&["run", "--quick", "--out", &taken], &[taken.as_str()]);
    assert_eq!(std::fs::read_to_string(folder.path().join("mine.txt")).unwrap(), "not yours");
    refused(&["run", "--quick", "--out", "/proc/linerate"], &["/proc/linerate"]);
    refused(&["report", "/nonexistent"], &["/nonexistent"]);
}

#[test]
fn the_lab_says_that_it_needs_root() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody can enter the directory of a private build tree; the program itself is copied to where anyone can run it.
    let copy = folder.path().join("linerate");
    std::fs::copy(env!("CARGO_BIN_EXE_linerate"), &copy).unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let output = std::process::Command::new(&copy)
        .args(["run", "--quick", "--out", "out"])
        .current_dir(folder.path())
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(errors(&output).contains("root"), "{}", errors(&output));
    assert!(!folder.path().join("out").exists(), "nothing was made");
}
