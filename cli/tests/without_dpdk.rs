//! The program on a machine whose DPDK is missing, is another one, is incomplete, or does not fit the CPU. Libraries are hidden by an overlay in a mount namespace of the
//! test's own; nothing on the machine changes. Needs root.
#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use program::errors;

/// The folder of the installed DPDK's libraries, and the number behind `.so.`.
fn libraries() -> (PathBuf, String) {
    for root in [format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH), "/usr/lib64".to_owned()] {
        let names = fs::read_dir(&root).into_iter().flatten().flatten().map(|file| file.file_name().to_string_lossy().into_owned());
        let abi = names.filter_map(|name| name.strip_prefix("librte_eal.so.").map(str::to_owned)).filter(|abi| !abi.contains('.')).max();
        if let Some(abi) = abi {
            return (PathBuf::from(root), abi);
        }
    }
    panic!("DPDK is not among the libraries of the system, so this test cannot hide it");
}

/// Runs the program where the files `patterns` of DPDK's folder do not exist.
fn run_without(patterns: &str, environment: &[(&str, &Path)], arguments: &[&str]) -> Output {
    const SCRIPT: &str = r#"
        mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" &&
        mount -t overlay none -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$2" || exit 99
        cd "$2" && eval "rm -r $3" && cd - >/dev/null || exit 99
        shift 3
        exec "$@""#;
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(scratch.path()).arg(libraries().0).arg(patterns);
    command.arg("env");
    command.args(environment.iter().map(|(name, value)| format!("{name}={}", value.display())));
    let output = command.arg(env!("CARGO_BIN_EXE_linerate")).args(arguments).output().unwrap();
    assert_ne!(output.status.code(), Some(99), "are you root? {}", errors(&output));
    output
}

const EVERYTHING: &str = "librte_*";
const SEND: [&str; 8] = ["send", "--port", "net_null0", "--no-huge", "--duration", "1ms", "--size", "64"];

fn one_line_with(output: &Output, parts: &[&str]) {
    let said = errors(output);
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// A run directory with one result.
fn results(folder: &Path) -> String {
    fs::create_dir_all(folder).unwrap();
    let line = r#"{"schema":1,"id":"r0","time":"2026-03-01T12:00:00Z","pair":{"from":"a-cpu","to":"b-cpu"},"stack":"dpdk","tool":{"name":"linerate","version":"0.1.0"},"metric":"throughput","method":"mrr","size":{"kind":"frame","bytes":64},"repetition":1,"values":{"forwarding_pps":1e6,"goodput_bps":144e6},"verdict":{"state":"valid","reasons":[]}}"#;
    fs::write(folder.join("results.jsonl"), format!("{line}\n")).unwrap();
    folder.display().to_string()
}

#[test]
fn what_needs_no_dpdk_works_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = results(&folder.path().join("run"));
    let pages = folder.path().join("pages").display().to_string();
    let commands: [&[&str]; 11] = [
        &["--version"],
        &["--help"],
        &["report", &run],
        &["compare", &run, &run],
        &["import", "--help"],
        &["simulate", "--help"],
        &["completions", "bash"],
        &["man", &pages],
        &["ports", "--json"],
        &["lab", "status"],
        &["run", "--help"],
    ];
    for command in commands {
        let output = run_without(EVERYTHING, &[], command);
        let (code, said) = (output.status.code(), errors(&output));
        // A comparison with itself ends with its own status.
        assert!(output.status.success() || command[0] == "compare" && code == Some(2), "{command:?}: {code:?} {said}");
        assert!(!said.contains("DPDK"), "{command:?}: {said}");
    }
    assert!(folder.path().join("run/report.html").exists());
}

#[test]
fn a_missing_dpdk_is_named_with_the_one_that_is_there() {
    let (_, abi) = libraries();
    let said_by_loader = format!(".so.{abi}: cannot open shared object file");
    for command in [&SEND[..], &["receive", "--port", "net_null0"], &["reflect", "--port", "net_null0"]] {
        let output = run_without(EVERYTHING, &[], command);
        one_line_with(&output, &["linerate was built with DPDK ", &format!(".so.{abi},"), &said_by_loader, "Installed here: none"]);
    }
    let doctor = run_without(EVERYTHING, &[], &["doctor", "--json"]);
    let checks = program::json(&doctor.stdout);
    let dpdk = checks["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "DPDK").unwrap();
    assert_eq!((doctor.status.code(), &dpdk["severity"]), (Some(1), &serde_json::json!("problem")), "{dpdk}");
    assert!(dpdk["seen"].as_str().unwrap().contains("Installed here: none"), "{dpdk}");

    let another = tempfile::tempdir().unwrap();
    for library in ["eal", "ethdev", "mempool", "mbuf"] {
        fs::write(another.path().join(format!("librte_{library}.so.99")), "").unwrap();
    }
    let output = run_without(EVERYTHING, &[("LD_LIBRARY_PATH", another.path())], &SEND);
    one_line_with(&output, &[&said_by_loader, "Installed here: DPDK 98.11 to 99.07 (", "librte_eal.so.99)"]);
}

#[test]
fn libraries_of_two_dpdks_are_refused() {
    let (folder, abi) = libraries();
    let second = tempfile::tempdir().unwrap();
    fs::copy(folder.join(format!("librte_eal.so.{abi}")), second.path().join(format!("librte_eal.so.{abi}"))).unwrap();
    let send = || program::linerate().args(SEND).env("LD_LIBRARY_PATH", second.path()).output().unwrap();
    one_line_with(
        &send(),
        &["several directories", &second.path().display().to_string(), &folder.display().to_string(), "LD_LIBRARY_PATH"],
    );
    // One that is damaged.
    fs::remove_file(second.path().join(format!("librte_eal.so.{abi}"))).unwrap();
    fs::write(second.path().join(format!("librte_ethdev.so.{abi}")), "").unwrap();
    one_line_with(&send(), &["file too short", &format!("librte_eal.so.{abi})")]);
}

#[test]
fn a_missing_driver_is_named() {
    let output = run_without("dpdk/pmds-*/librte_net_null*", &[], &SEND);
    one_line_with(&output, &["there is no port `net_null0`: the installed DPDK has no driver net_null", "apt install dpdk"]);
    let output = run_without("dpdk/pmds-*/librte_mempool_ring*", &[], &SEND);
    one_line_with(&output, &["no driver mempool_ring"]);
    // Without the bus for subfunctions, other ports work.
    let output = run_without("dpdk/pmds-*/librte_*mlx5* dpdk/pmds-*/librte_bus_auxiliary*", &[], &SEND);
    assert!(output.status.success(), "{}", errors(&output));
    let output = run_without("dpdk/pmds-*/*", &[], &SEND);
    one_line_with(&output, &["the installed DPDK has no driver net_null"]);
}

/// A CPU of 2006 has no SSE4, which Debian's DPDK uses. The emulator says so through CPUID, as such a CPU does.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_cpu_without_the_instructions_of_the_build_is_named() {
    let emulator = ["qemu-x86_64-static", "qemu-x86_64"]
        .into_iter()
        .find(|program| Command::new(program).arg("--version").output().is_ok())
        .expect("qemu-x86_64 is needed: scripts/setup test");
    let emulated = |arguments: &[&str]| {
        Command::new(emulator).args(["-cpu", "core2duo"]).arg(env!("CARGO_BIN_EXE_linerate")).args(arguments).output().unwrap()
    };
    one_line_with(&emulated(&SEND), &["DPDK cannot be used on this CPU (", "SSE4_1, SSE4_2.", "scripts/build-dpdk --for generic"]);
    let version = emulated(&["--version"]);
    assert!(version.status.success(), "{}", errors(&version));
    let doctor = emulated(&["doctor", "--json"]);
    let checks = program::json(&doctor.stdout);
    let dpdk = checks["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "DPDK").unwrap();
    assert!(dpdk["seen"].as_str().unwrap().contains("SSE4_1, SSE4_2"), "{dpdk}");
}
