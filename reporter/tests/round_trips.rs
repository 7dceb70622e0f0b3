//! Round trips by percentile, from the histograms that records name, and what of them the reflector took.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::path::Path;

use reporter::archive::Archive;
use reporter::record::{Metric, Record, RttSummary, Stack};
use reporter::render::render_run;
use synthetic::{Truth, records};

/// Renders a run after its files were changed.
fn rendered(records: &[Record], change: impl FnOnce(&Path)) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    synthetic::archive(&run, records);
    change(&run);
    render_run(&Archive::read(&run).unwrap(), directory.path()).unwrap();
    directory
}

fn file(directory: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(directory.path().join(name)).unwrap()
}

fn is_round_trip(record: &&mut Record) -> bool {
    record.stack == Stack::Dpdk && record.metric == Metric::Latency
}

/// The first DPDK round trip between systems.
fn round_trip(records: &mut [Record]) -> &mut Record {
    records.iter_mut().filter(is_round_trip).find(|r| !r.pair.is_within_one_system()).unwrap()
}

const SUMMARY: fn() -> RttSummary = || RttSummary {
    p50: Some(800.0),
    p90: Some(1_200.0),
    p99: Some(2_000.0),
    p999: Some(30_016.0),
    p9999: Some(150_016.0),
    max: Some(2_000_896.0),
    count: Some(250_000),
    histogram: Some("raw/known.hdr".to_owned()),
    ..RttSummary::default()
};

#[test]
fn each_line_has_the_percentiles_of_its_histogram() {
    let mut list = records(&Truth::lab(3));
    let record = round_trip(&mut list);
    record.values.rtt_ns = Some(SUMMARY());
    let name = format!("DPDK {}", record.pair);
    let directory = rendered(&list, |_| ());
    let csv = file(&directory, "figures/round-trips-by-percentile-system-a-to-system-b.csv");
    let line: Vec<(f64, f64)> = csv
        .lines()
        .filter(|line| line.starts_with(&name))
        .map(|line| line.split(',').collect::<Vec<_>>())
        .map(|cells| (cells[1].parse().unwrap(), cells[2].parse().unwrap()))
        .collect();
    let places: Vec<f64> = line.iter().map(|point| point.0).collect();
    assert_eq!(places, [50.0, 90.0, 99.0, 99.9, 99.99, 99.999]);
    for ((_, drawn), put_in) in line.iter().zip([800.0, 1_200.0, 2_000.0, 30_016.0, 150_016.0, 2_000_896.0]) {
        assert!((drawn / put_in - 1.0_f64).abs() < 1e-3, "{drawn} for {put_in}");
    }
    let svg = file(&directory, "figures/round-trips-by-percentile-system-a-to-system-b.svg");
    for tick in [">50<", ">99.9<", ">99.999<"] {
        assert!(svg.contains(tick), "{tick}");
    }
    assert!(file(&directory, "report.html").contains("figure-round-trips-by-percentile-inside-system-a\""));
}

#[test]
fn repetitions_are_taken_together_and_invalid_ones_left_out() {
    let mut list = records(&Truth::lab(3));
    let first = round_trip(&mut list);
    first.values.rtt_ns = Some(SUMMARY());
    let (mut even, mut spoilt) = (first.clone(), first.clone());
    for (record, id, delay) in [(&mut even, "even", 5_000.0), (&mut spoilt, "spoilt", 9e6)] {
        record.id.0 = id.to_owned();
        let mut summary = SUMMARY();
        for figure in [&mut summary.p50, &mut summary.p90, &mut summary.p99, &mut summary.p999, &mut summary.p9999, &mut summary.max] {
            *figure = Some(delay);
        }
        summary.histogram = Some(format!("raw/{id}.hdr"));
        record.values.rtt_ns = Some(summary);
    }
    spoilt.verdict = reporter::record::Verdict::invalid(vec![]);
    list.extend([even, spoilt]);
    let directory = rendered(&list, |_| ());
    let html = file(&directory, "report.html");
    assert!(html.contains("500000 round trips of 2 repetitions"));
    // Half of all are at most 5 µs, which the even repetition says; one in a thousand is beyond 30 µs, which the other says.
    let csv = file(&directory, "figures/round-trips-by-percentile-system-a-to-system-b.csv");
    let value = |percentile: &str| -> f64 {
        let line = csv.lines().find(|line| line.split(',').nth(1) == Some(percentile)).unwrap();
        line.split(',').nth(2).unwrap().parse().unwrap()
    };
    assert!((value("50") / 5_000.0 - 1.0).abs() < 1e-3 && (value("99.9") / 30_016.0 - 1.0).abs() < 1e-3, "{csv}");
}

#[test]
fn a_line_ends_where_its_round_trips_end() {
    let mut list = records(&Truth::lab(3));
    let name = {
        let record = round_trip(&mut list);
        record.values.rtt_ns = Some(SUMMARY());
        format!("DPDK {}", record.pair)
    };
    let directory = rendered(&list, |run| {
        let mut few = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        few.record_n(800, 5_000).unwrap();
        let mut bytes = Vec::new();
        hdrhistogram::serialization::Serializer::serialize(&mut hdrhistogram::serialization::V2DeflateSerializer::new(), &few, &mut bytes)
            .unwrap();
        std::fs::write(run.join("raw/known.hdr"), base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)).unwrap();
    });
    let csv = file(&directory, "figures/round-trips-by-percentile-system-a-to-system-b.csv");
    let places: Vec<&str> = csv.lines().filter(|l| l.starts_with(&name)).filter_map(|l| l.split(',').nth(1)).collect();
    assert_eq!(places, ["50", "90", "99", "99.9"], "5,000 round trips have none beyond 99.99 %");
}

#[test]
fn histograms_that_cannot_be_read_are_named_and_the_rest_is_drawn() {
    let mut list = records(&Truth::lab(3));
    let named: Vec<(String, String, String)> = list
        .iter_mut()
        .filter(is_round_trip)
        .take(4)
        .map(|r| (r.id.0.clone(), r.pair.to_string(), r.values.rtt_ns.as_ref().unwrap().histogram.clone().unwrap()))
        .collect();
    let outside = "../../etc/passwd".to_owned();
    for record in list.iter_mut().filter(|r| r.id.0 == named[3].0) {
        record.values.rtt_ns.as_mut().unwrap().histogram = Some(outside.clone());
    }
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    // The helper writes a file for each record that names one: the one that leaves the run is set after that.
    let mut inside = list.clone();
    inside.iter_mut().filter(|r| r.id.0 == named[3].0).for_each(|r| r.values.rtt_ns.as_mut().unwrap().histogram = None);
    synthetic::archive(&run, &inside);
    std::fs::remove_file(run.join(&named[0].2)).unwrap();
    std::fs::write(run.join(&named[1].2), "not base64 <script>").unwrap();
    let whole = std::fs::read(run.join(&named[2].2)).unwrap();
    std::fs::write(run.join(&named[2].2), &whole[..whole.len() / 2 / 4 * 4]).unwrap();
    let mut archive = Archive::read(&run).unwrap();
    archive.records = list;
    render_run(&archive, directory.path()).unwrap();

    let (html, md) = (file(&directory, "report.html"), file(&directory, "report.md"));
    let drawn: String = std::fs::read_dir(directory.path().join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("by-percentile") && path.extension().is_some_and(|e| e == "csv"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for (text, rows) in [(&html, "<tr><th"), (&md, "| ")] {
        assert!(text.contains("Histograms that could not be read"), "{rows}");
        for (id, _, _) in &named {
            assert!(text.contains(id.as_str()));
        }
    }
    for (id, pair, path) in &named[..3] {
        assert!(html.contains(path.trim_start_matches("raw/")), "the file of {id} is named");
        assert!(!drawn.contains(&format!("DPDK {pair},")), "{pair} is not drawn");
    }
    assert!(html.contains("is not a file inside the run directory"));
    assert_eq!(drawn.matches(",50,").count(), 8, "the other pairs are drawn");
}

#[test]
fn residence_stands_beside_and_the_difference_is_called_derived() {
    let mut list = records(&Truth::lab(3));
    list.iter_mut().filter(is_round_trip).for_each(|record| record.parameters.clear());
    let directory = rendered(&list, |_| ());
    let md = file(&directory, "report.md");
    assert!(!md.contains("residence") && !md.to_lowercase().contains("tester alone"), "nothing recorded, nothing said");

    let record = round_trip(&mut list);
    record.values.rtt_ns = Some(SUMMARY());
    record.load = Some("20000pps".to_owned());
    record.parameters = serde_json::json!({
        "reflector_residence_ns": { "p50": 703.0, "p99": 1_510.0 },
        "calibration_rtt_ns": { "p50": 251.0, "p99": 300.0 },
    })
    .as_object()
    .unwrap()
    .clone();
    record.values.one_way_ns = Some(RttSummary { p50: Some(412.0), p99: Some(977.0), ..RttSummary::default() });
    let pair = record.pair.to_string();
    let directory = rendered(&list, |_| ());
    assert!(file(&directory, "report.html").contains(">97.0\u{a0}ns</td>"), "a number keeps its unit on a narrow screen");
    let md = file(&directory, "report.md");
    let row = md.lines().find(|line| line.contains("20000pps") && line.contains(&pair)).unwrap();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!(cells[3..=10], ["800 ns", "2.00 µs", "703 ns", "1.51 µs", "97.0 ns", "251 ns", "412 ns", "977 ns"], "{row}");
    assert!(
        md.contains("RTT minus residence (p50), derived") && md.contains("derived and not measured") && md.contains("never subtracted")
    );
    assert!(md.contains("tester alone p50 (not subtracted)"), "the share has a column of its own, and the others stay what they are");
}

#[test]
fn a_median_below_the_residence_shows_as_it_is() {
    let mut list = records(&Truth::lab(3));
    let record = round_trip(&mut list);
    record.values.rtt_ns = Some(SUMMARY());
    record.parameters =
        serde_json::json!({ "reflector_residence_ns": { "p50": 1_000.0 }, "calibration_rtt_ns": 333 }).as_object().unwrap().clone();
    let md = file(&rendered(&list, |_| ()), "report.md");
    assert!(md.contains("-200 ns"), "a negative difference says that one of the two is wrong: it is not hidden");
    assert!(md.contains("| 333 ns |"), "a calibration of one number is a median");
}

#[test]
fn the_tester_alone_is_said_with_what_disturbed_it_or_why_it_is_not_known() {
    let mut list = records(&Truth::lab(3));
    let md = file(&rendered(&list, |_| ()), "report.md");
    assert!(md.contains("Tester alone: 52.0 ns (p50); not subtracted"), "{md}");
    assert!(!md.contains("The calibration at") && !md.contains("is not known"));

    let how = |state: &str, detail: &str| serde_json::json!({ "state": state, "detail": detail, "time": "2026-11-22T10:00:00Z", "port": "net_ring0" });
    for record in list.iter_mut().filter(is_round_trip) {
        let parameters = &mut record.parameters;
        match record.pair.from.0.as_str() {
            "a-cpu" => {
                parameters.insert("calibration".to_owned(), how("disturbed", "the generator was interrupted <b>"));
                parameters.insert("calibration_rtt_ns".to_owned(), serde_json::json!({ "p50": 71.0 }));
            }
            "b-dpu" => {
                parameters.remove("calibration_rtt_ns");
                parameters.insert("calibration".to_owned(), how("failed", "no agent"));
            }
            _ => {}
        }
    }
    let directory = rendered(&list, |_| ());
    let md = file(&directory, "report.md");
    assert!(md.contains("Tester alone: 52.0 ns to 71.0 ns (p50); not subtracted"), "{md}");
    assert_eq!(md.matches("The tester's own share at b-dpu is not known: no agent.").count(), 1, "said once for all its pairs: {md}");
    let html = file(&directory, "report.html");
    assert!(html.contains("The calibration at a-cpu was disturbed: the generator was interrupted &lt;b&gt;."), "said, and harmless");
    let row = |pair: &str| md.lines().find(|line| line.starts_with(&format!("| {pair} | – |"))).unwrap().trim_end();
    assert!(row("b-dpu→a-cpu").ends_with("| – |"), "not zero: {}", row("b-dpu→a-cpu"));
    assert!(row("a-cpu→b-cpu").ends_with(r"| 71.0 ns \! |"), "marked, and the round trips beside it are not: {}", row("a-cpu→b-cpu"));
    assert_eq!(row("a-cpu→b-cpu").matches('!').count(), 1);
}
