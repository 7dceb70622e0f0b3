//! `linerate … | head`: a reader that closes the pipe ends the output, and changes nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn linerate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linerate"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A pipe whose reader has gone: what is written to it ends with EPIPE.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn run(mut command: Command, stdout: Stdio) -> Output {
    command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

/// Runs a command with an open output and with a closed one. Only what it prints may differ.
fn ends_quietly(arguments: &[&str]) {
    let open = run(linerate(arguments), Stdio::piped());
    assert!(!open.stdout.is_empty(), "{arguments:?} prints nothing: {}", String::from_utf8_lossy(&open.stderr));
    let shut = run(linerate(arguments), closed());
    let said = String::from_utf8_lossy(&shut.stderr);
    assert_eq!(shut.status.code(), open.status.code(), "{arguments:?}: {said}");
    for word in ["panicked", "Broken pipe", "os error"] {
        assert!(!said.contains(word), "{arguments:?}: {said}");
    }
    // Standard error closed too, as with `2>&1 | head`: a panic would end it with another code.
    let status = linerate(arguments).stdout(closed()).stderr(closed()).status().unwrap();
    assert_eq!(status.code(), open.status.code(), "{arguments:?} with both outputs closed");
}

fn run_directory(directory: &Path) -> String {
    std::fs::create_dir_all(directory).unwrap();
    let line = |n: u32, rate: f64| {
        format!(
            r#"{{"schema":1,"id":"r{n}","time":"2026-03-01T12:00:00Z","pair":{{"from":"a-cpu","to":"b-cpu"}},"stack":"dpdk","tool":{{"name":"linerate","version":"0.1.0"}},"metric":"throughput","method":"mrr","size":{{"kind":"frame","bytes":64}},"repetition":{n},"values":{{"forwarding_pps":{rate},"goodput_bps":{rate}}},"verdict":{{"state":"valid","reasons":[]}}}}"#
        )
    };
    let lines: Vec<String> = [1e6, 1.01e6, 0.99e6].iter().zip(1..).map(|(rate, n)| line(n, *rate)).collect();
    std::fs::write(directory.join("results.jsonl"), lines.join("\n") + "\n").unwrap();
    directory.display().to_string()
}

#[test]
fn commands_that_need_no_dpdk_end_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let runs = run_directory(&folder.path().join("run"));
    let pages = folder.path().join("man").display().to_string();
    let simulate = ["simulate", "--dut", "capacity=10Mpps", "--method", "mrr", "--preset", "quick"];
    for json in [&[][..], &["--json"]] {
        ends_quietly(&[&["report", &runs], json].concat());
        ends_quietly(&[&["compare", &runs, &runs, "--all"], json].concat());
        ends_quietly(&[&simulate, json].concat());
        ends_quietly(&[&["man", &pages], json].concat());
    }
    ends_quietly(&["completions", "bash"]);
    ends_quietly(&["--help"]);
    ends_quietly(&["help", "report"]);
    ends_quietly(&["--version"]);
}

#[test]
fn the_verdict_of_compare_stays_in_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let runs = run_directory(&folder.path().join("run"));
    // No result of three repetitions could show 0.01 %: exit code 3.
    let command = linerate(&["compare", &runs, &runs, "--fail-on-regression", "0.01%"]);
    assert_eq!(run(command, closed()).status.code(), Some(3));
}

#[test]
fn import_writes_its_records_though_nobody_reads_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let ping = folder.path().join("ping.txt");
    let text = "PING 192.0.2.1 (192.0.2.1) 56(84) bytes of data.\n64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.512 ms\n64 bytes from 192.0.2.1: icmp_seq=2 ttl=64 time=0.498 ms\n\n--- 192.0.2.1 ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, time 1001ms\nrtt min/avg/max/mdev = 0.498/0.505/0.512/0.007 ms\n";
    std::fs::write(&ping, text).unwrap();
    let out = folder.path().join("theirs");
    let arguments = ["import", &ping.display().to_string(), "--pair", "a-cpu:b-cpu", "--out", &out.display().to_string()];
    let ended = run(linerate(&arguments), closed());
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(std::fs::read_to_string(out.join("results.jsonl")).unwrap().lines().count(), 1);
}

#[test]
fn an_output_that_fails_otherwise_is_an_error() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let ended = run(linerate(&["completions", "bash"]), full().into());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output could not be written: No space left on device") && !said.contains("panicked"), "{said}");
}

#[cfg(feature = "dpdk")]
mod with_dpdk {
    use super::ends_quietly;

    #[test]
    fn lists_and_checks_end_quietly() {
        for json in [&[][..], &["--json"]] {
            ends_quietly(&[&["ports"], json].concat());
            ends_quietly(&[&["doctor"], json].concat());
            ends_quietly(&[&["lab", "status"], json].concat());
            ends_quietly(&[&["run", "--quick", "--dry-run"], json].concat());
        }
    }

    #[test]
    fn a_sender_and_a_receiver_end_quietly() {
        for json in [&[][..], &["--json"]] {
            // Longer than a second: a status line is printed too.
            ends_quietly(&[&["send", "--port", "net_null0", "--no-huge", "--rate", "1kpps", "--duration", "1200ms"], json].concat());
            ends_quietly(&[&["receive", "--port", "net_null0", "--no-huge", "--duration", "1200ms"], json].concat());
            ends_quietly(&[&["reflect", "--port", "net_null0", "--no-huge", "--duration", "1200ms"], json].concat());
        }
    }
}
