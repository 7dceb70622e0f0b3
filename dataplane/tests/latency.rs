//! Latency reports as other tools read them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::time::{Duration, SystemTime};

use base64::Engine;
use dataplane::account::latency::{RttRecorder, RttReport, write_log};
use dataplane::time::TickRate;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

/// 1 µs to 1 ms in steps of 1 µs, each once, by a clock of 2.6 GHz.
fn recorded() -> RttRecorder {
    let mut recorder = RttRecorder::new(TickRate::from_hz(2_600_000_000).unwrap());
    (1..=1000u64).for_each(|us| recorder.record(us * 2600));
    recorder
}

fn decode(text: &str) -> Histogram<u64> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    Deserializer::new().deserialize(&mut &bytes[..]).unwrap()
}

#[test]
fn a_report_has_exact_extremes_three_digits_between_and_survives_json() {
    let recorder = recorded();
    let report = RttReport::from_recorder(&recorder).unwrap().with_histogram(&recorder).unwrap();
    assert_eq!((report.min.ns(), report.max.ns(), report.count), (1000, 1_000_000, 1000));
    assert!((report.mean - 500_500.0).abs() < 1e-6);
    for (found, exact) in
        [(report.p50, 500_000), (report.p90, 900_000), (report.p99, 990_000), (report.p999, 999_000), (report.p999999, 1_000_000)]
    {
        assert!(found.ns().abs_diff(exact) * 1000 <= exact, "{found:?} for {exact}");
    }
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains("\"min\":1000,"), "{text}");
    assert_eq!(serde_json::from_str::<RttReport>(&text).unwrap(), report);
    let histogram = decode(report.histogram.as_deref().unwrap());
    assert_eq!(histogram.len(), 1000);
    assert!(histogram.value_at_quantile(0.5).abs_diff(500_000) <= 1000);
}

#[test]
fn nothing_recorded_is_no_report() {
    assert_eq!(RttReport::from_recorder(&RttRecorder::new(TickRate::from_hz(1_000_000_000).unwrap())), None);
}

#[test]
fn the_log_is_read_back_by_the_hdrhistogram_log_reader() {
    let mut log = Vec::new();
    let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    write_log(&mut log, &recorded(), began, Duration::from_secs(10)).unwrap();
    assert!(String::from_utf8_lossy(&log).starts_with("#[Histogram log format version 1.3]\n"));
    let entries: Vec<_> = IntervalLogIterator::new(&log).map(Result::unwrap).collect();
    let interval = entries.iter().find_map(|entry| match entry {
        LogEntry::Interval(interval) => Some(interval),
        _ => None,
    });
    let interval = interval.expect("one interval");
    assert_eq!(interval.duration(), Duration::from_secs(10));
    assert_eq!(decode(interval.encoded_histogram()).len(), 1000);
}
