//! Reports of large runs: what is left out of memory or of a page changes nothing else, and is named.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use reporter::archive::{Archive, RESULTS_FILE};
use reporter::record::{Metric, PairGroup, Record, Stack, State, View};
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
    list.extend(searched_and_together(&list));
    for (number, record) in list.iter_mut().enumerate() {
        if record.stack == Stack::Dpdk && record.metric == Metric::Throughput {
            record.view = Some(View::Frame);
        }
        record.parameters.insert("gaps".to_owned(), json!({ "histogram": [{ "below_ns": number, "count": 1 }] }));
        record.parameters.insert("trials".to_owned(), json!(vec![json!({ "number": number }); number % 5]));
        record.parameters.insert("deviations".to_owned(), json!([{ "clause": "RFC 2544 §24" }]));
        record.provenance.insert("plan_sha256".to_owned(), json!("0123456789abcdef"));
    }
    list
}

/// The result of a search for the kernel at its best, and two pairs at the same time.
fn searched_and_together(list: &[Record]) -> Vec<Record> {
    let stream = |pair: &str| {
        let is_stream = |record: &&Record| {
            record.pair.to_string() == pair
                && record.stack == Stack::KernelTcp
                && record.metric == Metric::Throughput
                && record.verdict.state == State::Valid
        };
        list.iter().find(is_stream).unwrap().clone()
    };
    let mut best = stream("a-cpu→b-cpu");
    best.id.0.push_str("-best");
    let search = json!({
        "searched": ["streams"], "combinations": 2, "valid_trials": 12, "invalid_trials": 0, "confidence": 0.96, "within": 0.02,
        "chosen": { "setting": "streams 2", "goodput_bps": 3e9, "interval_bps": [2.9e9, 3.1e9], "trials": 6 },
        "not_distinguished": [], "slower": [], "without_valid_trial": [], "untried": []
    });
    best.set_best_of(&serde_json::from_value(search).unwrap());
    let mut together = ["a-cpu→b-cpu", "a-dpu→b-dpu"].map(stream);
    let group = PairGroup::of("together".to_owned(), 0.95, &together.each_ref().map(Record::as_member));
    for record in &mut together {
        record.id.0.push_str("-together");
        group.note(&mut record.parameters);
    }
    std::iter::once(best).chain(together).collect()
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
    let html = String::from_utf8(whole.iter().find(|(file, _)| file.ends_with("report.html")).unwrap().1.clone()).unwrap();
    for shown in ["found by a search among 2 combinations", "Pairs at the same time"] {
        assert!(html.contains(shown), "{shown}: the run has what must be shown");
    }
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
