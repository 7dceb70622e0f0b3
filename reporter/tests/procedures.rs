//! Figures of procedures: every drawn value is one that a record holds, lower limits are drawn as such, and doubts as doubts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use reporter::archive::Archive;
use reporter::record::{Record, Verdict};
use reporter::render::render_run;
use serde_json::{Value, json};
use synthetic::procedures::*;

fn rendered(records: &[Record]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let archive: Archive = synthetic::archive(&directory.path().join("run"), records);
    render_run(&archive, directory.path()).unwrap();
    directory
}

fn file(directory: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(directory.path().join(name)).unwrap()
}

/// The lines of a figure's numbers, without the header.
fn numbers(directory: &tempfile::TempDir, name: &str) -> Vec<String> {
    file(directory, &format!("figures/{name}.csv")).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn loss_is_drawn_against_load_a_line_a_size() {
    let mut records = vec![
        record(1, "frame-loss", 64, frame_loss(&[(1.0, 0.25), (0.9, 0.1), (0.8, 0.0), (0.7, 0.0)], true)),
        record(2, "frame-loss", 512, frame_loss(&[(1.0, 0.05), (0.9, 0.0)], false)),
    ];
    let directory = rendered(&records);
    assert_eq!(
        numbers(&directory, "frame-loss-a-cpu-to-b-cpu"),
        [
            "64 B frame,70,0,,,true",
            "64 B frame,80,0,,,true",
            "64 B frame,90,10,,,true",
            "64 B frame,100,25,,,true",
            "512 B frame,90,0,,,true",
            "512 B frame,100,5,,,true"
        ]
    );
    let html = file(&directory, "report.html");
    assert!(html.contains("figure-frame-loss-a-cpu-to-b-cpu\"") && html.contains("not carried to its end"));

    // A second repetition: the mean with both ends; an invalid one changes nothing.
    let mut again = record(3, "frame-loss", 64, frame_loss(&[(1.0, 0.35)], true));
    again.repetition = 2;
    let mut spoilt = record(4, "frame-loss", 64, frame_loss(&[(1.0, 0.9)], true));
    spoilt.verdict = Verdict::invalid(vec![]);
    records.extend([again, spoilt]);
    let lines = numbers(&rendered(&records), "frame-loss-a-cpu-to-b-cpu");
    let at_full: Vec<&str> = lines.iter().find(|line| line.starts_with("64 B frame,100,")).unwrap().split(',').collect();
    let values: Vec<f64> = at_full[2..5].iter().map(|v| v.parse().unwrap()).collect();
    assert!(values.iter().zip([30.0, 25.0, 35.0]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-9), "{at_full:?}");
}

#[test]
fn round_trips_under_load_are_medians_of_the_repetitions() {
    let trip = |p50| delays(p50, "round-trip-software");
    let measured = latency(vec![
        at_load(json!({ "kind": "throughput" }), 2e6, vec![trip(5_000), trip(6_000), trip(50_000)]),
        at_load(json!({ "kind": "idle" }), 9_001.0, vec![trip(1_000)]),
        at_load(json!({ "kind": "idle" }), 1_000.0, vec![delays(7, "one-way")]),
    ]);
    let directory = rendered(&[record(1, "latency", 64, measured.clone())]);
    assert_eq!(
        numbers(&directory, "round-trips-by-load-a-cpu-to-b-cpu"),
        [
            "64 B frame p50,9001,1000,,,true",
            "64 B frame p50,2000000,6000,5000,50000,true",
            "64 B frame p99,9001,10000,,,true",
            "64 B frame p99,2000000,60000,50000,500000,true",
            "64 B frame p99.9,9001,100000,,,true",
            "64 B frame p99.9,2000000,600000,500000,5000000,true",
        ],
        "a one-way delay has no place among round trips"
    );
    let svg = file(&directory, "figures/round-trips-by-load-a-cpu-to-b-cpu.svg");
    assert!(svg.contains(">64 B p99.9</text>"));

    let seven: Vec<Record> = (0..7).map(|n| record(n, "latency", synthetic::SIZES[n], measured.clone())).collect();
    let svg = file(&rendered(&seven), "figures/round-trips-by-load-a-cpu-to-b-cpu.svg");
    assert_eq!(svg.matches("class=\"end\"").count(), 7, "one name a size where three would not fit");
}

/// Every line of a figure by percentile: what it is called, and its percentiles with their values.
fn lines_by_percentile(directory: &tempfile::TempDir, name: &str) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for row in numbers(directory, name) {
        let cells: Vec<&str> = row.split(',').collect();
        let point = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
        match lines.iter_mut().find(|line| line.0 == cells[0]) {
            Some(line) => line.1.push(point),
            None => lines.push((cells[0].to_owned(), vec![point])),
        }
    }
    lines
}

#[test]
fn every_load_of_latency_has_a_line_by_percentile_from_the_histograms_that_were_kept() {
    let trips = |load: &str, p50s: &[u64]| p50s.iter().map(|&p50| kept(p50, &format!("raw/{load}-{p50}.hdr"))).collect::<Vec<_>>();
    let mut one_way = delays(7, "one-way");
    one_way["histogram"] = json!({ "file": "raw/one-way.hdr" });
    let found = latency(vec![
        at_load(json!({ "kind": "throughput" }), 2e6, trips("full", &[5_000, 50_000])),
        at_load(json!({ "kind": "of-pdr", "value": 0.5 }), 1e6, trips("half", &[2_000])),
        at_load(json!({ "kind": "load", "value": "100000pps" }), 1e5, trips("given", &[1_000])),
        at_load(json!({ "kind": "idle" }), 9_001.0, vec![one_way]),
    ]);
    let records = [record(1, "latency", 64, found)];
    let directory = rendered(&records);
    let figure = "round-trips-by-percentile-under-load-64-a-cpu-to-b-cpu";
    let lines = lines_by_percentile(&directory, figure);
    let names: Vec<&str> = lines.iter().map(|line| line.0.as_str()).collect();
    assert_eq!(names, ["100 kpps", "50 % of PDR", "throughput"], "from the lowest load up, and no one-way delay among round trips");
    // Half of both repetitions are at most ten times the shorter median (its p99); one in 100,000 of both lies beyond what either holds.
    let close = |found: f64, put_in: f64| (found / put_in - 1.0).abs() < 1e-3;
    let at = |line: usize, percent: f64| lines[line].1.iter().find(|point| point.0 == percent).unwrap().1;
    assert!(close(at(1, 50.0), 2_000.0) && close(at(1, 99.9), 200_000.0), "{lines:?}");
    assert!(close(at(2, 50.0), 50_000.0), "{lines:?}");
    let html = file(&directory, "report.html");
    assert!(html.contains("500000 round trips of 2 repetitions") && html.contains("load throughput, 2.00 Mpps"), "what was pooled is said");
    assert!(!html.contains("Histograms that could not be read"));

    // A file that is gone is named, and its repetition alone is missing.
    let run = directory.path().join("run");
    std::fs::remove_file(run.join("raw/full-50000.hdr")).unwrap();
    let again = tempfile::tempdir().unwrap();
    render_run(&Archive::read(&run).unwrap(), again.path()).unwrap();
    assert!(close(lines_by_percentile(&again, figure)[2].1[0].1, 5_000.0));
    let html = file(&again, "report.html");
    assert!(html.contains("Histograms that could not be read") && html.contains("full-50000.hdr"));
}

#[test]
fn the_sentences_about_delays_say_medians_over_the_repetitions() {
    let trips: Vec<Value> = [1_000, 3_000, 90_000].map(|p50| delays(p50, "round-trip-software")).into();
    let spread = json!({ "median_ns": 7_770, "p1_ns": 7_000, "p99_ns": 8_000 });
    let pdv = json!({ "kind": "pdv", "search": null, "loads": [
        { "at": { "kind": "throughput" }, "load_pps": 1e6, "repetitions": trips.clone(), "pdv": spread, "ipdv": null }
    ] });
    let found = latency(vec![at_load(json!({ "kind": "throughput" }), 1e6, trips)]);
    let md = file(&rendered(&[record(1, "latency", 64, found), record(2, "pdv", 64, pdv)]), "report.md");
    assert!(md.contains("at throughput: p50 3.00 µs, p99.9 300 µs") || md.contains("at throughput: p50 3 µs, p99.9 300 µs"), "{md}");
    assert!(md.contains("at throughput: 7.77 µs"), "delay variation is D99.9 − Dmin, not D99.9: {md}");
}

#[test]
fn a_load_that_was_searched_over_round_trips_is_named_so() {
    let mut found = latency(vec![at_load(json!({ "kind": "of-pdr", "value": 0.9 }), 1e6, vec![kept(2_000, "raw/of-pdr.hdr")])]);
    let mut searched = search(vec![]);
    searched.as_object_mut().unwrap().remove("kind");
    found["search"] = searched;
    let names = |found: &Value| {
        let directory = rendered(&[record(1, "latency", 64, found.clone())]);
        let lines = lines_by_percentile(&directory, "round-trips-by-percentile-under-load-64-a-cpu-to-b-cpu");
        (file(&directory, "report.md"), lines.into_iter().map(|line| line.0).collect::<Vec<_>>())
    };
    // A version that recorded no path searched one way.
    let (md, lines) = names(&found);
    assert!(md.contains("at 90 % of PDR: p50") && lines == ["90 % of PDR"], "{lines:?} {md}");
    found["search"]["path"] = json!("round-trip");
    let (md, lines) = names(&found);
    assert!(md.contains("at 90 % of PDR of round trips: p50") && lines == ["90 % of PDR of round trips"], "{lines:?} {md}");
}

#[test]
fn bursts_are_means_and_the_longest_that_could_be_tried_is_a_lower_limit() {
    let directory = rendered(&[
        record(1, "back-to-back", 64, back_to_back(&[1_000, 3_000])),
        record(2, "back-to-back", 512, back_to_back(&[100_000])),
        record(3, "back-to-back", 1518, back_to_back(&[])),
    ]);
    assert_eq!(
        numbers(&directory, "longest-bursts-system-a-to-system-b"),
        ["a-cpu→b-cpu,64,2000,1000,3000,true", "\"a-cpu→b-cpu, at least\",512,100000,,,true"]
    );
    let svg = file(&directory, "figures/longest-bursts-system-a-to-system-b.svg");
    assert!(svg.contains("hollow") && svg.contains("at least 100 kframes") && svg.contains("burst, kframes"), "{svg}");
}

#[test]
fn bounds_are_drawn_by_goal_and_a_missing_upper_bound_is_a_lower_limit() {
    let regular = |lower: f64, upper: f64| json!({ "kind": "regular", "lower": bound(lower), "upper": bound(upper), "conditional_throughput_pps": lower });
    let irregular = |why: &str, lower: Value| json!({ "kind": "irregular", "why": why, "lower": lower, "upper": null });
    let mut unsure = record(
        2,
        "ndr-pdr",
        512,
        search(vec![goal("NDR", irregular("below-min-load", Value::Null)), goal("PDR", irregular("at-least-max-load", bound(9e5)))]),
    );
    unsure.verdict = Verdict::invalid(vec![]);
    let directory =
        rendered(&[record(1, "ndr-pdr", 64, search(vec![goal("NDR", regular(7e5, 7.1e5)), goal("PDR", regular(8e5, 8.2e5))])), unsure]);
    assert_eq!(
        numbers(&directory, "bounds-by-size-system-a-to-system-b"),
        [
            "NDR a-cpu→b-cpu,64,700000,700000,710000,true",
            "PDR a-cpu→b-cpu,64,800000,800000,820000,true",
            "\"PDR a-cpu→b-cpu, at least\",512,900000,,,false"
        ]
    );
    assert!(!file(&directory, "figures/bounds-by-size-system-a-to-system-b.svg").contains("≥"), "one name a line");
    let html = file(&directory, "report.html");
    assert!(html.contains("figure-bounds-by-size-system-a-to-system-b\"") && html.contains("upper bound 710"));
    assert!(file(&directory, "report.md").contains("NDR and PDR: bounds by frame size"));
}

#[test]
fn a_line_of_lower_limits_alone_says_so_at_its_end() {
    let directory =
        rendered(&[record(1, "back-to-back", 64, back_to_back(&[100_000])), record(2, "back-to-back", 512, back_to_back(&[100_000]))]);
    assert!(file(&directory, "figures/longest-bursts-system-a-to-system-b.svg").contains("≥ cpu→cpu"));
}

#[test]
fn what_is_not_understood_is_left_to_the_table() {
    let mut strange = record(1, "frame-loss", 64, frame_loss(&[(1.0, 0.1)], true));
    strange.parameters.insert("measured".to_owned(), json!({ "kind": "frame-loss", "points": "many" }));
    let directory = rendered(&[strange]);
    let html = file(&directory, "report.html");
    assert!(!html.contains("figure-frame-loss") && html.contains("frame-loss"), "no figure, a row");
}
