//! The conductor's kernel side on a real lab: real iperf3, qperf and sockperf between namespaces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use reporter::archive::{Archive, RunDirectory};
use reporter::kernel_tools::reparse;
use reporter::record::{CeilingKind, ReasonKind, Record, Stack, State, View};
use testbed::conductor::{Conductor, Done, EndpointAgents, Observer, RunEnd, StepInfo};
use testbed::interface_settings::{ChangedInterface, InterfaceSettings, Mtu, OffloadState, restore_left};
use testbed::lab::{Lab, LabOptions};
use testbed::plan::Plan;
use testbed::process::{CommandSpec, Location, run as run_command};
use testbed::topology::Testbed;

struct Silent;

impl Observer for Silent {
    fn begins(&mut self, _: &StepInfo) {}
    fn ended(&mut self, _: &Record) {}
    fn trial(&mut self, _: &str) {}
}

fn run(plan: &str, change: impl FnOnce(&mut Testbed)) -> Archive {
    run_and_look(plan, change, |_| ()).0
}

/// Also looks at the lab after the run, before it is removed.
fn run_and_look<T>(plan: &str, change: impl FnOnce(&mut Testbed), look: impl FnOnce(&Testbed) -> T) -> (Archive, T) {
    let plan = Plan::reread(plan, Path::new("plan.toml")).unwrap();
    let lab = Lab::up(LabOptions::default()).unwrap();
    let mut testbed = Testbed::of_lab(&lab, Path::new("/nonexistent/linerate"));
    change(&mut testbed);
    let folder = tempfile::tempdir().unwrap();
    let mut directory = RunDirectory::create(&folder.path().join("run")).unwrap();
    directory.write_plan(&plan.source).unwrap();
    let interrupted = AtomicBool::new(false);
    let mut agents = EndpointAgents::default();
    let mut conductor = Conductor {
        plan: &plan,
        testbed: &testbed,
        agents: &mut agents,
        directory: &mut directory,
        interrupted: &interrupted,
        observer: &mut Silent,
    };
    assert_eq!(conductor.run(&Done::default()).unwrap(), RunEnd::Complete);
    let archive = Archive::read(directory.path()).unwrap();
    for record in archive.records.iter().filter(|record| record.raw.is_some() && record.verdict.state != State::Failed) {
        assert_eq!(reparse(record, directory.path()).unwrap().values, record.values, "{}", record.id);
    }
    (archive, look(&testbed))
}

#[test]
fn every_kernel_record_is_what_its_raw_file_says() {
    let plan = r#"
name = "kernel"
sizes = [64, 1518]
pairs = ["a-cpu:b-dpu", "b-dpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"

[[measure]]
stack = "kernel-tcp"
method = "ping-pong"
sizes = [64]

[[measure]]
stack = "kernel-udp"
method = "ping-pong"
tool = "sockperf"
sizes = [64]
"#;
    let archive = run(plan, |_| {});
    assert_eq!(archive.records.len(), 8);
    for record in &archive.records {
        assert_eq!(record.verdict.state, State::Valid, "{}: {:?}", record.id, record.verdict.reasons);
        assert!(!record.tool.version.is_empty() && record.tool.commands.len() == 2, "{:?}", record.tool);
        let cost = record.cpu.as_ref().and_then(|cpu| cpu.sender.as_ref()?.cores).unwrap();
        assert!(cost > 0.0, "a measurement that cost nothing was not made");
    }
    let goodputs = archive.records.iter().filter_map(|record| record.values.goodput_bps).count();
    let round_trips: Vec<_> = archive.records.iter().filter_map(|record| record.values.rtt_ns.as_ref()).collect();
    assert_eq!((goodputs, round_trips.len()), (4, 4));
    let sockperf = archive.records.iter().find(|record| record.stack == Stack::KernelUdp).unwrap();
    assert!(sockperf.values.rtt_ns.as_ref().unwrap().p99.is_some());
}

#[test]
fn a_peer_that_is_not_there_is_a_failed_record_with_the_reason_and_the_run_goes_on() {
    let plan = r#"
name = "kernel"
sizes = [64]
pairs = ["a-cpu:b-cpu", "a-cpu:b-dpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
"#;
    // Nothing in the lab has this address, and the lab has no way out: iperf3 3.12 reports that with exit code 0.
    let archive = run(plan, |testbed| testbed.endpoints[2].kernel.as_mut().unwrap().address = "192.0.2.1".parse().unwrap());
    let states: Vec<State> = archive.records.iter().map(|record| record.verdict.state).collect();
    assert!(states.contains(&State::Failed) && states.contains(&State::Valid), "{states:?}");
    let failed = archive.records.iter().find(|record| record.verdict.state == State::Failed).unwrap();
    assert!(failed.verdict.reasons[0].to_string().contains("iperf3"), "{:?}", failed.verdict.reasons);
}

#[test]
fn in_the_frame_view_the_kernel_puts_frames_of_that_size_on_the_wire() {
    let plan = r#"
name = "frames"
sizes = "rfc2544"
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-udp"
method = "stream"
duration = "1s"
"#;
    let archive = run(plan, |_| {});
    assert_eq!(archive.records.len(), 7);
    for record in &archive.records {
        assert_eq!((record.verdict.state, record.view), (State::Valid, Some(View::Frame)), "{}: {:?}", record.id, record.verdict.reasons);
        let counted = record.values.wire_bytes_per_frame.unwrap();
        // The control connection of iperf3 crosses the same interface: a few dozen packets in tens of thousands.
        assert!((counted / f64::from(record.size.bytes) - 1.0).abs() < 0.01, "{}: {counted}", record.size);
        let rate = record.values.forwarding_pps.unwrap().pps();
        assert!((record.values.l2_bps.unwrap().bps() - rate * 8.0 * f64::from(record.size.bytes)).abs() < 1.0);
    }
}

#[test]
fn where_the_link_has_a_speed_tcp_has_the_ceiling_of_rfc_6349_at_the_interface_s_mtu() {
    let plan = r#"
name = "ceiling"
sizes = [1518]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
"#;
    let archive = run(plan, |testbed| testbed.endpoints[0].link = Some("100G".parse().unwrap()));
    let ceiling = archive.records[0].ceiling.clone().unwrap();
    assert_eq!(ceiling.kind, CeilingKind::TcpGoodput);
    // 100e9 · (1500 − 52)/(1500 + 38): RFC 6349 §4.1.1, with timestamps (RFC 7323).
    assert!((ceiling.goodput_bps.unwrap() - 94.148e9).abs() < 1e6, "{ceiling:?}");
}

/// A tool that a plan must name: from the plan to the record and back from the raw file, where its programs are installed.
#[test]
fn a_plan_names_any_registered_tool() {
    if testbed::process::find_program("tcp_rr").is_none() {
        eprintln!("skipped: neper's tcp_rr is not in PATH");
        return;
    }
    let plan = r#"
name = "neper"
sizes = [64]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "ping-pong"
tool = "neper"

[[measure]]
stack = "kernel-udp"
method = "stream"
tool = "neper"
"#;
    let archive = run(plan, |_| {});
    let made: Vec<_> = archive.records.iter().map(|record| (record.tool.name.as_str(), record.stack, record.verdict.state)).collect();
    assert_eq!(made, [("neper", Stack::KernelTcp, State::Valid), ("neper", Stack::KernelUdp, State::Valid)], "{:?}", archive.records);
    assert!(
        archive.records[0].values.rtt_ns.as_ref().unwrap().p99.is_some()
            && archive.records[0].tool.commands[0].starts_with("tcp_rr -c --nolog ")
    );
    assert!(archive.records[1].values.goodput_bps.is_some() && archive.records[1].tool.commands[0].starts_with("udp_stream -c --nolog "));
}

/// A stream and a ping-pong of every kind between the first two endpoints.
const ONE_PAIR: &str = r#"
name = "path"
sizes = [512]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"

[[measure]]
stack = "kernel-udp"
method = "stream"
duration = "300ms"

[[measure]]
stack = "kernel-tcp"
method = "ping-pong"

[[measure]]
stack = "kernel-udp"
method = "ping-pong"
tool = "sockperf"
"#;

fn assert_invalid_path(archive: &Archive, expected: &str) {
    assert_eq!(archive.records.len(), 4);
    for record in &archive.records {
        assert_eq!(record.verdict.state, State::Invalid, "{}: {:?}", record.id, record.verdict.reasons);
        let named =
            record.verdict.reasons.iter().any(|reason| reason.kind == ReasonKind::CountersDisagree && reason.detail.contains(expected));
        assert!(named, "{}: {:?}", record.id, record.verdict.reasons);
    }
}

#[test]
fn traffic_that_does_not_cross_the_named_interface_is_invalid() {
    // The address is on pf0, and the testbed says that it is on another interface.
    let archive = run(ONE_PAIR, |testbed| testbed.endpoints[2].kernel.as_mut().unwrap().interface = "lo".to_owned());
    assert_invalid_path(&archive, "endpoint b-cpu: interface lo received");
    let archive = run(ONE_PAIR, |testbed| testbed.endpoints[2].kernel.as_mut().unwrap().interface = "eth7".to_owned());
    assert_invalid_path(&archive, "endpoint b-cpu: the counters of interface eth7 cannot be read");
}

#[test]
fn two_endpoints_of_one_namespace_measure_loopback_and_only_where_the_testbed_says_so() {
    let both_in_one_namespace = |testbed: &mut Testbed, interface: Option<&str>| {
        testbed.endpoints[2].location = testbed.endpoints[0].location.clone();
        testbed.endpoints[2].kernel = testbed.endpoints[0].kernel.clone();
        for endpoint in [0, 2] {
            if let Some(name) = interface {
                testbed.endpoints[endpoint].kernel.as_mut().unwrap().interface = name.to_owned();
            }
        }
    };
    assert_invalid_path(&run(ONE_PAIR, |testbed| both_in_one_namespace(testbed, None)), "interface pf0");
    let archive = run(ONE_PAIR, |testbed| {
        both_in_one_namespace(testbed, Some("lo"));
        // Real endpoints of one machine share it as emulated ones do.
        testbed.emulated = false;
    });
    for record in archive.records.iter().filter(|record| record.view != Some(View::Frame)) {
        assert_eq!(record.verdict.state, State::Valid, "{}: {:?}", record.id, record.verdict.reasons);
        assert!(record.cpu.as_ref().unwrap().shared_machine, "{}", record.id);
    }
}

/// What an interface of an endpoint has: its MTU, and the state of GRO.
fn interface(testbed: &Testbed, endpoint: usize) -> (String, String) {
    let end = &testbed.endpoints[endpoint];
    let interface = &end.kernel.as_ref().unwrap().interface;
    let said = |words: &[&str]| run_command(&CommandSpec::new(end.location.clone(), words.iter().copied())).unwrap().stdout_text();
    let features = said(&["ethtool", "-k", interface]);
    let gro = features.lines().find(|line| line.starts_with("generic-receive-offload")).unwrap().to_owned();
    (said(&["cat", &format!("/sys/class/net/{interface}/mtu")]).trim().to_owned(), gro)
}

#[test]
fn settings_of_interfaces_hold_for_their_measures_and_are_put_back() {
    let plan = r#"
name = "settings"
sizes = [1518]
pairs = ["a-cpu:b-cpu", "a-dpu:b-dpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
mtu = [3000, 1400]
gro = false
message = "64K"
zero-copy = true

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
"#;
    let mut before = Vec::new();
    let all = |testbed: &Testbed| (0..4).map(|end| interface(testbed, end)).collect::<Vec<_>>();
    let (archive, after) = run_and_look(plan, |testbed| before = all(testbed), all);
    assert_eq!(before, after);
    assert_eq!(before[0].0, "1500");
    assert_eq!(archive.records.len(), 6);
    for record in &archive.records {
        assert_eq!(record.verdict.state, State::Valid, "{}: {:?}", record.id, record.verdict.reasons);
        // The MSS is the MTU less the headers of IPv4 and TCP, and 12 bytes of timestamps (RFC 7323).
        let mss = record.parameters["tcp_mss"].as_u64().unwrap();
        let mtu = record.parameters.get("mtu").and_then(serde_json::Value::as_u64).unwrap_or(1500);
        assert!(mss == mtu - 40 || mss == mtu - 52, "{}: {mss}", record.id);
        if record.parameters.contains_key("mtu") {
            assert_eq!((record.size.bytes, record.view), (65_536, Some(View::Application)));
            assert!(record.tool.commands[0].ends_with("-Z"), "{:?}", record.tool.commands);
            assert_eq!(record.parameters["gro"], "off");
        }
    }
}

#[test]
fn an_interface_that_does_not_take_a_value_fails_the_measure_by_name_and_keeps_its_own() {
    let plan = r#"
name = "settings"
sizes = [1518]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
mtu = 9000
"#;
    // The receiver names an interface that is not there.
    let (archive, after) = run_and_look(
        plan,
        |testbed| testbed.endpoints[2].kernel.as_mut().unwrap().interface = "nic7".to_owned(),
        |testbed| interface(testbed, 0),
    );
    let record = &archive.records[0];
    assert_eq!(record.verdict.state, State::Failed);
    let reason = record.verdict.reasons[0].to_string();
    assert!(reason.contains("endpoint b-cpu") && reason.contains("interface nic7"), "{reason}");
    assert_eq!(after.0, "1500", "what was changed at the sender is put back");
}

#[test]
fn what_a_dead_run_changed_is_put_back_by_the_next_run() {
    let lab = Lab::up(LabOptions::default()).unwrap();
    let testbed = Testbed::of_lab(&lab, Path::new("/nonexistent/linerate"));
    let location = &testbed.endpoints[0].location;
    let before = interface(&testbed, 0);
    // A child changes the settings and is killed: nothing of it runs after that.
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_changes_an_interface_and_dies", "--ignored", "--nocapture"])
        .env("LINERATE_TEST_NAMESPACE", location_name(location))
        .status()
        .unwrap();
    assert!(!status.success());
    let changed = interface(&testbed, 0);
    assert!(changed.0 == "4000" && changed.1.contains("off"), "{changed:?}");
    let report = restore_left([location]);
    assert!(report.restored.iter().any(|what| what.contains("interface pf0") && what.contains("mtu 1500")), "{report:?}");
    assert_eq!(interface(&testbed, 0), before);
}

/// Renames an interface after the first record, and gives it its name back after the second.
struct Renames {
    namespace: String,
    records: usize,
}

impl Observer for Renames {
    fn begins(&mut self, _: &StepInfo) {}
    fn trial(&mut self, _: &str) {}
    fn ended(&mut self, _: &Record) {
        self.records += 1;
        let (from, to) = match self.records {
            1 => ("pf0", "gone0"),
            2 => ("gone0", "pf0"),
            _ => return,
        };
        for arguments in [vec![from, "down"], vec![from, "name", to], vec![to, "up"]] {
            let words = ["ip", "-n", &self.namespace, "link", "set"].into_iter().chain(arguments);
            run_command(&CommandSpec::new(Location::Here, words)).unwrap();
        }
    }
}

#[test]
fn nothing_is_measured_while_an_interface_has_not_taken_back_its_settings() {
    let plan = "name = \"left\"\npairs = [\"a-cpu:b-cpu\"]\nsizes = [64]\n\
                [[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"\nmtu = [1400]\n\
                [[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"\n\
                [[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"\nmessage = [512]\n";
    let plan = Plan::reread(plan, Path::new("plan.toml")).unwrap();
    let lab = Lab::up(LabOptions::default()).unwrap();
    let testbed = Testbed::of_lab(&lab, Path::new("/nonexistent/linerate"));
    let location = testbed.endpoints[0].location.clone();
    let folder = tempfile::tempdir().unwrap();
    let mut directory = RunDirectory::create(&folder.path().join("run")).unwrap();
    directory.write_plan(&plan.source).unwrap();
    let mut conductor = Conductor {
        plan: &plan,
        testbed: &testbed,
        agents: &mut EndpointAgents::default(),
        directory: &mut directory,
        interrupted: &AtomicBool::new(false),
        observer: &mut Renames { namespace: location_name(&location), records: 0 },
    };
    assert_eq!(conductor.run(&Done::default()).unwrap(), RunEnd::Complete);
    let records = Archive::read(directory.path()).unwrap().records;
    let states: Vec<State> = records.iter().map(|record| record.verdict.state).collect();
    assert_eq!(states, [State::Valid, State::Failed, State::Valid], "{records:#?}");
    let why = records[1].verdict.reasons_in_words();
    assert!(why.contains("endpoint a-cpu") && why.contains("pf0"), "{why}");
    let mtu = run_command(&CommandSpec::new(location, ["cat", "/sys/class/net/pf0/mtu"])).unwrap();
    assert_eq!(mtu.stdout_text().trim(), "1500", "the third measurement began after it was put back");
}

/// Not a test of its own: the process that the test above kills.
#[test]
#[ignore = "run by another test"]
fn helper_that_changes_an_interface_and_dies() {
    let name = std::env::var("LINERATE_TEST_NAMESPACE").unwrap();
    let location = Location::Namespace(name.parse().unwrap());
    let wanted = InterfaceSettings { mtu: Mtu::new(4000), gro: Some(OffloadState::Off), ..InterfaceSettings::default() };
    let _changed = ChangedInterface::apply(&location, "pf0", wanted).unwrap();
    nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn location_name(location: &Location) -> String {
    match location {
        Location::Namespace(name) => name.as_str().to_owned(),
        other => panic!("{other} is no namespace"),
    }
}
