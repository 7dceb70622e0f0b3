//! Reports hold what the records hold, from whole runs, partial ones and hostile ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::time::Instant;

use reporter::archive::Archive;
use reporter::record::{Record, Stack};
use reporter::render::{render_run, terminal};
use synthetic::{Truth, hostile, records};

fn rendered(records: &[Record]) -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().unwrap();
    let archive = synthetic::archive(&directory.path().join("run"), records);
    render_run(&archive, directory.path()).unwrap();
    (directory, archive)
}

fn file(directory: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(directory.path().join(name)).unwrap()
}

#[test]
fn a_whole_run_has_every_figure_and_every_trial() {
    let records = records(&Truth { invalid: 0.05, failed: 0.02, ..Truth::lab(7) });
    let (directory, _) = rendered(&records);
    let html = file(&directory, "report.html");
    for figure in ["goodput-by-size", "wire-rate-by-size", "ratio-by-size", "loss-by-size"] {
        for group in ["system-a-system-b", "system-b-system-a", "inside-system-a", "inside-system-b"] {
            let name = format!(
                "{figure}-{}",
                group.replace("system-a-system-b", "system-a-to-system-b").replace("system-b-system-a", "system-b-to-system-a")
            );
            assert!(html.contains(&format!("figure-{name}\"")), "{name}");
            let svg = file(&directory, &format!("figures/{name}.svg"));
            assert!(svg.starts_with("<svg") && svg.contains("class=\"mark\""));
        }
    }
    assert!(html.contains("figure-round-trips\"") && html.contains("figure-goodput-per-core\""));
    assert!(html.contains("emulated"));
    let csv = file(&directory, "results.csv");
    assert_eq!(csv.lines().count(), records.len() + 1);
    for record in &records {
        assert!(html.contains(&record.id.0) && csv.contains(&record.id.0));
    }
}

#[test]
fn the_same_archive_gives_the_same_files() {
    let records = records(&Truth::lab(7));
    let directory = tempfile::tempdir().unwrap();
    let archive = synthetic::archive(&directory.path().join("run"), &records);
    for into in ["one", "two"] {
        render_run(&archive, &directory.path().join(into)).unwrap();
    }
    for name in ["report.html", "report.md", "results.csv", "figures/round-trips.svg"] {
        assert_eq!(file(&directory, &format!("one/{name}")), file(&directory, &format!("two/{name}")), "{name}");
    }
}

#[test]
fn a_run_of_one_side_says_which_side_it_was() {
    let all = records(&Truth::lab(1));
    for (kernel, expected) in [(true, "Only the kernel was measured"), (false, "Only kernel bypass was measured")] {
        let one_side: Vec<_> = all.iter().filter(|record| record.stack.is_kernel() == kernel).cloned().collect();
        let (directory, archive) = rendered(&one_side);
        assert!(file(&directory, "report.html").contains(expected) && terminal::summary(&archive, 120).contains(expected));
    }
}

#[test]
fn nothing_measured_and_nothing_valid_are_reported_as_such() {
    let (directory, archive) = rendered(&[]);
    assert!(file(&directory, "report.html").contains("cannot be compared yet"));
    assert!(terminal::summary(&archive, 120).contains("0 measurements"));

    let all_invalid = records(&Truth { invalid: 1.0, ..Truth::lab(1) });
    let (directory, archive) = rendered(&all_invalid);
    assert!(file(&directory, "report.html").contains("Not proven"));
    assert!(terminal::summary(&archive, 160).contains("hiccup"));
}

#[test]
fn a_run_that_was_cut_off_reports_what_it_has() {
    let mut partial = records(&Truth { repetitions: 1, ..Truth::lab(1) });
    partial.truncate(9);
    let (directory, archive) = rendered(&partial);
    assert!(file(&directory, "report.html").contains("n = 1"));
    assert!(terminal::summary(&archive, 160).contains("a-cpu→a-dpu"));
    partial.retain(|r| r.stack == Stack::KernelTcp);
    let (directory, _) = rendered(&partial);
    assert!(file(&directory, "report.md").contains("Only the kernel was measured"));
}

#[test]
fn a_run_of_searches_without_mrr_is_drawn_by_what_it_found() {
    let mut records = records(&Truth::lab(1));
    for record in records.iter_mut().filter(|r| r.stack == Stack::Dpdk && r.method == "mrr") {
        record.method = "ndr-pdr".to_owned();
        let measured = serde_json::json!({
            "kind": "ndr-pdr", "min_load_pps": 1e3, "max_load_pps": 1.25e6, "max_load_calibrated": true, "trials": 4, "trial_time_s": 0.8,
            "goals": [{
                "goal": {
                    "name": "NDR", "loss-ratio": 0.0, "exceed-ratio": 0.5,
                    "initial-trial": 0.2, "final-trial": 0.2, "duration-sum": 1.0, "width": 0.01
                },
                "outcome": { "kind": "irregular", "why": "at-least-max-load", "lower": null, "upper": null }
            }]
        });
        record.parameters =
            serde_json::json!({ "preset": "quick", "measured": measured, "trials": [1, 2, 3, 4] }).as_object().unwrap().clone();
    }
    let (directory, _) = rendered(&records);
    let html = file(&directory, "report.html");
    assert!(
        html.contains("figure-wire-rate-by-size-system-a-to-system-b")
            && html.contains("NDR: at least max load")
            && html.contains("quick, 4 trials")
    );
    assert!(html.contains("times the payload"));
}

#[test]
fn other_testbeds_have_other_names() {
    let mut records = records(&Truth::lab(1));
    for record in &mut records {
        record.pair.from.0 = record.pair.from.0.replace("a-cpu", "left").replace("b-cpu", "right");
        record.pair.to.0 = record.pair.to.0.replace("a-cpu", "left").replace("b-cpu", "right");
    }
    let (directory, _) = rendered(&records);
    assert!(file(&directory, "report.html").contains("left→right"));
}

#[test]
fn hostile_text_stays_text_in_every_file() {
    let mut list = records(&Truth { repetitions: 1, ..Truth::lab(1) });
    let victims: Vec<Record> = list.iter().take(6).cloned().map(hostile).collect();
    list.extend(victims);
    let directory = tempfile::tempdir().unwrap();
    let mut archive = synthetic::archive(&directory.path().join("run"), &list);
    synthetic::damage(&mut archive);
    render_run(&archive, directory.path()).unwrap();

    let html = file(&directory, "report.html");
    assert_eq!(html.matches("<script").count(), 1, "only our own script");
    assert!(!html.contains("<img") && !html.contains("<svg onload") && !html.contains("{{7*7}}49"));
    assert!(html.contains("results.jsonl line 17"));
    let md = file(&directory, "report.md");
    assert!(!md.contains("<img") && !md.contains("<script") && !md.replace("\\]", "").contains("](javascript"));
    assert!(md.lines().filter(|l| l.starts_with('|')).all(|l| l.ends_with('|')));
    for line in file(&directory, "results.csv").lines().skip(1) {
        for cell in line.split(',') {
            let cell = cell.trim_start_matches('"');
            assert!(!cell.starts_with(['=', '@']) && (!cell.starts_with(['+', '-']) || cell.parse::<f64>().is_ok()), "{cell}");
        }
    }
    let text = terminal::summary(&archive, 140);
    assert!(!text.contains('\u{1b}'));
    for entry in std::fs::read_dir(directory.path().join("figures")).unwrap() {
        let path = entry.unwrap().path();
        let svg = std::fs::read_to_string(&path).unwrap();
        if path.extension().is_none_or(|e| e != "svg") {
            continue;
        }
        assert!(!svg.contains("<img") && !svg.contains("<script") && !svg.contains("<svg onload"), "{}", path.display());
    }
}

#[test]
fn ten_thousand_records_are_read_analysed_and_rendered_and_the_page_stays_small() {
    let mut list = records(&Truth { repetitions: 60, invalid: 0.1, failed: 0.02, ..Truth::lab(9) });
    let others = [synthetic::procedures::tuned(&list[..1_000]), synthetic::procedures::all(list.len())].concat();
    list.truncate(10_000 - others.len());
    list.extend(others);
    assert_eq!(list.len(), 10_000);
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    synthetic::archive(&run, &list);
    let start = Instant::now();
    let archive = Archive::read(&run).unwrap();
    render_run(&archive, &run).unwrap();
    let took = start.elapsed();
    let bytes = std::fs::metadata(run.join("report.html")).unwrap().len();
    println!("10,000 records: read, analysed and rendered in {took:.2?}; report.html {:.1} MB", bytes as f64 / 1e6);
    assert_eq!(archive.records.len(), 10_000);
    assert!(bytes < 10_000_000, "{bytes} bytes");
}

#[test]
fn tables_and_the_terminal_show_the_numbers_of_the_records() {
    let records = records(&Truth { noise: 0.0, ..Truth::lab(1) });
    let (directory, archive) = rendered(&records);
    // 17 Mpps of 64 B frames: 18 B of payload each, 84 B on the wire.
    let md = file(&directory, "report.md");
    assert!(md.contains("2.45 Gb/s"), "payload at 64 B");
    let text = terminal::summary(&archive, 160);
    assert!(text.contains("17.0 Mpps") || text.contains("17 Mpps"), "{text}");
    assert!(text.contains("11.4 Gb/s"), "{text}");
}
