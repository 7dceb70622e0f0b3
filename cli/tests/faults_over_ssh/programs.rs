//! Programs that are missing, old, broken or in the way.

use std::process::{Command, Stdio};

use super::*;
use program::records;
use program::sshd::listens;

#[test]
fn a_program_that_is_not_linerate_or_another_build_is_named_with_the_remedy() {
    let bed = Bed::shared("program");
    let plan = bed.plan(&[STREAM]);
    let mut number = 0;
    let mut run = |program: &Path| {
        number += 1;
        bed.run(&with_program_at_b(&bed, program), &plan, &format!("out-{number}")).output().unwrap()
    };
    failure(
        &run(Path::new("/nonexistent/linerate")),
        &["endpoint b-cpu", "/nonexistent/linerate", "set `program`", "linerate testbed install"],
    );
    let old = script(&bed, "old", "echo '{\"protocol\":3,\"linerate\":\"0.1.0\",\"pid\":1}'; cat");
    failure(&run(&old), &["endpoint b-cpu", "not compatible", "protocol 3", "linerate testbed install"]);
    let other_build = script(&bed, "other", "echo '{\"protocol\":4,\"linerate\":\"0.1.0\",\"build\":\"00000000deadbeef\",\"pid\":1}'; cat");
    failure(&run(&other_build), &["endpoint b-cpu", "build 00000000deadbeef", "linerate testbed install"]);

    let text = "echo \"$0: error while loading shared libraries: libnuma.so.1: cannot open shared object file\" >&2; exit 127";
    let library = script(&bed, "library", text);
    failure(&run(&library), &["endpoint b-cpu", "libnuma.so.1 is missing there", "libnuma1"]);

    // A header of a program for another processor.
    let mut elf = vec![0_u8; 128];
    elf[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    (elf[16], elf[18], elf[20]) = (2, 243, 1);
    let foreign = bed.path("riscv");
    executable(&foreign, elf);
    failure(&run(&foreign), &["endpoint b-cpu", "another processor"]);
    bed.is_clean_within_10_s();
}

#[test]
fn a_program_that_never_greets_is_ended() {
    let bed = Bed::shared("silent");
    let silent = script(&bed, "silent", "trap '' TERM HUP\nexec sleep 600");
    let output = bed.run(&with_program_at_b(&bed, &silent), &bed.plan(&[STREAM]), "out").output().unwrap();
    failure(&output, &["endpoint b-cpu", "no greeting of linerate came within 20 s", "`program`"]);
    bed.is_clean_within_10_s();
}

#[test]
fn a_missing_tool_stops_the_run_before_anything_is_measured() {
    let bed = Bed::shared_without("tool", "/usr/bin/iperf3");
    let output = bed.run(&bed.testbed(""), &bed.plan(&[STREAM]), "out").output().unwrap();
    failure_of_both(&output, &["iperf3: not installed", "install iperf3", "--force"]);
    assert_eq!(states(&bed, "out"), [""; 0]);
    // Not for a plan that does not use it.
    let output = bed.run(&bed.testbed(""), &bed.plan(&[PING_PONG]), "qperf").output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    // And not where it is forced: the measurement fails and says why.
    let output = bed.run(&bed.testbed(""), &bed.plan(&[STREAM, PING_PONG]), "forced").arg("--force").output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(states(&bed, "forced"), ["failed", "valid"]);
    bed.is_clean_within_10_s();
}

/// A problem at both endpoints: a line for each.
fn failure_of_both(output: &Output, words: &[&str]) {
    let said = errors(output);
    assert!(!output.status.success(), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word} in {said}");
    }
    for endpoint in ["a-cpu", "b-cpu"] {
        assert!(said.lines().any(|line| line.starts_with("linerate: ") && line.contains(endpoint)), "{said}");
    }
}

#[test]
fn a_missing_program_of_a_file_transfer_stops_the_run_at_the_endpoint_that_uses_it() {
    let bed = Bed::shared_without("nginx", "/usr/sbin/nginx");
    let plan = bed.plan(&["stack = \"kernel-tls\"\nmethod = \"file-transfer\"\nfiles = [\"1 MB\"]\ntls-at = \"endpoint\""]);
    let output = bed.run(&bed.testbed(""), &plan, "out").output().unwrap();
    // One line: b-cpu has no nginx either, and only gets the file.
    failure(&output, &["a-cpu", "nginx: not installed", "install nginx"]);
    assert_eq!(states(&bed, "out"), [""; 0]);
    bed.is_clean_within_10_s();
}

#[test]
fn a_tool_that_fails_with_status_0_or_hangs_makes_a_failed_record_and_the_run_goes_on() {
    let bed = Bed::shared("status0");
    let plan = bed.plan(&[STREAM, PING_PONG]);
    let client = |text: &str| {
        program_there(
            &bed,
            "iperf3",
            &format!("#!/bin/sh\ncase \"$*\" in *-s*|*--version*) exec /usr/bin/iperf3 \"$@\";; *) {text};; esac\n"),
        );
    };
    client("echo '{\"error\":\"the server is busy\",\"end\":{}}'; exit 0");
    let output = bed.run(&bed.testbed(""), &plan, "busy").output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(states(&bed, "busy"), ["failed", "valid"]);
    assert!(errors(&output).contains("the server is busy"), "{}", errors(&output));
    client("trap '' TERM; exec sleep 600");
    let output = bed.run(&bed.testbed(""), &plan, "hangs").output().unwrap();
    assert_eq!(states(&bed, "hangs"), ["failed", "valid"], "{}", errors(&output));
    bed.is_clean_within_10_s();
}

#[test]
fn a_server_that_still_listens_stops_the_run_and_is_never_measured() {
    let bed = Bed::shared("listens");
    let mut other = bed.b.command(&["iperf3", "-s", "-p", "15201"]).stdout(Stdio::null()).spawn().unwrap();
    wait_for("the other server", LIMIT, || listens(&bed.b.namespace, 15_201));
    let plan = bed.plan(&[STREAM]);
    let output = bed.run(&bed.testbed(""), &plan, "out").output().unwrap();
    failure(&output, &["b-cpu", "port 15201", "ss -lntp", "--force"]);
    let output = bed.run(&bed.testbed(""), &plan, "forced").arg("--force").output().unwrap();
    let records = records(&bed.path("forced"));
    let reason = records[0]["verdict"]["reasons"][0].as_str().unwrap_or_default();
    assert!(
        records[0]["verdict"]["state"] == "failed" && reason.contains("in use by another program (iperf3, process"),
        "{:#}\n{}",
        records[0],
        errors(&output)
    );
    other.kill().unwrap();
    other.wait().unwrap();
    bed.is_clean_within_10_s();
}

#[test]
fn install_copies_the_program_finds_it_there_and_keeps_the_old_one_on_a_full_disk() {
    // No room for the program: the old one stays. Mounted first, so that the machines see it.
    let small = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(small.path()).status().unwrap();
    assert!(mounted.success());
    let bed = Bed::shared("install");
    let file = bed.path("testbed.toml").display().to_string();
    let programs_in = |place: &Path| {
        let program = place.join("bin/linerate");
        changed_testbed(&bed, |text| text.replace(env!("CARGO_BIN_EXE_linerate"), &program.display().to_string()));
        program
    };
    let install = || bed.linerate(&["testbed", "install", &file]).output().unwrap();
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let old = programs_in(small.path());
    fs::create_dir(small.path().join("bin")).unwrap();
    executable(&old, "#!/bin/sh\necho old\n");
    let full = install();
    let kept = fs::read_to_string(&old).unwrap();
    assert!(Command::new("umount").arg("-l").arg(small.path()).status().unwrap().success());
    assert!(!full.status.success() && said(&full).contains("endpoint a-cpu") && said(&full).contains("No space left"), "{}", said(&full));
    assert_eq!(kept, "#!/bin/sh\necho old\n");

    let place = bed.path("there");
    fs::create_dir(&place).unwrap();
    let program = programs_in(&place);
    let first = install();
    assert!(first.status.success() && said(&first).contains("copied, SHA-256"), "{}\n{}", said(&first), errors(&first));
    let again = install();
    assert!(again.status.success() && said(&again).matches("the same program is there").count() == 2, "{}", said(&again));
    assert_eq!(fs::read(&program).unwrap(), fs::read(env!("CARGO_BIN_EXE_linerate")).unwrap());
    assert_eq!(fs::read_dir(place.join("bin")).unwrap().count(), 1, "no temporary file is left");
    let run = bed.run(&bed.path("testbed.toml"), &bed.plan(&[PING_PONG]), "out").output().unwrap();
    assert!(run.status.success(), "{}", errors(&run));
    bed.is_clean_within_10_s();
}
