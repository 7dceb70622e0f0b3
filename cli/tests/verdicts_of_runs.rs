//! `linerate run` over a path that doubles, delays or loses its link, or that another sender or another run uses: the records say so.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use program::device::{Device, From};
use program::veth::ip;
use program::{Background, errors, json, linerate, records};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

const ROUND_TRIPS: &str = r#"
[[measure]]
stack = "dpdk"
method = "round-trip"
rate = "500pps"
duration = "2s"
"#;

/// Loads that a device of this test carries easily.
const ONE_WAY: &str = r#"
[[measure]]
stack = "dpdk"
method = "frame-loss"
preset = "quick"
min-load = "500pps"
max-load = "1kpps"
tester = { repeats = 1, calibration = "0s" }
"#;

/// The same with both ends sending at once.
fn both_ways() -> String {
    format!("{ONE_WAY}direction = \"both\"\n")
}

const STREAM: &str = r#"
[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "4s"
"#;

const PING_PONG: &str = r#"
[[measure]]
stack = "kernel-udp"
method = "ping-pong"
duration = "4s"
"#;

/// Held by the test that measures: two at a time would disturb each other's poll loops.
static ALONE: Mutex<()> = Mutex::new(());

/// A plan, a testbed of the device's two ends, and where runs go.
struct Bench {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    fn new(device: &Device, measures: &[&str]) -> Bench {
        let (folder, alone) = (tempfile::tempdir().unwrap(), ALONE.lock().unwrap_or_else(PoisonError::into_inner));
        let endpoint = |id, namespace: &str, address, cpu| {
            ip(&["-n", namespace, "address", "replace", &format!("{address}/24"), "dev", "veth0"]);
            let port = r#"port = "net_af_packet0,iface=veth0""#;
            format!(
                "\n[[endpoint]]\nid = \"{id}\"\nreach = \"netns:{namespace}\"\naddress = \"{address}\"\ninterface = \"veth0\"\n{port}\ncpu = {cpu}\n"
            )
        };
        let testbed = endpoint("near", &device.near, "192.0.2.1", 1) + &endpoint("far", &device.far, "192.0.2.2", 0);
        std::fs::write(folder.path().join("testbed.toml"), format!("name = \"device\"\nemulated = true\n{testbed}")).unwrap();
        let plan = format!("name = \"verdicts\"\npairs = [\"near:far\"]\nsizes = [128]\n{}", measures.concat());
        std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
        Bench { folder, _alone: alone }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, run: &str) -> Command {
        let mut command = linerate();
        command.arg("run").arg("--plan").arg(self.path("plan.toml")).arg("--testbed").arg(self.path("testbed.toml"));
        command.arg("--out").arg(self.path(run));
        command
    }

    fn run(&self) -> Vec<Value> {
        let output = self.command("run").output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        records(&self.path("run"))
    }

    /// Starts a run, does something once it measures, and waits for the run's end.
    fn run_while(&self, disturb: impl FnOnce()) -> (Output, Vec<Value>) {
        let run = Background::start(self.command("run"));
        run.wait_for_words("[1/", LIMIT);
        disturb();
        let output = run.finish(LIMIT);
        let records = records(&self.path("run"));
        (output, records)
    }
}

/// The kinds of the reasons of a record's verdict.
fn reasons(record: &Value) -> Vec<&str> {
    let reasons = record["verdict"]["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    reasons.iter().map(|reason| reason.as_str().unwrap().split(':').next().unwrap()).collect()
}

#[track_caller]
fn is_invalid_because(record: &Value, kind: &str) {
    assert_eq!(record["verdict"]["state"], "invalid", "{record:#}");
    assert!(reasons(record).contains(&kind), "{kind} is not among the reasons: {}", record["verdict"]);
}

/// The machine that runs the tests may disturb a poll loop; nothing else was noticed.
#[track_caller]
fn has_no_fault_of_the_path(record: &Value) {
    let of_the_path = ["duplicates", "in-flight", "several-senders", "link-change", "foreign-frames", "counters-disagree"];
    assert!(!reasons(record).iter().any(|reason| of_the_path.contains(reason)), "{}", record["verdict"]);
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn at_once(_: From, _: u64) -> Vec<Duration> {
    vec![Duration::ZERO]
}

#[test]
fn a_path_without_faults_has_valid_records() {
    let device = Device::up("runplain", at_once);
    for record in &Bench::new(&device, &[ROUND_TRIPS, ONE_WAY]).run() {
        has_no_fault_of_the_path(record);
    }
}

/// The sum over all trials of a count of one direction, which is at `place` in the outcomes.
fn of_direction(record: &Value, place: usize, count: &str) -> u64 {
    let trials = record["parameters"]["trials"].as_array().unwrap();
    let of_trial = |trial: &Value| {
        let direction = &trial["outcome"]["directions"][place];
        assert_eq!(direction["direction"], ["forward", "reverse"][place], "{direction}");
        direction[count].as_u64().unwrap()
    };
    trials.iter().map(of_trial).sum()
}

#[test]
fn rfc2544_14_what_is_dropped_on_the_way_back_only_is_lost_in_the_reverse_direction_only() {
    // Every second frame of the way back.
    let device = Device::up("runbackdrop", |from, number| match from {
        From::Far if number % 2 == 0 => Vec::new(),
        _ => vec![Duration::ZERO],
    });
    let records = Bench::new(&device, &[&both_ways()]).run();
    let record = &records[0];
    println!("{} {}", record["parameters"]["directions"], record["verdict"]);
    for (place, from) in [(0, From::Near), (1, From::Far)] {
        let (sent, received) = (of_direction(record, place, "sent"), of_direction(record, place, "received"));
        // Every frame is accounted for: the device saw all that was sent, and all that it passed on arrived.
        assert_eq!((sent, received), (device.seen(from), device.sent(from)), "{from:?}");
    }
    assert_eq!(of_direction(record, 0, "sent"), of_direction(record, 0, "received"));
    assert!(of_direction(record, 1, "received") * 2 <= of_direction(record, 1, "sent") + 1);
    let names = |place: usize, key: &str| record["parameters"]["directions"][place][key].as_str().unwrap().to_owned();
    assert_eq!([names(0, "from"), names(0, "to"), names(1, "from"), names(1, "to")], ["near", "far", "far", "near"]);
    assert_eq!(record["parameters"]["bidirectional"], true);
    let deviations = record["parameters"]["deviations"].to_string();
    assert!(!deviations.contains("RFC 2544 §14"), "{deviations}");
}

#[test]
fn rfc2544_14_frames_that_come_twice_on_the_way_back_are_named_with_their_direction() {
    let twice = |from, number| match from {
        From::Far if number % 10 == 0 => vec![Duration::ZERO, Duration::from_millis(2)],
        _ => vec![Duration::ZERO],
    };
    let device = Device::up("runbacktwice", twice);
    let records = Bench::new(&device, &[&both_ways()]).run();
    is_invalid_because(&records[0], "duplicates");
    let verdict = records[0]["verdict"].to_string();
    assert!(verdict.contains("reverse direction") && !verdict.contains("forward direction"), "{verdict}");
}

#[test]
fn frames_that_come_twice_make_a_record_invalid_both_ways() {
    // One in ten; a path that doubles by accident doubles far fewer.
    let twice = |_, number| if number % 10 == 0 { vec![Duration::ZERO, Duration::from_millis(2)] } else { vec![Duration::ZERO] };
    let device = Device::up("runtwice", twice);
    let records = Bench::new(&device, &[ROUND_TRIPS, ONE_WAY]).run();
    assert_eq!(records.len(), 2);
    assert!(device.sent(From::Near) > device.seen(From::Near), "the device doubled frames");
    for record in &records {
        is_invalid_because(record, "duplicates");
    }
    // Percentiles hold each frame once.
    let (samples, received) = (&records[0]["values"]["rtt_ns"]["samples"], &records[0]["values"]["frames_sent"]);
    assert!(samples.as_u64() <= received.as_u64(), "{:#}", records[0]["values"]);
}

#[test]
fn frames_still_in_flight_at_the_end_of_the_wait_make_a_record_invalid_and_are_not_lost() {
    // The first frames show a path of 1.5 s, whose silence proves nothing before 6 s; the wait for the later ones ends after 5 s.
    let late = |from, number| vec![if from == From::Near { at(0) } else { at(if number < 100 { 1_500 } else { 15_000 }) }];
    let device = Device::up("runlate", late);
    let records = Bench::new(&device, &[ROUND_TRIPS]).run();
    assert_eq!(records.len(), 1);
    is_invalid_because(&records[0], "in-flight");
    assert_eq!(records[0]["values"]["loss"]["lost"], 0, "{:#}", records[0]["values"]);
}

#[test]
fn a_link_that_goes_down_and_comes_back_makes_records_invalid() {
    let device = Device::up("rundown", at_once);
    for (measures, name) in [([ROUND_TRIPS], "round trips"), ([STREAM], "TCP stream"), ([PING_PONG], "UDP ping-pong")] {
        let bench = Bench::new(&device, &measures);
        let (_, records) = bench.run_while(|| {
            let before = device.seen(From::Near);
            program::wait_for("traffic", LIMIT, || device.seen(From::Near) > before + 100);
            device.link_of_near("down");
            std::thread::sleep(Duration::from_millis(300));
            device.link_of_near("up");
        });
        println!("{name}: {}", records[0]["verdict"]);
        let failed = records[0]["verdict"]["state"] == "failed";
        assert!(failed || reasons(&records[0]).contains(&"link-change"), "{name}: {:#}", records[0]);
    }
}

#[test]
fn another_sender_on_the_path_makes_records_invalid() {
    let device = Device::up("runsenders", at_once);
    let bench = Bench::new(&device, &[ROUND_TRIPS, ONE_WAY]);
    let other = ["--rate", "200pps", "--duration", "120s", "--size", "128", "--quiet", "--cpu", "1", "--stream", "7"];
    let other = Background::start(device.linerate(&device.near, "send", &other));
    let records = bench.run();
    other.signal(Signal::SIGINT);
    let other = other.finish(LIMIT);
    assert!(json(&other.stdout)["frames_sent"].as_u64().unwrap() > 200, "{}", errors(&other));
    is_invalid_because(&records[0], "foreign-frames");
    is_invalid_because(&records[1], "several-senders");
}

#[test]
fn a_second_run_on_an_interface_is_refused_and_leaves_nothing_and_the_first_is_not_disturbed() {
    let device = Device::up("runsecond", at_once);
    let bench = Bench::new(&device, &[PING_PONG]);
    let (first, records) = bench.run_while(|| {
        let second = bench.command("second").output().unwrap();
        let said = errors(&second);
        assert!(!second.status.success() && said.contains("another run of linerate measures on interface veth0"), "{said}");
        assert!(said.contains("endpoint near") && said.lines().count() == 1, "{said}");
        assert!(!Path::new(&bench.path("second")).exists(), "a refused run left a directory");
    });
    assert!(first.status.success(), "{}", errors(&first));
    has_no_fault_of_the_path(&records[0]);
    // The claim ends with the run, also when it was killed.
    let killed = Background::start(bench.command("killed"));
    killed.wait_for_words("[1/", LIMIT);
    killed.signal(Signal::SIGKILL);
    killed.finish(LIMIT);
    program::wait_for("the end of the killed run's claim", Duration::from_secs(10), || {
        let taken = Command::new("ip").args(["netns", "exec", &device.near, "flock", "-n", "/sys/class/net/veth0", "true"]).status();
        taken.unwrap().success()
    });
}
