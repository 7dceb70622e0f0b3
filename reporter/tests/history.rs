//! Many runs of one testbed: the planted changes are found where they were planted, and nothing else; what is no run is named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::fs;
use std::path::Path;

use reporter::history::History;
use reporter::record::Stack;
use reporter::render::{history_text, render_history};
use reporter::runs::Runs;
use synthetic::many::{self, NightlyTruth};

fn read(directory: &Path) -> (Runs, History) {
    let runs = Runs::read(&[directory.to_owned()]).unwrap();
    let history = History::of(&runs);
    (runs, history)
}

#[test]
fn planted_changes_are_found_with_what_else_changed_then() {
    let directory = tempfile::tempdir().unwrap();
    many::history(directory.path(), 60);
    let truth = NightlyTruth::of(60);
    let (_, history) = read(directory.path());

    let event = |run: usize| history.events.iter().find(|event| event.run.abs_diff(run) <= 1).unwrap();
    let stacks = |run: usize, stack: Stack| event(run).shifts.iter().filter(|(trend, _)| history.trends[*trend].key.stack == stack).count();
    let (kernel, firmware) = (event(truth.kernel), event(truth.firmware));
    assert!(kernel.worse > 70 && kernel.better == 0 && (0.03..0.05).contains(&kernel.worse_by.unwrap()), "{kernel:?}");
    assert!(firmware.better == 84 && firmware.worse == 0 && (0.05..0.07).contains(&firmware.better_by.unwrap()), "{firmware:?}");
    assert!(stacks(truth.kernel, Stack::KernelTcp) > 70 && stacks(truth.firmware, Stack::Dpdk) == 84);
    let changed = |event: &reporter::history::Event| event.environment.iter().map(|c| c.what.clone()).collect::<Vec<_>>();
    assert_eq!(changed(kernel), ["a-cpu", "a-dpu", "b-cpu", "b-dpu"].map(|name| format!("endpoints.{name}.kernel")));
    assert_eq!(changed(firmware), ["b-cpu", "b-dpu"].map(|name| format!("endpoints.{name}.nics.1.firmware")));

    // The bad night is named and is no step.
    assert!(history.bad_runs.iter().any(|bad| bad.run == truth.bad_night && bad.results > 100), "{:?}", history.bad_runs);
    assert!(history.events.iter().all(|event| event.run.abs_diff(truth.bad_night) > 1));
    // With 5 % of what is found false at most, few of the 216 results may have changes that were not planted.
    let false_alarms: usize = history
        .events
        .iter()
        .filter(|e| ![truth.kernel, truth.firmware].iter().any(|t| e.run.abs_diff(*t) <= 1))
        .map(|e| e.shifts.len())
        .sum();
    assert!(false_alarms <= 12, "{false_alarms}");
}

#[test]
fn the_first_lines_say_what_changed_when_by_how_much_and_what_else() {
    let directory = tempfile::tempdir().unwrap();
    many::history(directory.path(), 40);
    let (_, history) = read(directory.path());
    let text = history_text(&history, 120, false);
    let first: Vec<&str> = text.lines().take(8).collect();
    let all = first.join("\n");
    assert!(first[0].contains("40 runs") && first[0].contains("84 results of 216 better by") && first[0].contains("2026-03-31"), "{all}");
    assert!(all.contains("What else changed then: nics.1.firmware of b-cpu, b-dpu: 24.39.2048 → 24.40.1000"), "{all}");
    assert!(all.contains("kernel of a-cpu, a-dpu, b-cpu, b-dpu: 6.1.0-31-amd64 → 6.1.0-32-amd64"), "{all}");
    assert!(all.contains("stand out from the runs around it"), "{all}");
}

#[test]
fn damaged_and_foreign_directories_are_named_and_skipped() {
    let directory = tempfile::tempdir().unwrap();
    many::history(directory.path(), 8);
    let add = |name: &str, file: &str, text: &str| {
        fs::create_dir(directory.path().join(name)).unwrap();
        fs::write(directory.path().join(name).join(file), text).unwrap();
    };
    add("photos", "a.jpg", "no run");
    add("damaged", "results.jsonl", "{\"schema\":1,\"id\":");
    add("empty", "results.jsonl", "");
    fs::create_dir(directory.path().join("linked")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", directory.path().join("linked/results.jsonl")).unwrap();
    let twice = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().path()).find(|p| p.join("environment.json").exists()).unwrap();
    let runs = Runs::read(&[directory.path().to_owned(), twice.clone()]).unwrap();
    assert_eq!(runs.runs.len(), 8);
    let why = |name: &str| {
        runs.skipped.iter().find(|s| s.directory.ends_with(name)).unwrap_or_else(|| panic!("{name}: {:?}", runs.skipped)).why.clone()
    };
    assert!(why("photos").contains("no results.jsonl"));
    assert!(why("damaged").contains("cut off"), "{}", why("damaged"));
    assert!(why("empty").contains("no records"));
    assert!(why("linked").contains("symbolic link"));
    assert!(runs.skipped.iter().any(|s| s.why.contains("already among")));
    assert_eq!(runs.skipped.len(), 5);

    let history = History::of(&runs);
    render_history(&history, "runs", directory.path()).unwrap();
    for name in ["history.html", "history.md"] {
        let text = fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(text.contains("photos") && text.contains("damaged") && text.contains("no records"), "{name}");
    }
    assert!(Runs::read(&[directory.path().join("missing")]).is_err());
}

#[test]
fn few_runs_are_not_judged_and_say_so() {
    let directory = tempfile::tempdir().unwrap();
    many::history(directory.path(), 4);
    let (_, history) = read(directory.path());
    assert_eq!((history.tested, history.events.len()), (0, 0));
    assert!(history.headline().contains("Nothing can be said of 4 runs"), "{}", history.headline());
    assert!(history.basis().contains("fewer than six runs"), "{}", history.basis());
}

#[test]
fn the_same_runs_give_the_same_files_in_whatever_order_they_are_read() {
    let directory = tempfile::tempdir().unwrap();
    many::history(&directory.path().join("runs"), 12);
    let (_, history) = read(&directory.path().join("runs"));
    let mut one_by_one: Vec<_> = fs::read_dir(directory.path().join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    one_by_one.sort_by(|a, b| b.cmp(a));
    let other = History::of(&Runs::read(&one_by_one).unwrap());
    for (history, into) in [(&history, "one"), (&other, "two")] {
        render_history(history, "runs", &directory.path().join(into)).unwrap();
    }
    let text = |into: &str| fs::read_to_string(directory.path().join(into).join("history.html")).unwrap();
    assert_eq!(text("one"), text("two"));
}
