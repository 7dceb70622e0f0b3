//! Run directories: two writers, changed files, full disks, damaged lines, other owners.

use std::os::unix::fs::chown;
use std::process::Command;

use super::*;
use program::{records, run};

/// A run of one measurement that has ended.
fn finished(bed: &Bed, out: &str) {
    let output = bed.run(&bed.testbed(""), &bed.plan(&[PING_PONG]), out).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn a_second_controller_is_refused_and_names_the_first() {
    let bed = Bed::shared("second");
    let first = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, LONG_STREAM]), "first");
    wait_for_records(&first, &bed, "first", 1);
    let second = bed.run(&bed.testbed(""), &bed.plan(&[PING_PONG]), "second").output().unwrap();
    let controller = bed.controller_process().unwrap();
    failure(&second, &["endpoint a-cpu", "another run of linerate measures on interface", &format!("process {controller}")]);
    assert!(!bed.path("second").exists());
    assert!(first.finish(LIMIT).status.success());
    assert_eq!(states(&bed, "first"), ["valid", "valid"], "the first was not disturbed");
    bed.is_clean_within_10_s();
}

#[test]
fn a_directory_is_continued_by_one_process_at_a_time() {
    let bed = Bed::shared("resumes");
    let running = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, LONG_STREAM]), "out");
    wait_for_records(&running, &bed, "out", 1);
    // Without an interface that is claimed: the directory is what is shared.
    let lab = bed.path("out");
    let refused = run(&["run", "--resume", &lab.display().to_string(), "--testbed", &local(&bed).display().to_string()]);
    let said = errors(&refused);
    assert!(
        !refused.status.success()
            && (said.contains("another linerate command (`run` or `tune`) writes") || said.contains("started on another testbed")),
        "{said}"
    );
    let lock = Command::new("flock").args(["-n"]).arg(&lab).arg("true").status().unwrap();
    assert!(!lock.success(), "the directory is not locked");
    assert!(running.finish(LIMIT).status.success());
    assert_eq!(states(&bed, "out").len(), 2);
    bed.is_clean_within_10_s();
}

fn local(bed: &Bed) -> std::path::PathBuf {
    let file = bed.path("local.toml");
    fs::write(
        &file,
        "name = \"x\"\n[[endpoint]]\nid = \"a-cpu\"\nport = \"net_null0\"\n[[endpoint]]\nid = \"b-cpu\"\nport = \"net_null0\"\n",
    )
    .unwrap();
    file
}

#[test]
fn a_changed_plan_and_a_changed_testbed_are_refused_with_the_difference_and_a_corrected_way_is_taken() {
    let bed = Bed::shared("changed");
    finished(&bed, "out");
    let plan = bed.path("out/plan.toml");
    let text = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, text.replace("1s", "2s")).unwrap();
    failure(&bed.resume("out"), &["out/plan.toml was changed after the run began", "SHA-256"]);
    fs::write(&plan, text).unwrap();

    let other = fs::read_to_string(bed.testbed("")).unwrap();
    fs::write(bed.path("other.toml"), other.replace("cpu = 1\n", "cpu = 0\n")).unwrap();
    let resume = |testbed: &str| bed.linerate(&["run", "--resume", "out", "--testbed", testbed]).output().unwrap();
    failure(&resume("other.toml"), &["endpoint b-cpu", "`cpu` was", "started on another testbed"]);
    let kept = bed.path("out/testbed.toml");
    let testbed = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, testbed.replace("cpu = 1\n", "cpu = 0\n")).unwrap();
    failure(&bed.resume("out"), &["out/testbed.toml was changed after the run began"]);
    fs::write(&kept, &testbed).unwrap();

    // Another program at the endpoint is the same measurement, and the old text stays.
    let copy = bed.path("linerate-copy");
    fs::copy(env!("CARGO_BIN_EXE_linerate"), &copy).unwrap();
    fs::write(bed.path("corrected.toml"), other.replace(env!("CARGO_BIN_EXE_linerate"), &copy.display().to_string())).unwrap();
    let corrected = resume("corrected.toml");
    assert!(corrected.status.success(), "{}", errors(&corrected));
    assert_eq!(fs::read_to_string(bed.path("out/testbed-1.toml")).unwrap(), testbed);
    assert!(bed.resume("out").status.success(), "and once more");
    bed.is_clean_within_10_s();
}

#[test]
fn a_wrong_program_is_corrected_when_the_run_is_continued() {
    let bed = Bed::shared("corrected");
    let wrong = with_program_at_b(&bed, Path::new("/nonexistent/linerate"));
    let output = bed.run(&wrong, &bed.plan(&[PING_PONG]), "out").output().unwrap();
    failure(&output, &["endpoint b-cpu", "set `program`", "--resume out", "--testbed FILE"]);
    let right = bed.testbed("").display().to_string();
    let resumed = bed.linerate(&["run", "--resume", "out", "--testbed", &right]).output().unwrap();
    assert!(resumed.status.success(), "{}", errors(&resumed));
    assert_eq!(states(&bed, "out"), ["valid"]);
    bed.is_clean_within_10_s();
}

#[test]
fn a_disk_that_fills_up_at_the_controller_tears_no_line_and_the_run_is_continued() {
    let bed = Bed::shared("full");
    let disk = bed.path("disk");
    fs::create_dir(&disk).unwrap();
    assert!(Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "none"]).arg(&disk).status().unwrap().success());
    let running = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, LONG_STREAM, ROUND_TRIPS]), "disk/out");
    wait_for_records(&running, &bed, "disk/out", 1);
    fs::write(disk.join("ballast"), vec![1_u8; 8 << 20]).unwrap_err();
    let output = running.finish(LIMIT);
    let said = errors(&output);
    assert!(output.status.code() == Some(1) && said.contains("no space left"), "{said}");
    fs::remove_file(disk.join("ballast")).unwrap();
    assert_eq!(states(&bed, "disk/out"), ["valid"], "every finished record is kept whole");
    bed.is_clean_within_10_s();
    let resumed = bed.resume("disk/out");
    assert!(resumed.status.success(), "{}", errors(&resumed));
    assert_eq!(states(&bed, "disk/out").len(), 3);
    assert!(Command::new("umount").arg("-l").arg(&disk).status().unwrap().success());
}

#[test]
fn a_damaged_line_costs_itself_and_is_measured_again() {
    let bed = Bed::shared("damaged");
    finished(&bed, "out");
    let file = bed.path("out/results.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    // Cut off in the middle, as by a power cut.
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let resumed = bed.resume("out");
    assert!(resumed.status.success(), "{}", errors(&resumed));
    let lines: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    assert!(serde_json::from_str::<serde_json::Value>(&lines[0]).is_err() && serde_json::from_str::<serde_json::Value>(&lines[1]).is_ok());
    let report = bed.linerate(&["report", "out", "--json"]).output().unwrap();
    assert!(
        report.status.success() && String::from_utf8_lossy(&report.stdout).contains("\"line\":1"),
        "{}",
        String::from_utf8_lossy(&report.stdout)
    );
    bed.is_clean_within_10_s();
}

#[test]
fn another_users_directory_is_not_executed_without_a_question() {
    let bed = Bed::shared("foreign");
    finished(&bed, "out");
    for file in ["out", "out/plan.toml", "out/testbed.toml"] {
        chown(bed.path(file), Some(12_345), Some(12_345)).unwrap();
    }
    let logins = bed.a.logins();
    failure(&bed.resume("out"), &["belongs to user 12345", "executes what plan.toml and testbed.toml name"]);
    assert_eq!(bed.a.logins(), logins);
    assert_eq!(records(&bed.path("out")).len(), 1);
}
