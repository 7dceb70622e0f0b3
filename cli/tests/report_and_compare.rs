//! `linerate report` and `linerate compare` on run directories, without DPDK.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

/// A run directory with one DPDK result, measured as many times as there are rates.
fn run(directory: &Path, rates: &[f64]) {
    std::fs::create_dir_all(directory).unwrap();
    let line = |(index, rate): (usize, &f64)| {
        format!(
            r#"{{"schema":1,"id":"r{index}","time":"2026-03-01T12:00:00Z","pair":{{"from":"a-cpu","to":"b-cpu"}},"stack":"dpdk","tool":{{"name":"linerate","version":"0.1.0"}},"metric":"throughput","method":"mrr","size":{{"kind":"frame","bytes":64}},"repetition":{},"values":{{"forwarding_pps":{rate},"goodput_bps":{}}},"verdict":{{"state":"valid","reasons":[]}}}}"#,
            index + 1,
            rate * 144.0
        ) + "\n"
    };
    let lines: String = rates.iter().enumerate().map(line).collect();
    std::fs::write(directory.join("results.jsonl"), lines).unwrap();
}

fn linerate() -> Command {
    Command::cargo_bin("linerate").unwrap()
}

#[test]
fn report_writes_its_files_and_names_a_damaged_line() {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), &[1e6]);
    let results = directory.path().join("results.jsonl");
    let mut text = std::fs::read_to_string(&results).unwrap();
    text.push_str("{\"schema\":1,\n");
    std::fs::write(&results, text).unwrap();
    linerate()
        .arg("report")
        .arg(directory.path())
        .assert()
        .success()
        .stdout(contains("results.jsonl line 2"))
        .stdout(contains("report.html"));
    for name in ["report.html", "report.md", "results.csv"] {
        assert!(directory.path().join(name).exists(), "{name}");
    }
    let json = linerate().arg("report").arg(directory.path()).arg("--json").assert().success();
    let object: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(object["records"], 1);
    assert_eq!(object["damaged"][0]["line"], 2);
}

#[test]
fn report_of_something_else_says_what_to_give() {
    let directory = tempfile::tempdir().unwrap();
    linerate().arg("report").arg(directory.path()).assert().failure().stderr(contains("run directory"));
}

#[test]
fn results_without_one_record_are_an_error_and_are_left_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    run(&at("good"), &[1e6, 1e6]);
    std::fs::create_dir(at("bad")).unwrap();
    let text = "{\"a\":1}\nx\n";
    std::fs::write(at("bad").join("results.jsonl"), text).unwrap();
    let said = contains("results.jsonl has no readable record, and nothing can be reported; the first problem is in line 1");
    for arguments in
        [&["report", "bad"][..], &["report", "good", "--beside", "bad"], &["compare", "bad", "good"], &["compare", "good", "bad"]]
    {
        linerate().current_dir(directory.path()).args(arguments).assert().code(1).stderr(said.clone());
    }
    linerate().arg("history").arg(at("bad")).assert().code(1).stderr(contains("none of its lines is a record"));
    assert_eq!(std::fs::read_dir(at("bad")).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(at("bad").join("results.jsonl")).unwrap(), text);
    // A run that has measured nothing yet is no such error.
    std::fs::create_dir(at("begun")).unwrap();
    std::fs::write(at("begun").join("results.jsonl"), "").unwrap();
    linerate().arg("report").arg(at("begun")).assert().success();
}

#[test]
fn compare_fails_on_a_regression_and_on_blindness_and_passes_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    run(&at("base"), &[1.00e6, 1.01e6, 0.99e6, 1.0e6]);
    run(&at("slow"), &[0.80e6, 0.81e6, 0.79e6, 0.8e6]);
    run(&at("same"), &[1.00e6, 1.005e6, 0.995e6, 1.0e6]);
    run(&at("once"), &[0.5e6]);
    let compare = |new: &str| {
        let mut command = linerate();
        command.arg("compare").arg(at("base")).arg(at(new));
        command
    };
    compare("slow").args(["--fail-on-regression", "5%"]).assert().code(1).stdout(contains("1 regressions"));
    compare("slow").args(["--fail-on-regression", "50%"]).assert().code(0);
    compare("slow").assert().code(0).stdout(contains("worse"));
    compare("same").args(["--fail-on-regression", "5%"]).assert().code(0);
    compare("once").args(["--fail-on-regression", "5%"]).assert().code(3).stdout(contains("noise cannot be judged"));
    // No regression was found, and none of that size could have been.
    compare("same").args(["--fail-on-regression", "0.1%"]).assert().code(3).stdout(contains("could have shown"));
    compare("slow").args(["--fail-on-regression", "lots"]).assert().code(2).stderr(contains("such as 5%"));
    let json = compare("slow").args(["--json", "--fail-on-regression", "5%"]).assert().code(1);
    let object: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(object["comparison"]["changes"][0]["finding"], "worse");
    compare("slow").arg("--out").arg(at("out")).assert().code(0).stdout(contains("compare.html"));
    assert!(at("out").join("figures/changes.svg").exists());
}

#[test]
fn compare_takes_several_runs_a_side_and_each_run_once() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // Runs differ by about 3 %, repetitions by 0.1 %.
    for (name, rate) in [("b1", 1.00e6), ("b2", 1.03e6), ("b3", 0.98e6), ("n1", 0.99e6), ("n2", 1.02e6), ("n3", 0.97e6), ("slow1", 0.80e6)]
    {
        run(&at(name), &[rate, rate * 1.001, rate * 0.999]);
    }
    let compare = |base: &[&str], new: &[&str]| {
        let mut command = linerate();
        command.arg("compare").arg("--base").args(base.iter().map(|name| at(name)));
        command.arg("--new").args(new.iter().map(|name| at(name)));
        command
    };
    linerate()
        .arg("compare")
        .arg(at("b1"))
        .arg(at("n1"))
        .assert()
        .code(0)
        .stdout(contains("1 are worse").and(contains("noise within a run")));
    let between = compare(&["b1", "b2", "b3"], &["n1", "n2", "n3"]).args(["--fail-on-regression", "20%"]).assert().code(0);
    between.stdout(contains("0 are worse").and(contains("noise between runs")).and(contains("No result is shown to be worse by 20 %")));
    compare(&["b1", "b2", "b3"], &["slow1"]).args(["--fail-on-regression", "1%"]).assert().code(1).stdout(contains("1 regressions"));
    compare(&["b1", "b1"], &["n1"]).assert().code(1).stderr(contains("given more than once"));
    compare(&["b1", "b2"], &["b2"]).assert().code(1).stderr(contains("given more than once"));
    linerate().arg("compare").arg(at("b1")).assert().code(2).stderr(contains("NEW"));
    linerate().arg("compare").arg("--base").arg(at("b1")).assert().code(2).stderr(contains("--new"));
    linerate().arg("compare").arg(at("b1")).arg("--new").arg(at("n1")).assert().code(2);
}
