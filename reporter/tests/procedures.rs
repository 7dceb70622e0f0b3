//! Figures of procedures: every drawn value is one that a record holds, lower limits are drawn as such, and doubts as doubts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use methodology::units::FrameSize;
use reporter::archive::Archive;
use reporter::record::{Metric, Pair, Record, Size, Stack, Verdict};
use reporter::render::render_run;
use serde_json::{Value, json};

/// A record of a procedure between system a and system b.
fn record(number: usize, method: &str, bytes: u32, measured: Value) -> Record {
    let pair: Pair = synthetic::pairs().into_iter().find(|pair| pair.to_string() == "a-cpu→b-cpu").unwrap();
    let size = Size::frame(FrameSize::new(bytes).unwrap());
    let metric = if method == "latency" { Metric::Latency } else { Metric::Throughput };
    let mut record = synthetic::record(number, &pair, Stack::Dpdk, metric, size, 1);
    record.method = method.to_owned();
    record.parameters = json!({ "preset": "quick", "measured": measured, "trials": [1] }).as_object().unwrap().clone();
    assert!(record.measured().is_some(), "the test's own record is one that is understood: {}", record.parameters["measured"]);
    record
}

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

fn frame_loss(losses: &[(f64, f64)], complete: bool) -> Value {
    let points: Vec<Value> = losses
        .iter()
        .map(|(share, loss)| json!({ "share": share, "load_pps": share * 1e6, "loss_ratio": loss, "forwarding_rate_pps": share * 1e6 * (1.0 - loss) }))
        .collect();
    json!({ "kind": "frame-loss", "max_rate_pps": 1e6, "points": points, "complete": complete })
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
    let delays = |p50: u64, definition: &str| {
        json!({ "definition": definition, "count": 1000, "min_ns": 1, "mean_ns": p50, "p50_ns": p50, "p90_ns": p50 * 2, "p99_ns": p50 * 10,
                "p999_ns": p50 * 100, "p9999_ns": p50 * 200, "max_ns": p50 * 300 })
    };
    let load = |at: Value, pps: f64, repetitions: Vec<Value>| {
        let spread = json!({ "median_ns": 0, "p1_ns": 0, "p99_ns": 0 });
        json!({ "at": at, "load_pps": pps, "repetitions": repetitions, "typical": spread, "worst_case": spread, "mean_ns": 0, "min_ns": 0,
                "max_ns": 0, "loss_ratio": 0.0 })
    };
    let trip = |p50| delays(p50, "round-trip-software");
    let measured = json!({ "kind": "latency", "search": null, "loads": [
        load(json!({ "kind": "throughput" }), 2e6, vec![trip(5_000), trip(6_000), trip(50_000)]),
        load(json!({ "kind": "idle" }), 9_001.0, vec![trip(1_000)]),
        load(json!({ "kind": "idle" }), 1_000.0, vec![delays(7, "one-way")]),
    ] });
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

fn back_to_back(bursts: &[u64]) -> Value {
    json!({ "kind": "back-to-back", "search": null, "not_applicable": null, "bursts": bursts, "frames": null, "burst_rate_pps": 1e6,
            "throughput_pps": null, "implied_buffer_time_s": null, "corrected_buffer_time_s": null, "corrected_buffer_frames": null,
            "max_burst": 100_000, "min_step": 16 })
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

fn goal(name: &str, outcome: Value) -> Value {
    let goal = json!({ "name": name, "loss-ratio": 0.0, "exceed-ratio": 0.5, "initial-trial": 0.2, "final-trial": 0.2, "duration-sum": 1.0, "width": 0.01 });
    json!({ "goal": goal, "outcome": outcome })
}

fn bound(pps: f64) -> Value {
    json!({ "load_pps": pps, "trials": 2, "trial_time_s": 0.4, "worst_loss": 0.0, "best_loss": 0.0, "set_by": "device" })
}

fn search(goals: Vec<Value>) -> Value {
    json!({ "kind": "ndr-pdr", "min_load_pps": 1e3, "max_load_pps": 1.25e6, "max_load_calibrated": true, "trials": 4, "trial_time_s": 0.8, "goals": goals })
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
