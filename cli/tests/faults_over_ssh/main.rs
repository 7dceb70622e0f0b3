//! What goes wrong between machines that only ssh reaches: each fault is injected, the message is one line that names the endpoint and the remedy, every
//! finished record is kept, and nothing is left at any machine within ten seconds. docs/reliability.md lists the faults and these tests. Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

#[path = "../program/mod.rs"]
mod program;

mod directories;
mod hostile;
mod login;
mod network;
mod processes;
mod programs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use program::sshd::Bed;
use program::{Background, errors, executable, wait_for};

/// For whatever must happen at some time: machines differ.
const LIMIT: Duration = Duration::from_secs(120);

const STREAM: &str = "stack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"";
const LONG_STREAM: &str = "stack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"12s\"";
const PING_PONG: &str = "stack = \"kernel-tcp\"\nmethod = \"ping-pong\"\nduration = \"1s\"";
const ROUND_TRIPS: &str = "stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1kpps\"\nduration = \"500ms\"";
const LONG_ROUND_TRIPS: &str = "stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1kpps\"\nduration = \"12s\"";

/// After [`LONG_ROUND_TRIPS`], which a plan may not have twice at one size.
const ROUND_TRIPS_OF_128_B: &str = "stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1kpps\"\nduration = \"500ms\"\nsizes = [128]";

/// The one line of a command that failed. It has all these words and no character that a terminal obeys.
fn failure(output: &Output, words: &[&str]) -> String {
    let said = errors(output);
    assert!(!output.status.success(), "no failure: {said}\n{}", String::from_utf8_lossy(&output.stdout));
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("linerate: ")).collect();
    assert_eq!(lines.len(), 1, "not one line: {said}");
    let missing: Vec<&&str> = words.iter().filter(|word| !lines[0].contains(**word)).collect();
    assert!(missing.is_empty(), "no {missing:?} in: {said}");
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
    lines[0].to_owned()
}

/// A program that comes first on the PATH of both machines.
fn program_there(bed: &Bed, name: &str, script: &str) {
    executable(&bed.programs.join(name), script);
}

/// A shell script in the folder of the test.
fn script(bed: &Bed, name: &str, text: &str) -> PathBuf {
    let file = bed.path(name);
    executable(&file, format!("#!/bin/sh\n{text}\n"));
    file
}

/// The testbed with another text.
fn changed_testbed(bed: &Bed, change: impl FnOnce(String) -> String) -> PathBuf {
    let file = bed.testbed("");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, change(text)).unwrap();
    file
}

/// A testbed whose b-cpu has another program.
fn with_program_at_b(bed: &Bed, program: &Path) -> PathBuf {
    changed_testbed(bed, |text| {
        let (a, b) = text.rsplit_once("program = ").unwrap();
        let rest = b.split_once('\n').unwrap().1;
        format!("{a}program = \"{}\"\n{rest}", program.display())
    })
}

/// States of the records in a run directory, in order.
fn states(bed: &Bed, out: &str) -> Vec<String> {
    program::records(&bed.path(out)).iter().map(|record| record["verdict"]["state"].as_str().unwrap().to_owned()).collect()
}

/// Waits until so many records are in a run directory.
fn wait_for_records(running: &Background, bed: &Bed, out: &str, count: usize) {
    let file = bed.path(out).join("results.jsonl");
    let there = || fs::read_to_string(&file).is_ok_and(|text| text.lines().count() >= count);
    wait_for("a record", LIMIT, || there() || running.has_ended());
    assert!(there(), "it ended without a record: {}", running.said());
}
