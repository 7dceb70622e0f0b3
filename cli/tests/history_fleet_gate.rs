//! `linerate history`, `fleet` and `gate` as CI runs them: what they print, what they write, and their exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::str::contains;

fn linerate() -> Command {
    Command::cargo_bin("linerate").unwrap()
}

/// A run of one DPDK result on a given day, measured as many times as there are rates.
fn run(directory: &Path, day: usize, rates: &[f64]) {
    fs::create_dir_all(directory).unwrap();
    let line = |(index, rate): (usize, &f64)| {
        let (repetition, date) = (index + 1, format!("2026-03-{day:02}T12:00:00Z"));
        format!(
            r#"{{"schema":1,"id":"r{index}","time":"{date}","pair":{{"from":"a-cpu","to":"b-cpu"}},"stack":"dpdk","tool":{{"name":"linerate","version":"0.1.0"}},"metric":"throughput","method":"mrr","size":{{"kind":"frame","bytes":64}},"repetition":{repetition},"values":{{"forwarding_pps":{rate}}},"verdict":{{"state":"valid","reasons":[]}}}}"#
        ) + "\n"
    };
    fs::write(directory.join("results.jsonl"), rates.iter().enumerate().map(line).collect::<String>()).unwrap();
}

#[test]
fn history_prints_the_change_and_writes_its_page() {
    let place = tempfile::tempdir().unwrap();
    for day in 1..=20 {
        let wobble = 1.0 + 0.002 * ((day * 7 % 5) as f64 - 2.0);
        let rate = if day < 12 { 10e6 } else { 9e6 };
        run(&place.path().join(format!("run-{day:02}")), day, &[rate * wobble]);
    }
    fs::create_dir(place.path().join("notes")).unwrap();
    let command = || {
        let mut command = linerate();
        command.arg("history").arg(place.path());
        command
    };
    command()
        .arg("--out")
        .arg(place.path().join("page"))
        .assert()
        .success()
        .stdout(contains("from 2026-03-12 12:00 UTC on, 1 result of 1 worse by"))
        .stdout(contains("notes: it is not a run directory"))
        .stdout(contains("history.html"));
    assert!(place.path().join("page/history.md").exists());
    let json = command().arg("--json").assert().success();
    let object: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(object["history"]["events"][0]["run"], 11);
    assert_eq!(object["history"]["runs"].as_array().unwrap().len(), 20);
}

#[test]
fn directories_without_a_run_are_an_error_that_names_them() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("photos")).unwrap();
    for command in ["history", "fleet"] {
        linerate().arg(command).arg(place.path()).assert().code(1).stderr(contains("photos")).stderr(contains("give run directories"));
        linerate().arg(command).arg(place.path().join("missing")).assert().code(1).stderr(contains("cannot be listed"));
    }
}

#[test]
fn fleet_names_the_testbed_that_differs() {
    let place = tempfile::tempdir().unwrap();
    for rack in 1..=8 {
        let rate = if rack == 5 { 7e6 } else { 10e6 } * (1.0 + 0.004 * f64::from(rack * 3 % 5));
        run(&place.path().join(format!("rack-{rack}/run")), 1, &[rate]);
    }
    linerate()
        .arg("fleet")
        .arg(place.path())
        .arg("--out")
        .arg(place.path().join("page"))
        .assert()
        .success()
        .stdout(contains("1 of 8 testbeds differs beyond noise: rack-5"));
    assert!(place.path().join("page/fleet.html").exists());
}

#[test]
fn a_gate_passes_with_0_fails_with_1_and_cannot_judge_with_3() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    run(&path("good"), 1, &[10e6, 10.02e6, 9.99e6]);
    run(&path("slow"), 2, &[8e6, 8.02e6, 7.99e6]);
    run(&path("once"), 3, &[10e6]);
    let drafted = linerate().arg("gate").arg("--init").arg(path("good")).assert().success();
    fs::write(path("expect.toml"), &drafted.get_output().stdout).unwrap();
    for (name, code, words) in [("good", 0, "1 of 1 expectations passed"), ("slow", 1, "1 failed"), ("once", 3, "1 cannot be judged")] {
        let xml = path(&format!("{name}.xml"));
        linerate()
            .arg("gate")
            .arg(path(name))
            .arg("--expect")
            .arg(path("expect.toml"))
            .arg("--junit")
            .arg(&xml)
            .assert()
            .code(code)
            .stdout(contains(words));
        assert!(fs::read_to_string(&xml).unwrap().contains("<testsuites"), "{name}");
    }
    linerate().arg("gate").arg(path("good")).arg("--expect").arg(path("none.toml")).assert().code(1).stderr(contains("gate --init"));
    linerate().arg("gate").arg(path("good")).assert().failure();
}
