//! `method = "best"` on a real lab: what the search chooses, against an independent measurement of every combination.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use methodology::statistics::median_interval;
use reporter::archive::{Archive, RunDirectory};
use reporter::kernel_tools::reparse;
use reporter::record::{ReasonKind, Record, State};
use testbed::conductor::{Conductor, Done, EndpointAgents, Observer, RunEnd, StepInfo};
use testbed::lab::{Lab, LabOptions};
use testbed::plan::Plan;
use testbed::process::{CommandSpec, run as run_command};
use testbed::topology::Testbed;

struct Printed;

impl Observer for Printed {
    fn begins(&mut self, _: &StepInfo) {}
    fn ended(&mut self, _: &Record) {}
    fn trial(&mut self, note: &str) {
        println!("{note}");
    }
}

/// A testbed of its own, with its lab.
struct Bench {
    testbed: Testbed,
    _lab: Lab,
}

impl Bench {
    fn new() -> Bench {
        let lab = Lab::up(LabOptions::default()).unwrap();
        Bench { testbed: Testbed::of_lab(&lab, Path::new("/nonexistent/linerate")), _lab: lab }
    }

    fn run(&self, plan: &str) -> Archive {
        let plan = Plan::reread(plan, Path::new("plan.toml")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut directory = RunDirectory::create(&folder.path().join("run")).unwrap();
        directory.write_plan(&plan.source).unwrap();
        let mut conductor = Conductor {
            plan: &plan,
            testbed: &self.testbed,
            agents: &mut EndpointAgents::default(),
            directory: &mut directory,
            interrupted: &AtomicBool::new(false),
            observer: &mut Printed,
        };
        assert_eq!(conductor.run(&Done::default()).unwrap(), RunEnd::Complete);
        let archive = Archive::read(directory.path()).unwrap();
        for record in archive.records.iter().filter(|record| record.raw.is_some()) {
            assert_eq!(reparse(record, directory.path()).unwrap().values, record.values, "{}", record.id);
        }
        archive
    }

    fn mtu(&self, endpoint: usize) -> String {
        let end = &self.testbed.endpoints[endpoint];
        let file = format!("/sys/class/net/{}/mtu", end.kernel.as_ref().unwrap().interface);
        run_command(&CommandSpec::new(end.location.clone(), ["cat", &file])).unwrap().stdout_text().trim().to_owned()
    }
}

const SEARCH: &str = r#"
name = "search"
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "best"
duration = "300ms"
streams = [1, 4]
message = ["64", "16K"]
"#;

/// The same combinations; a repetition goes through all of them, so that they alternate.
const COMPARISON: &str = r#"
name = "comparison"
pairs = ["a-cpu:b-cpu"]
repetitions = 9

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
streams = [1, 4]
message = ["64", "16K"]
"#;

/// Streams and bytes of a message.
type Combination = (u64, u32);

fn combination(record: &Record) -> Combination {
    (record.parameters.get("streams").and_then(serde_json::Value::as_u64).unwrap_or(1), record.size.bytes)
}

/// Whether `one` is slower than `other` by more than the share that does not matter to a search, by the 95 % interval of the median of their ratio in
/// each round.
fn is_slower(one: Combination, other: Combination, rounds: &[Record], within: f64) -> bool {
    let of = |combination_of: Combination, round: u32| {
        let record = rounds.iter().find(|record| combination(record) == combination_of && record.repetition == round)?;
        Some(record.values.goodput_bps.filter(|_| record.verdict.state == State::Valid)?.bps())
    };
    let last = rounds.iter().map(|record| record.repetition).max().unwrap();
    let mut ratios: Vec<f64> = (1..=last).filter_map(|round| Some((of(one, round)? / of(other, round)?).ln())).collect();
    ratios.sort_by(f64::total_cmp);
    let interval = median_interval(&ratios).unwrap();
    let (low, high) = (interval.low.exp(), interval.high.exp());
    println!("{one:?} is {low:.3} to {high:.3} times as fast as {other:?}, by {} rounds", ratios.len());
    high * (1.0 + within) < 1.0
}

#[test]
fn no_combination_is_faster_than_the_best_in_a_later_comparison() {
    let bench = Bench::new();
    let archive = bench.run(SEARCH);
    let [record] = &archive.records[..] else { panic!("one record for the pair: {:?}", archive.records) };
    assert_eq!(record.verdict.state, State::Valid, "{:?}", record.verdict.reasons);
    let best = record.best_of().unwrap();
    println!(
        "chosen {:?}, noise {:?}, confidence {:?}, not distinguished {:?}",
        best.chosen, best.noise, best.confidence, best.not_distinguished
    );
    println!(
        "{} valid trials, {} others, load {}",
        best.valid_trials,
        best.invalid_trials,
        std::fs::read_to_string("/proc/loadavg").unwrap()
    );
    let chosen = combination(record);
    let setting = format!("streams {}, message {} B", chosen.0, chosen.1);
    assert_eq!((record.method.as_str(), best.chosen.as_ref().map(|rate| rate.setting.clone())), ("best", Some(setting)));
    assert_eq!((best.combinations, best.searched.as_slice()), (4, ["streams", "message"].map(str::to_owned).as_slice()));
    assert_eq!(1 + best.not_distinguished.len() + best.slower.len() + best.without_valid_trial.len() + best.untried.len(), 4);
    let rounds = bench.run(COMPARISON).records;
    let invalid = rounds.iter().filter(|record| record.verdict.state != State::Valid).count();
    println!("comparison: {invalid} of {} trials are not valid, load {}", rounds.len(), std::fs::read_to_string("/proc/loadavg").unwrap());
    for other in [(1, 64), (1, 16_384), (4, 64), (4, 16_384)] {
        assert!(other == chosen || !is_slower(chosen, other, &rounds, best.within), "the search chose {chosen:?}, and {other:?} is faster");
    }
    // The same judgement of a combination that is known to be slow: a system call for each 64 bytes.
    assert!(is_slower((1, 64), (1, 16_384), &rounds, best.within), "the comparison could not have found a wrong choice");
}

#[test]
fn a_search_over_the_mtu_puts_it_back_and_the_record_has_what_it_was_measured_with() {
    let bench = Bench::new();
    let before = [bench.mtu(0), bench.mtu(2)];
    let plan = "name = \"mtu\"\npairs = [\"a-cpu:b-cpu\"]\n[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"best\"\nduration = \"300ms\"\nsizes = [1024]\n\
                mtu = [1400, 3000]\ntrials = 8\n";
    let archive = bench.run(plan);
    assert_eq!([bench.mtu(0), bench.mtu(2)], before);
    let [record] = &archive.records[..] else { panic!("{:?}", archive.records) };
    assert_eq!(record.verdict.state, State::Valid, "{:?}", record.verdict.reasons);
    let mtu = record.parameters["mtu"].as_u64().unwrap();
    let mss = record.parameters["tcp_mss"].as_u64().unwrap();
    assert!(mss == mtu - 40 || mss == mtu - 52, "{mtu}: {mss}");
    assert_eq!((record.best_of().unwrap().chosen.unwrap().setting, record.size.bytes), (format!("mtu {mtu}"), 1024));
}

#[test]
fn without_a_valid_trial_the_record_is_invalid_with_the_reason() {
    let mut bench = Bench::new();
    // The address is on another interface: no counter proves the path.
    bench.testbed.endpoints[2].kernel.as_mut().unwrap().interface = "lo".to_owned();
    let plan = SEARCH.replace("message = [\"64\", \"16K\"]", "sizes = [512]\ntrials = 8");
    let archive = bench.run(&plan);
    let [record] = &archive.records[..] else { panic!("{:?}", archive.records) };
    let reason = &record.verdict.reasons[0];
    assert_eq!((record.verdict.state, reason.kind), (State::Invalid, ReasonKind::CountersDisagree), "{:?}", record.verdict.reasons);
    assert!(reason.detail.contains("no combination has a valid trial; streams 1: endpoint b-cpu: interface lo"), "{}", reason.detail);
    let best = record.best_of().unwrap();
    assert!(best.chosen.is_none() && best.valid_trials == 0 && record.values.goodput_bps.is_none(), "{best:?}");
}
