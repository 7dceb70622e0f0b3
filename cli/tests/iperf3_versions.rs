//! `linerate run` with the iperf3 of this machine and of newer Debian releases (`scripts/other-iperf3`): streams of less than a second.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use program::{errors, linerate, records};
use serde_json::Value;

/// Three pairs, because a wrong rate of one pair used to size the transfers of the next.
const STREAMS: &str = r#"
name = "streams"
sizes = [64, 512, 1518]
pairs = ["a-cpu:b-cpu", "b-dpu:b-cpu", "a-cpu:a-dpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
"#;

/// Versions that end a transfer when its bytes are sent.
fn ends_with_its_bytes(version: &str) -> bool {
    let minor: u32 = version.split('.').nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
    minor < 16
}

/// `target/iperf3/VERSION`, as `scripts/other-iperf3` fills it.
fn others() -> Vec<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_linerate")).ancestors().find(|folder| folder.join("iperf3").is_dir());
    let folders = target.into_iter().flat_map(|target| std::fs::read_dir(target.join("iperf3")).unwrap());
    folders.map(|entry| entry.unwrap().path()).filter(|folder| folder.join("iperf3").is_file()).collect()
}

/// The records of a run whose `iperf3` is the one in this folder, or the system's.
fn measure(iperf3: Option<&Path>) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let (plan, run) = (folder.path().join("plan.toml"), folder.path().join("run"));
    std::fs::write(&plan, STREAMS).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = iperf3.map_or(path.clone(), |folder| format!("{}:{path}", folder.display()));
    let output = linerate().env("PATH", path).args(["run", "--plan"]).arg(&plan).arg("--out").arg(&run).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    records(&run)
}

fn client(record: &Value) -> &str {
    record["tool"]["commands"][0].as_str().unwrap()
}

/// No stream lasted longer than it was planned for, whichever way its version ends one.
#[track_caller]
fn streams_lasted_as_planned(records: &[Value]) {
    assert_eq!(records.len(), 9);
    for record in records {
        assert_eq!(record["verdict"]["state"], "valid", "{record:#}");
        let duration = record["duration_s"].as_f64().unwrap();
        match client(record).contains(" -n ") {
            // Twice the 0.3 s of the plan is the limit above which a transfer is measured again by time.
            true => assert!((0.15..=0.6).contains(&duration), "{duration} s: {}", client(record)),
            false => assert!(client(record).contains(" -t 1 ") && duration > 0.9, "{duration} s: {}", client(record)),
        }
    }
}

#[test]
fn every_version_measures_streams_that_last_as_long_as_planned() {
    let others = others();
    let folders = std::iter::once(None).chain(others.iter().map(|folder| Some(folder.as_path())));
    for folder in folders {
        let records = measure(folder);
        let version = records[0]["tool"]["version"].as_str().unwrap();
        println!("iperf3 {version}: {} records", records.len());
        if let Some(folder) = folder {
            assert_eq!(folder.file_name().unwrap().to_str().unwrap(), version, "another iperf3 was run");
        }
        streams_lasted_as_planned(&records);
        if !ends_with_its_bytes(version) {
            assert!(records.iter().all(|record| !client(record).contains(" -n ")), "{version} was given bytes");
        }
    }
}

/// A newer iperf3 that calls itself 3.12 is found out by how long its transfers last.
#[test]
fn a_version_that_ends_late_unexpectedly_is_measured_again_by_time() {
    let Some(newer) = others().into_iter().find(|folder| !ends_with_its_bytes(folder.file_name().unwrap().to_str().unwrap())) else {
        println!("skipped: no newer iperf3 here; scripts/other-iperf3 gets one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("iperf3");
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo 'iperf 3.12 (planted)'; exit; }}\nexec '{}' \"$@\"\n",
        newer.join("iperf3").display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let records = measure(Some(folder.path()));
    streams_lasted_as_planned(&records);
    assert!(records.iter().all(|record| client(record).contains(" -t 1 ")), "{records:#?}");
}
