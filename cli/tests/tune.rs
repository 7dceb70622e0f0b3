//! `linerate tune`: what is refused before anything starts, and searches in the real lab. Tests of the lab need root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use program::{Background, errors, json, linerate, records, run};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// One lab at a time: poll loops that share CPUs measure each other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(arguments: &[&str], words: &[&str]) {
    let output = run(&[&["tune", "--out", "/nonexistent/out"], arguments].concat());
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let said = errors(&output);
    assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
    assert!(!Path::new("/nonexistent").exists());
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_created() {
    // No machine has so many CPUs for both ends.
    refused(&["--knob", "queues=1,5000"], &["queues 5000 cannot be measured here", "use fewer queues"]);
    refused(&["--knob", "burst=16,1000"], &["burst 1000", "1 to 256"]);
    refused(&["--knob", "bursts=16,32"], &["bursts"]);
    refused(&["--knob", "burst=16", "--knob", "burst=32"], &["given twice"]);
    refused(&["--knob", "flows=1"], &["nothing to choose from"]);
    refused(&["--knob", "sender-devargs=default;x"], &["is not a list of devargs"]);
    refused(&["--goal", "goodput"], &["kernel stacks"]);
    refused(&["--stack", "kernel-tcp", "--knob", "burst=16,32"], &["`burst`"]);
    refused(&["--stack", "kernel-tcp", "--knob", "streams=1,1000"], &["streams 1000", "1 to 128 streams"]);
    refused(&["--pair", "a-cpu:nobody"], &["nobody"]);
    refused(&["--trials", "0"], &["--trials 60"]);
    refused(&["--scaling", "--knob", "burst=16,32"], &["--set"]);
    refused(&["--scaling", "--knob", "queues=5000"], &["5000 queues cannot be measured here"]);
}

#[test]
fn a_dry_run_names_the_settings_the_default_and_what_is_left_out() {
    let output = run(&["tune", "--dry-run", "--json", "--knob", "burst=16,64", "--knob", "rx-descriptors=256,512"]);
    let planned = json(&output.stdout);
    assert_eq!(planned["settings"], 9, "{planned}");
    assert_eq!((&planned["goal"], &planned["aim"], &planned["default"]), (&"mrr".into(), &"greatest".into(), &serde_json::json!([0, 0])));
    let output = run(&["tune", "--scaling", "--dry-run", "--json", "--knob", "queues=1,5000"]);
    let planned = json(&output.stdout);
    assert!(planned["not_measured"][0]["why"].as_str().unwrap().contains("poll loops"), "{planned}");
}

#[test]
fn a_problem_of_the_testbed_ends_the_search_before_it_measures() {
    let folder = tempfile::tempdir().unwrap();
    let (testbed, out) = (folder.path().join("testbed.toml"), folder.path().join("run"));
    let endpoint = |id: &str, port: &str| format!("[[endpoint]]\nid = \"{id}\"\nreach = \"local\"\nport = \"{port}\"\ncpu = 0\n");
    let text = format!("name = \"absent\"\n{}{}", endpoint("near", "0000:ff:1f.6"), endpoint("far", "0000:ff:1f.7"));
    std::fs::write(&testbed, text.replacen("cpu = 0", "cpu = 1", 1)).unwrap();
    let arguments = ["tune", "--knob", "burst=16,64", "--trials", "4", "--pair", "near:far", "--testbed"];
    let output = linerate().args(arguments).arg(&testbed).arg("--out").arg(&out).output().unwrap();
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["0000:ff:1f.6", "0000:ff:1f.7", "--force measures anyway", "nothing was measured", "linerate tune --resume"] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
    assert!(records(&out).is_empty() && std::fs::read_to_string(out.join("stopped.txt")).unwrap().contains("no such device"));
}

/// A short search in the lab. Its trials count although other tests run beside them.
fn search(folder: &Path, more: &[&str]) -> std::process::Output {
    // A search for the load without loss has trials of its own length.
    let trial: &[&str] = if more.contains(&"ndr") { &[] } else { &["--trial", "50ms"] };
    linerate().args(["tune", "--accept-disturbed"]).args(trial).args(["--json", "--out"]).arg(folder).args(more).output().unwrap()
}

#[test]
fn each_trial_is_a_record_and_what_was_found_is_a_plan() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    // virtio-user has no key `no_such_key`, so the port does not open.
    let knobs = ["--knob", "burst=16,64", "--knob", "sender-devargs=default;no_such_key=1", "--trials", "16"];
    let output = search(&out, &knobs);
    assert!(output.status.success(), "{}", errors(&output));
    let found = json(&output.stdout);
    let records = records(&out);
    assert!(records.len() <= 16 && found["found"]["trials"] == records.len(), "{found}");
    let numbers: Vec<u64> = records.iter().map(|record| record["parameters"]["tune"]["trial"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>());
    let failed = found["found"]["failed"].as_array().unwrap();
    assert!(!failed.is_empty() && failed.iter().all(|failed| failed["setting"][1] == "no_such_key=1"), "{found}");
    assert!(failed[0]["why"].as_str().unwrap().contains("net_virtio_user0"), "the driver's message: {found}");
    assert!(records.iter().any(|record| record["verdict"]["state"] == "failed"));
    assert_ne!(found["found"]["chosen"][1], "no_such_key=1");
    let dry = run(&["run", "--dry-run", "--json", "--plan", out.join("tune.toml").to_str().unwrap()]);
    assert_eq!(json(&dry.stdout)["measures"].as_array().map(Vec::len), Some(1), "{}", errors(&dry));
    // The plan of the run directory is the grid.
    let grid = run(&["run", "--dry-run", "--json", "--plan", out.join("plan.toml").to_str().unwrap()]);
    assert_eq!(json(&grid.stdout)["measures"].as_array().map(Vec::len), Some(2), "{}", errors(&grid));
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("The best setting") && page.contains("no_such_key=1"));
}

#[test]
fn an_interrupted_search_leaves_the_best_so_far_and_goes_on_with_the_same_decisions() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = linerate();
    command.args([
        "tune",
        "--accept-disturbed",
        "--trial",
        "50ms",
        "--knob",
        "burst=16,32,64,128",
        "--trials",
        "1000",
        "--within",
        "0.01%",
        "--out",
    ]);
    command.arg(&out);
    let background = Background::start(command);
    background.wait_for_words("trial 21/1000", LIMIT);
    let second = run(&["tune", "--resume", out.to_str().unwrap()]);
    assert!(!second.status.success() && errors(&second).contains("writes to"), "one search at a time: {}", errors(&second));
    background.signal(Signal::SIGINT);
    let output = background.finish(LIMIT);
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    let before = records(&out);
    assert!(before.len() >= 20 && out.join("tune.toml").is_file());
    // tune-request.json decides how the search continues: with another seed, the kept trials do not match it.
    let request = out.join("tune-request.json");
    let text = std::fs::read_to_string(&request).unwrap();
    let mut kept: Value = serde_json::from_str(&text).unwrap();
    kept["seed"] = 2.into();
    std::fs::write(&request, kept.to_string()).unwrap();
    let other = linerate().args(["tune", "--resume"]).arg(&out).output().unwrap();
    assert!(errors(&other).contains("does not follow from the search"), "{}", errors(&other));
    kept["seed"] = 1.into();
    kept["budget"] = serde_json::json!({ "trials": before.len() + 5 });
    std::fs::write(&request, kept.to_string()).unwrap();
    let resumed = linerate().args(["tune", "--json", "--resume"]).arg(&out).output().unwrap();
    assert!(resumed.status.success(), "{}", errors(&resumed));
    let after = records(&out);
    assert_eq!(after[..before.len()], before[..]);
    assert!(after.len() > before.len() && json(&resumed.stdout)["found"]["trials"] == after.len());
}

#[test]
fn a_kernel_search_measures_every_number_of_streams() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let knobs = ["--stack", "kernel-tcp", "--size", "16000", "--knob", "streams=1,2", "--trials", "8"];
    let output = linerate().args(["tune", "--json", "--trial", "1s", "--out"]).arg(&out).args(knobs).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let found = json(&output.stdout);
    assert_eq!((&found["goal"], &found["unit"]), (&"goodput".into(), &"bits-per-second".into()));
    assert!(records(&out).iter().any(|record| record["parameters"]["streams"] == 2), "{found}");
}

/// Each goal in the lab, briefly: its trials have values of its quantity.
fn goal_in_the_lab(goal: &str, value: &[&str], more: &[&str]) {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = search(&out, &[&["--goal", goal, "--trials", "8"], more].concat());
    let (found, records) = (json(&output.stdout), records(&out));
    assert_eq!(found["goal"], goal);
    // On a machine that builds something beside, no search for the load without loss may be undisturbed; then that is said.
    if found["found"].is_null() {
        assert!(!records.is_empty() && records.iter().all(|record| record["verdict"]["state"] == "invalid"), "{records:?}");
        eprintln!("{goal}: every trial was disturbed");
        return;
    }
    assert!(output.status.success(), "{}", errors(&output));
    let settings = found["found"]["settings"].as_array().unwrap();
    let unknown = found["found"]["unknown"].as_array().unwrap();
    let values = settings.iter().map(|setting| setting["value"].as_f64().unwrap());
    assert!(settings.len() + unknown.len() >= 2 && values.clone().count() > 0 && values.into_iter().all(|value| value > 0.0), "{found}");
    let measured = records.iter().filter(|record| !value.iter().fold(*record, |of, key| &of[*key]).is_null()).count();
    assert!(measured >= settings.len(), "{goal}: {records:?}");
}

#[test]
fn the_goal_ndr_searches_the_greatest_load_without_loss() {
    goal_in_the_lab("ndr", &["values", "forwarding_pps"], &["--knob", "burst=16,64"]);
}

#[test]
fn the_goal_rtt_p99_measures_round_trips_at_a_load() {
    goal_in_the_lab("rtt-p99", &["values", "rtt_ns", "p99"], &["--rate", "20kpps", "--knob", "burst=1,64"]);
}

#[test]
fn the_goal_cpu_per_rate_measures_the_time_of_both_ends_for_a_frame() {
    goal_in_the_lab("cpu-per-rate", &["cpu", "receiver", "by_queue"], &["--knob", "burst=16,64"]);
}

#[test]
fn a_tuned_setting_is_compared_with_the_default_by_the_commands_that_are_printed() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    // Messages of 64 and of 16,000 bytes: the difference is far beyond the noise.
    let knobs = ["--stack", "kernel-tcp", "--knob", "sizes=64,16000", "--size", "64", "--trials", "12"];
    let output = linerate().args(["tune", "--json", "--trial", "1s", "--out"]).arg(&out).args(knobs).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let found = json(&output.stdout);
    assert_eq!(found["found"]["chosen"][0], "16000", "{found}");
    let commands: Vec<&str> = found["next"].as_array().unwrap().iter().map(|command| command.as_str().unwrap()).collect();
    assert!(commands[1].contains("compare --all --across sizes --base"), "{commands:?}");
    // One repetition is enough to see that the commands work.
    for plan in ["default.toml", "tune.toml"] {
        let text = std::fs::read_to_string(out.join(plan)).unwrap();
        std::fs::write(out.join(plan), text.replace("repetitions = 5", "repetitions = 1")).unwrap();
    }
    let program = Path::new(linerate().get_program()).parent().unwrap().to_owned();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for command in commands {
        let shell = std::process::Command::new("sh").args(["-c", command]).env("PATH", &path).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&shell.stdout), errors(&shell));
        assert!(shell.status.success(), "{command}: {said}");
        if command.starts_with("linerate compare") {
            assert!(said.contains("64 → 16000") && said.contains("Of 1 results in common"), "{said}");
        }
    }
}

#[test]
fn what_a_search_cannot_compare_is_refused_by_name() {
    let refused = |arguments: &[&str]| {
        let output = linerate().args(["tune", "--dry-run"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        errors(&output)
    };
    let question = |key: &str| format!("`{key}` cannot be a knob: it is part of what is measured");
    assert!(refused(&["--knob", "sizes=64,1518"]).contains(&question("sizes")));
    assert!(refused(&["--goal", "rtt-p99", "--knob", "rate=20kpps,100kpps"]).contains(&question("rate")));
    assert!(refused(&["--set", "method=latency"]).contains("use --goal"));
    assert!(refused(&["--knob", "burst=8,16", "--set", "burst=9"]).contains("given with --knob and with --set"));
    assert!(refused(&["--goal", "ndr", "--trial", "10s"]).contains("remove --trial"));
    let resumed = linerate().args(["tune", "--resume", "x", "--stack", "kernel-tcp"]).output().unwrap();
    assert_eq!(resumed.status.code(), Some(2), "{}", errors(&resumed));
}

#[test]
fn a_cpu_that_the_machine_does_not_have_is_refused_before_the_first_trial() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = search(&out, &["--stack", "kernel-tcp", "--trials", "8", "--knob", "client-cpu=0,4095"]);
    assert!(!output.status.success() && errors(&output).contains("`client-cpu = 4095` in the plan"), "{}", errors(&output));
    assert_eq!(records(&out).len(), 0);
}
