//! Every row of the table of stacks appears in the views that it names, and in no other. The table has two rows of its own for tests, so
//! that this holds for a stack that no other code knows.

use std::path::Path;

use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use serde_json::{Value, json};

use crate::archive::Archive;
use crate::figure::Figure;
use crate::record::{Record, ReportView, SizeKind, Stack};

use super::document::{Page, Section};
use super::{compose, terminal};

const VIEWS: [ReportView; 12] = [
    ReportView::Throughput,
    ReportView::Plateau,
    ReportView::Ratio,
    ReportView::RoundTrips,
    ReportView::Percentiles,
    ReportView::Loss,
    ReportView::Procedures,
    ReportView::Cost,
    ReportView::Effects,
    ReportView::Tuning,
    ReportView::SummaryThroughput,
    ReportView::SummaryRoundTrips,
];

const PAIRS: [(&str, &str); 4] = [("a-cpu", "b-cpu"), ("a-cpu", "b-dpu"), ("a-dpu", "b-cpu"), ("a-dpu", "b-dpu")];

/// A run with everything that a stack can have: rates at three sizes with costs, in two configurations, round trips with a histogram, and a
/// procedure.
fn records_of(stack: Stack) -> Vec<Record> {
    let mut records = Vec::new();
    let size = |bytes: u32| json!({ "kind": if stack.size_kind() == SizeKind::Frame { "frame" } else { "message" }, "bytes": bytes });
    let mut add = |(from, to): (&str, &str), metric: &str, method: &str, size: Value, values: Value, parameters: Value| {
        let (number, tool) = (records.len(), if stack.is_kernel() { "iperf3" } else { "linerate" });
        let end = json!({ "cores": 1.0, "cycles_per_frame": 100.0 });
        let record = json!({
            "schema": 1, "id": format!("{stack}-{number}"), "time": "2026-03-01T12:00:00Z", "pair": { "from": from, "to": to },
            "stack": stack.name(), "tool": { "name": tool, "version": "1" }, "metric": metric, "method": method, "size": size,
            "values": values, "parameters": parameters, "cpu": { "sender": end, "receiver": end },
            "verdict": { "state": "valid", "reasons": [] }
        });
        records.push(serde_json::from_value(record).unwrap());
    };
    for pair in PAIRS {
        for bytes in [64, 256, 1024] {
            let rate = f64::from(bytes) * 1e6;
            let values = json!({
                "forwarding_pps": 1e6, "l1_bps": rate * 8.4, "l2_bps": rate * 8.0, "goodput_bps": rate * 7.0, "loss_ratio": 0.01,
                "loss": { "unsent": 0, "nic_discard": 0, "no_descriptor": 0, "no_mbuf": 0, "lost": 9, "duplicate": 0, "reordered": 0,
                          "corrupt": 0, "foreign": 0 },
                "frames_sent": 900, "frames_received": 891
            });
            let method = if stack.is_kernel() { "stream" } else { "mrr" };
            add(pair, "throughput", method, size(bytes), values.clone(), json!({}));
            if !stack.is_kernel() {
                add(pair, "throughput", method, size(bytes), values, json!({ "sender_queues": 2, "receiver_queues": 2 }));
            }
        }
        let rtt = json!({ "min": 1e3, "p50": 2e3, "p90": 3e3, "p99": 4e3, "p999": 5e3, "max": 9e3, "mean": 2.5e3, "count": 1000,
                          "histogram": "raw/rtt.hdr" });
        add(pair, "latency", "ping-pong", size(64), json!({ "rtt_ns": rtt }), json!({ "reflector_residence_ns": { "p50": 500.0 } }));
        let measured = json!({
            "kind": "back-to-back", "search": null, "not_applicable": null, "bursts": [100, 200], "frames": null, "burst_rate_pps": 1e6,
            "throughput_pps": null, "implied_buffer_time_s": null, "corrected_buffer_time_s": null, "corrected_buffer_frames": null,
            "max_burst": 100_000, "min_step": 16
        });
        add(pair, "back-to-back", "back-to-back", size(64), json!({}), json!({ "preset": "quick", "measured": measured }));
    }
    records
}

fn archive(directory: &Path, stack: Stack) -> Archive {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    (0..1000).for_each(|_| histogram.record(2_000).unwrap());
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
    std::fs::create_dir_all(directory.join("raw")).unwrap();
    std::fs::write(directory.join("raw/rtt.hdr"), base64::engine::general_purpose::STANDARD.encode(bytes)).unwrap();
    let mut records = records_of(stack);
    // Ratios need both sides.
    for other in [Stack::REFERENCE_BYPASS, Stack::REFERENCE_KERNEL] {
        if other != stack {
            records.extend(records_of(other));
        }
    }
    Archive::of_records(records, directory)
}

fn section<'p>(page: &'p Page, id: &str) -> Option<&'p Section> {
    page.sections.iter().find(|section| section.id == id)
}

/// Whether a section draws the stack: as a series of its name, or as figures that are named after it.
fn draws(page: &Page, id: &str, stack: Stack) -> bool {
    let names = |figure: &Figure| figure.series.iter().any(|s| s.name.starts_with(stack.label())) || is_named_after(figure, stack);
    section(page, id).is_some_and(|section| section.figures.iter().any(names))
}

/// Figures of the reference bypass carry no name of a stack.
fn is_named_after(figure: &Figure, stack: Stack) -> bool {
    let others = || Stack::ALL.iter().filter(|other| **other != Stack::REFERENCE_BYPASS);
    match stack == Stack::REFERENCE_BYPASS {
        true => others().all(|other| !figure.id.ends_with(other.name()) && !figure.title.starts_with(other.label())),
        false => figure.id.ends_with(stack.name()) && figure.title.starts_with(stack.label()),
    }
}

fn has_row(page: &Page, id: &str, stack: Stack) -> bool {
    let rows = section(page, id).into_iter().flat_map(|section| &section.tables).flat_map(|captioned| &captioned.table.rows);
    rows.into_iter().any(|row| row.iter().any(|cell| cell == stack.label() || cell.ends_with(&format!("({})", stack.label()))))
}

/// Whether a part of the report shows the stack.
fn shows(page: &Page, summary: &str, view: ReportView, stack: Stack) -> bool {
    let title = |name: &str| summary.split("\n\n").any(|part| part.lines().nth(1).is_some_and(|line| line.contains(name)));
    let procedure = |figures: &str| section(page, figures).is_some_and(|s| s.figures.iter().any(|f| is_named_after(f, stack)));
    let reference = stack == Stack::REFERENCE_BYPASS;
    match view {
        ReportView::Throughput => draws(page, "application-view", stack) && (stack.is_kernel() || draws(page, "frame-view", stack)),
        ReportView::Plateau => has_row(page, "application-view", stack),
        ReportView::Ratio => {
            page.analysis.ratios.iter().any(|r| r.kernel_stack == stack)
                && page.analysis.latency_ratios.iter().any(|r| r.kernel_stack == stack)
        }
        ReportView::RoundTrips => draws(page, "latency", stack),
        ReportView::Percentiles => {
            draws(page, "percentiles", stack) && !stack.is_kernel() && (reference || has_row(page, "latency", stack))
        }
        ReportView::Loss => !stack.is_kernel() && draws(page, "loss", stack) && (reference || has_row(page, "loss", stack)),
        ReportView::Procedures => !stack.is_kernel() && procedure("back-to-back") && (reference || has_row(page, "procedures", stack)),
        ReportView::Cost => draws(page, "cost", stack) && has_row(page, "cost", stack),
        ReportView::Effects => section(page, "effects").is_some_and(|s| s.lead.iter().any(|line| line.starts_with(stack.label()))),
        ReportView::Tuning => page.analysis.tunings.iter().any(|t| t.measurement.stack == stack) && procedure("tuning"),
        ReportView::SummaryThroughput => title(stack.label()),
        ReportView::SummaryRoundTrips => title(&format!("{} mean", stack.short_label())) || title(&format!("{} p50", stack.short_label())),
    }
}

#[test]
fn every_stack_of_the_table_is_in_its_views_and_in_no_other() {
    for &stack in Stack::ALL {
        let directory = tempfile::tempdir().unwrap();
        let archive = archive(directory.path(), stack);
        let page = compose::compose(&archive, &[]);
        let summary = terminal::summary(&archive, 400);
        for view in VIEWS {
            assert_eq!(shows(&page, &summary, view, stack), stack.is_in(view), "{stack} in {view:?}\n{summary}");
        }
    }
}
