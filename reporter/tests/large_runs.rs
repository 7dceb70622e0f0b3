//! Reports of large runs: what is left out of memory or of a page changes nothing else, and is named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use reporter::archive::{Archive, RESULTS_FILE};
use reporter::record::{Record, State};
use reporter::render::{Export, render_run_with};
use serde_json::json;
use synthetic::{Truth, records};

/// Every file below a directory with its bytes.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
    }
    found.sort();
    found
}

/// A run with all that a report shows, and with much that it does not.
fn everything() -> Vec<Record> {
    let mut list = records(&Truth { invalid: 0.06, failed: 0.02, link: true, ..Truth::lab(7) });
    list.extend(synthetic::procedures::tuned(&list));
    list.extend(synthetic::procedures::with_own_sections(&list));
    list.extend(synthetic::procedures::all(list.len()));
    for (number, record) in list.iter_mut().enumerate() {
        record.parameters.insert("gaps".to_owned(), json!({ "histogram": [{ "below_ns": number, "count": 1 }] }));
        record.parameters.insert("trials".to_owned(), json!(vec![json!({ "number": number }); number % 5]));
        record.parameters.insert("deviations".to_owned(), json!([{ "clause": "RFC 2544 §24" }]));
        record.provenance.insert("plan_sha256".to_owned(), json!("0123456789abcdef"));
    }
    list
}

#[test]
fn a_report_needs_no_more_of_the_records_than_is_read_for_it() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    synthetic::archive(&run, &everything());
    let mut results = fs::OpenOptions::new().append(true).open(run.join(RESULTS_FILE)).unwrap();
    results.write_all(b"{}\nnot json\n{\"schema\":1,\"parameters\":3}\n{\"schema\":7}\n{\"schema\":1,\"id\":\"cut").unwrap();
    let [whole, lean] = [Archive::read(&run).unwrap(), Archive::read_for_reports(&run).unwrap()];
    assert_eq!(whole.damaged, lean.damaged);
    assert_eq!(whole.damaged.len(), 5);
    let length = |archive: &Archive| archive.records.iter().map(|record| serde_json::to_string(record).unwrap().len()).sum::<usize>();
    assert!(length(&lean) < length(&whole) * 9 / 10);
    let into = |name: &str| place.path().join(name);
    render_run_with(&whole, &Export::ALL, &into("whole")).unwrap();
    render_run_with(&lean, &Export::ALL, &into("lean")).unwrap();
    let page = fs::read_to_string(into("whole").join("report.md")).unwrap();
    for section in ["kernel TCP at its best is", "Pairs at the same time", "Both directions", "Files over TLS"] {
        assert!(page.contains(section), "the run has nothing for: {section}");
    }
    let [whole, lean] = ["whole", "lean"].map(|name| files(&into(name)));
    assert!(whole.len() > 30, "{}", whole.len());
    for ((file, bytes), (other, others)) in whole.iter().zip(&lean) {
        assert_eq!(file.file_name(), other.file_name());
        assert!(bytes == others, "{} differs", file.display());
    }
    assert_eq!(whole.len(), lean.len());
}

#[test]
fn a_page_lists_two_thousand_trials_says_so_and_leaves_out_none_that_is_not_valid() {
    let first = records(&Truth::lab(7)).remove(0);
    let mut list: Vec<Record> = (0..2_500)
        .map(|number| {
            let mut record = first.clone();
            record.id.0 = format!("trial-{number:04}");
            record.repetition = number + 1;
            record
        })
        .collect();
    for record in &mut list[2_450..2_480] {
        record.verdict.state = State::Invalid;
    }
    let place = tempfile::tempdir().unwrap();
    let archive = synthetic::archive(&place.path().join("run"), &list);
    render_run_with(&archive, &[], place.path()).unwrap();
    let html = fs::read_to_string(place.path().join("report.html")).unwrap();
    let listed: Vec<usize> = (0..2_500).filter(|number| html.contains(&format!("trial-{number:04}"))).collect();
    assert_eq!(listed, (0..1_970).chain(2_450..2_480).collect::<Vec<_>>());
    assert!(html.contains("2000 of 2500 trials are listed"));
    let csv = fs::read_to_string(place.path().join("results.csv")).unwrap();
    assert_eq!(csv.lines().count(), 2_501);
}
