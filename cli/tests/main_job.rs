//! `linerate run` on the real lab: what it leaves, and what survives an interruption, a killed agent and a hanging tool.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use program::agents::{agents_of, busiest_thread};
use program::work::Work;
use program::{Background, errors, json, linerate, records, run, wait_for};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

const SMALL: &str = r#"
name = "small"
sizes = [64, 1518]
pairs = ["a-cpu:b-cpu", "b-dpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"

[[measure]]
stack = "kernel-tcp"
method = "ping-pong"
sizes = [64]

[[measure]]
stack = "dpdk"
method = "mrr"
preset = "quick"
duration = "100ms"

[[measure]]
stack = "dpdk"
method = "round-trip"
sizes = [64]
rate = "5kpps"
duration = "200ms"
"#;

/// Delays at a load that needs no search. Trials are short: on a machine that does something else meanwhile some of them have their CPU.
const LATENCY: &str = r#"
name = "latency"
sizes = [64]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "dpdk"
method = "latency"
preset = "quick"
at = [{ kind = "load", value = "20kpps" }]
duration = "110ms"
repetitions = 5
"#;

const LONG: &str = r#"
name = "long"
sizes = [64]
pairs = ["a-cpu:b-cpu", "b-dpu:b-cpu", "a-dpu:b-dpu"]

[[measure]]
stack = "dpdk"
method = "mrr"
preset = "quick"
duration = "2s"
"#;

const TUNED: &str = r#"
name = "tuned"
sizes = [64]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "dpdk"
method = "mrr"
preset = "quick"
duration = "100ms"
burst = [8, 128]
flows = [1, 100]

[[measure]]
stack = "dpdk"
method = "round-trip"
rate = "5kpps"
duration = "200ms"
flows = 100
"#;

const DELAYS: &str = r#"
name = "delays"
sizes = [64]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "dpdk"
method = "latency"
preset = "quick"
at = ["idle"]
tester = { repeats = 50 }
"#;

fn run_of(work: &Work) -> std::process::Output {
    work.command(&["--json"]).stdin(std::process::Stdio::null()).output().unwrap()
}

fn start_of(work: &Work) -> Background {
    Background::start(work.command(&["--json"]))
}

/// Whether a lab that this process made is still there. Other tests have labs of their own at the same time.
fn has_lab(owner: u32) -> bool {
    let listed = json(&run(&["lab", "status", "--json"]).stdout);
    listed["labs"].as_array().unwrap().iter().any(|lab| lab.to_string().contains(&format!(":{owner}")))
}

/// Round trips of the tester alone stand beside, and are no longer than those through the other end: those hold one turn of the same loop too.
/// What a busy machine adds makes a time longer and never shorter, so the shortest of a calibration is less than any median of round trips,
/// and its own median is where nothing disturbed it.
fn has_the_tester_alone_beside_it(record: &Value) {
    let (alone, how, whole) =
        (&record["parameters"]["calibration_rtt_ns"], &record["parameters"]["calibration"], &record["values"]["rtt_ns"]);
    let ns = |of: &Value, key: &str| of[key].as_f64().unwrap_or_else(|| panic!("no {key} in {of}: {record}"));
    assert!(alone["count"].as_u64().unwrap() > 0, "{record}");
    for pair in ["min", "p50", "p90", "p99", "p999", "max"].windows(2) {
        assert!(ns(alone, pair[0]) <= ns(alone, pair[1]), "{alone}");
    }
    assert!(0.0 < ns(alone, "min") && ns(alone, "min") < ns(whole, "p50"), "{record}");
    assert_eq!(how["port"], "net_ring0");
    if how["state"] == "undisturbed" {
        assert!(ns(alone, "p50") < ns(whole, "p50"), "{record}");
    } else {
        assert!(how["state"] == "disturbed" && how["detail"].is_string(), "{how}");
    }
}

/// What the poll loops of both ends did with their time stands in the record.
fn assert_accounted(record: &Value) {
    let (cpu, parameters) = (&record["cpu"], &record["parameters"]);
    for end in ["sender", "receiver"] {
        let number = |key: &str| cpu[end][key].as_f64().unwrap_or_else(|| panic!("no {key} of the {end} in {record}"));
        assert!(number("busy_cycles") > 0.0 && number("busy_cycles") <= number("total_cycles"), "{cpu}");
        assert!(number("cycles_per_frame") > 0.0, "{cpu}");
        // Every kernel since 2.6.11 tells of steal.
        assert!(number("steal_cores") >= 0.0, "{cpu}");
    }
    let other = if record["metric"] == "latency" { "reflector_hiccups" } else { "receiver_hiccups" };
    for hiccups in [&parameters["sender_hiccups"], &parameters[other]] {
        let buckets = hiccups["histogram"].as_array().unwrap_or_else(|| panic!("no histogram of hiccups in {record}"));
        assert_eq!(hiccups["count"].as_u64(), Some(buckets.iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum()), "{hiccups}");
        assert_eq!(hiccups["longest_ns"].as_u64() > Some(0), !buckets.is_empty(), "{hiccups}");
    }
    assert!(parameters["gaps"]["histogram"].is_array() && parameters["checksums"] == "precomputed", "{parameters}");
    // None computes a checksum.
    for port in ["sender_port", "receiver_port"] {
        let offloads = parameters[port]["offloads"].as_array().unwrap_or_else(|| panic!("no offloads of the {port} in {record}"));
        assert!(offloads.iter().all(|offload| offload == "mbuf_fast_free"), "{record}");
    }
}

#[test]
fn a_run_leaves_records_raw_files_a_report_and_no_lab() {
    let work = Work::new(SMALL);
    let output = run_of(&work);
    assert!(output.status.success(), "{}", errors(&output));
    let summary = json(&output.stdout);
    assert_eq!(
        (summary["complete"].as_bool(), summary["records"].as_u64(), summary["failed"].as_u64()),
        (Some(true), Some(12), Some(0)),
        "{summary}"
    );
    let out = work.out();
    for file in ["plan.toml", "testbed.toml", "environment.json", "results.jsonl", "report.html", "report.md", "results.csv"] {
        assert!(out.join(file).metadata().is_ok_and(|file| file.len() > 0), "{file}");
    }
    for record in records(&out) {
        for key in ["schema", "id", "time", "pair", "stack", "tool", "metric", "method", "size", "values", "verdict"] {
            assert!(!record[key].is_null(), "no {key} in {record}");
        }
        if record["stack"] != "dpdk" {
            assert!(out.join(record["raw"].as_str().unwrap()).is_file(), "{record}");
        }
        if record["stack"] == "dpdk" {
            assert_accounted(&record);
        }
        if record["method"] == "mrr" {
            assert!(record["values"]["forwarding_pps"].as_f64().unwrap() > 0.0, "{record}");
            assert_eq!(record["values"]["wire_bytes_per_frame"].as_f64(), record["size"]["bytes"].as_f64(), "{record}");
        }
        if record["method"] == "round-trip" {
            assert!(record["values"]["rtt_ns"]["p50"].as_f64().unwrap() > 0.0, "{record}");
            assert!(out.join(record["values"]["rtt_ns"]["histogram"].as_str().unwrap()).is_file(), "{record}");
            has_the_tester_alone_beside_it(&record);
        }
    }
    // The report can be made again, by a program that never saw the run.
    let again = work.folder.path().join("again");
    let report = run(&["report", &out.display().to_string(), "--out", &again.display().to_string()]);
    assert!(report.status.success() && again.join("report.html").is_file(), "{}", errors(&report));
}

#[test]
fn the_latency_procedure_has_the_tester_alone_beside_it_too() {
    let work = Work::new(LATENCY);
    let output = run_of(&work);
    assert!(output.status.success(), "{}", errors(&output));
    let records = records(&work.out());
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["metric"], &records[0]["method"]), (&"latency".into(), &"latency".into()));
    if records[0]["values"]["rtt_ns"].is_null() {
        // The tester had no trial in peace, and there are no delays for a share of its own to stand beside.
        assert!(records[0]["verdict"]["reasons"][0].as_str().unwrap().starts_with("hiccup: "), "{}", records[0]);
        assert!(records[0]["parameters"]["calibration"].is_null(), "{}", records[0]);
    } else {
        has_the_tester_alone_beside_it(&records[0]);
    }
}

#[test]
fn rfc8219_7_2_latency_keeps_a_histogram_a_repetition_and_times_no_early_frame() {
    let work = Work::new(DELAYS);
    let output = run_of(&work);
    assert!(output.status.success(), "{}", errors(&output));
    let out = work.out();
    let all = records(&out);
    let [record] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(record["load"], "idle");
    let repetitions = record["parameters"]["measured"]["loads"][0]["repetitions"].as_array().unwrap();
    // On a busy machine trials are repeated; what learns the highest load has no delays.
    let valid = |trial: &&Value| trial["verdict"]["state"] == "valid" && trial["purpose"] == "measurement";
    let sent: Vec<u64> = record["parameters"]["trials"]
        .as_array()
        .unwrap()
        .iter()
        .filter(valid)
        .map(|trial| trial["outcome"]["directions"][0]["sent"].as_u64().unwrap())
        .collect();
    assert_eq!((repetitions.len(), sent.len()), (3, 3), "{record}");
    let archive = reporter::archive::Archive::read(&out).unwrap();
    let mut counted = 0;
    for (delays, sent) in repetitions.iter().zip(sent) {
        let histogram = archive.histogram(delays["histogram"]["file"].as_str().unwrap()).unwrap();
        let count = delays["count"].as_u64().unwrap();
        // A fifth of the trial is over before the first frame that counts.
        assert!(histogram.len() == count && 0 < count && count < sent, "{count} of {sent}, {} kept", histogram.len());
        counted += count;
    }
    assert_eq!(record["values"]["rtt_ns"]["count"].as_u64(), Some(counted));
    assert!(out.join("figures/round-trips-by-percentile-under-load-64-a-cpu-to-b-cpu.svg").is_file());
}

#[test]
fn ctrl_c_keeps_the_records_writes_the_report_removes_the_lab_and_the_run_can_go_on() {
    let work = Work::new(LONG);
    let running = start_of(&work);
    let owner = running.pid();
    let results = work.out().join("results.jsonl");
    wait_for("the first record", LIMIT, || results.metadata().is_ok_and(|file| file.len() > 0));
    running.signal(Signal::SIGINT);
    let output = running.finish(LIMIT);
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    let summary = json(&output.stdout);
    assert_eq!(summary["complete"].as_bool(), Some(false), "{summary}");
    let kept = records(&work.out()).len();
    assert!((1..3).contains(&kept), "{kept} records");
    assert!(work.out().join("report.html").is_file());
    assert!(!has_lab(owner));

    let resumed = run(&["run", "--json", "--resume", &work.out().display().to_string()]);
    assert!(resumed.status.success(), "{}", errors(&resumed));
    let ids: Vec<String> = records(&work.out()).iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((ids.len(), unique.len()), (3, 3), "{ids:?}");
}

#[test]
fn ctrl_c_before_anything_is_measured_ends_the_run_in_the_same_way() {
    let work = Work::new(LONG);
    let running = start_of(&work);
    let owner = running.pid();
    // The lab is up, and the endpoints are being described: the environment is written when they have been.
    wait_for("the testbed", LIMIT, || work.out().join("testbed.toml").exists());
    running.signal(Signal::SIGINT);
    let output = running.finish(LIMIT);
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    assert_eq!(json(&output.stdout)["complete"].as_bool(), Some(false));
    assert!(!has_lab(owner));

    let resumed = run(&["run", "--json", "--resume", &work.out().display().to_string()]);
    assert!(resumed.status.success(), "{}", errors(&resumed));
    assert_eq!(records(&work.out()).len(), 3);
    assert!(work.out().join("environment.json").is_file());
}

#[test]
fn an_agent_that_is_killed_in_mid_trial_costs_its_record_and_no_other() {
    let work = Work::new(LONG);
    let running = start_of(&work);
    let owner = running.pid();
    let mut victim = None;
    // Agents describe the endpoints too, and open ports. Only a poll loop uses its processor up.
    wait_for("a trial", LIMIT, || {
        // The sender's agent is started last.
        victim = agents_of(owner).last().copied();
        victim.is_some_and(|agent| busiest_thread(agent) >= Duration::from_millis(300))
    });
    kill(Pid::from_raw(victim.unwrap() as i32), Signal::SIGKILL).unwrap();
    let output = running.finish(LIMIT);
    assert!(output.status.success(), "{}", errors(&output));
    let states: Vec<Value> = records(&work.out()).iter().map(|record| record["verdict"]["state"].clone()).collect();
    assert_eq!(states.len(), 3);
    assert_eq!(states.iter().filter(|state| *state == "failed").count(), 1, "{states:?}");
    let failed = records(&work.out()).into_iter().find(|record| record["verdict"]["state"] == "failed").unwrap();
    assert!(failed["verdict"]["reasons"][0].as_str().unwrap().starts_with("agent-lost: "), "{failed}");
    assert!(!has_lab(owner));
}

/// A folder with programs that stand in front of the real ones.
fn instead(folder: &Path, program: &str, script: &str) -> String {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let file = bin.join(program);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn a_tool_that_fails_with_status_0_is_a_failed_record_and_the_run_goes_on() {
    let work = Work::new(SMALL);
    let path = instead(
        work.folder.path(),
        "iperf3",
        "case \"$*\" in *-s*) exec /usr/bin/iperf3 \"$@\";; *) echo '{\"error\":\"the server is busy\",\"end\":{}}'; exit 0;; esac",
    );
    let output = linerate().args(work.arguments(&["--json"])).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let records = records(&work.out());
    let failed: Vec<&Value> = records.iter().filter(|record| record["verdict"]["state"] == "failed").collect();
    assert_eq!((records.len(), failed.len()), (12, 4));
    for record in failed {
        assert!(record["tool"]["name"] == "iperf3" && record["verdict"]["reasons"][0].as_str().unwrap().contains("busy"), "{record}");
    }
}

#[test]
fn a_tool_that_is_missing_is_named_with_its_package() {
    let work = Work::new(SMALL);
    // A mount namespace in which iperf3 is covered: for this run it is not installed.
    let cover = "mount --bind /dev/null /usr/bin/iperf3 && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", cover, "sh", env!("CARGO_BIN_EXE_linerate")]).args(work.arguments(&["--json"]));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let failed: Vec<Value> = records(&work.out()).into_iter().filter(|record| record["verdict"]["state"] == "failed").collect();
    assert_eq!(failed.len(), 4);
    assert!(failed[0]["verdict"]["reasons"][0].as_str().unwrap().contains("apt-get install iperf3"), "{}", failed[0]);
}

/// Each combination is measured, says so, and is kept apart; more poll loops than the machine has CPUs are refused before anything is made.
#[test]
fn a_plan_that_tunes_has_a_record_for_each_combination() {
    let work = Work::new(TUNED);
    let output = run_of(&work);
    assert!(output.status.success(), "{}", errors(&output));
    let records = records(&work.out());
    let ids: Vec<&str> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    let id = |what: &str| format!("a-cpu+b-cpu/dpdk/{what}/1");
    let expected = ["mrr/64-b8", "mrr/64-b128", "mrr/64-b8-f100", "mrr/64-b128-f100", "round-trip/64-f100"].map(id);
    assert_eq!(ids, expected);
    for record in &records {
        assert_ne!(record["verdict"]["state"], "failed", "{record}");
    }
    assert_eq!(records[3]["parameters"]["burst"], 128);
    assert_eq!(records[3]["parameters"]["flows"], 100);
    let report = std::fs::read_to_string(work.out().join("report.md")).unwrap();
    for configuration in ["burst 8", "burst 128", "burst 8, 100 flows", "burst 128, 100 flows"] {
        assert!(report.contains(configuration), "{configuration} is not in the report");
    }

    let greedy = Work::new(&TUNED.replacen("flows = 100\n", "queues = 4096\n", 1));
    let refused = run_of(&greedy);
    assert!(!refused.status.success() && errors(&refused).contains("8192 poll loops"), "{}", errors(&refused));
    assert!(!greedy.out().exists());
}
