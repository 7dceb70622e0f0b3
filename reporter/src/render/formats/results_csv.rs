//! `results.csv`: one line a record, flat columns, base units.

use crate::analysis::Configuration;
use crate::record::{LossDomains, Record};

use super::{ExportError, Exporter, Report, escape};

/// A column's name and what stands in it.
type Column = (&'static str, fn(&Record) -> String);

const COLUMNS: &[Column] = &[
    ("id", |r| r.id.0.clone()),
    ("time", |r| r.time.to_string()),
    ("from", |r| r.pair.from.0.clone()),
    ("to", |r| r.pair.to.0.clone()),
    ("stack", |r| r.stack.name().to_owned()),
    ("tool", |r| r.tool.name.clone()),
    ("tool_version", |r| r.tool.version.clone()),
    ("metric", |r| kebab(&r.metric)),
    ("method", |r| r.method.clone()),
    ("view", |r| r.view.as_ref().map(kebab).unwrap_or_default()),
    ("size_kind", |r| kebab(&r.size.kind)),
    ("size_bytes", |r| r.size.bytes.to_string()),
    ("load", |r| r.load.clone().unwrap_or_default()),
    ("configuration", |r| Configuration::of(r).to_string()),
    ("repetition", |r| r.repetition.to_string()),
    ("duration_s", |r| number(r.duration_s)),
    ("verdict", |r| r.verdict.state.to_string()),
    ("reasons", |r| r.verdict.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    ("forwarding_pps", |r| number(r.values.forwarding_pps)),
    ("offered_pps", |r| number(r.values.offered_pps)),
    ("l1_bps", |r| number(r.values.l1_bps)),
    ("l2_bps", |r| number(r.values.l2_bps)),
    ("goodput_bps", |r| number(r.values.goodput_bps)),
    ("loss_ratio", |r| r.values.loss_ratio.map(|l| l.ratio().to_string()).unwrap_or_default()),
    ("rtt_min_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.min))),
    ("rtt_p50_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.p50))),
    ("rtt_p90_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.p90))),
    ("rtt_p99_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.p99))),
    ("rtt_p999_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.p999))),
    ("rtt_p9999_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.p9999))),
    ("rtt_max_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.max))),
    ("rtt_mean_ns", |r| number(r.values.rtt_ns.as_ref().and_then(|t| t.mean))),
    ("rtt_count", |r| count(r.values.rtt_ns.as_ref().and_then(|t| t.count))),
    ("one_way_min_ns", |r| number(r.values.one_way_ns.as_ref().and_then(|t| t.min))),
    ("one_way_p50_ns", |r| number(r.values.one_way_ns.as_ref().and_then(|t| t.p50))),
    ("one_way_p99_ns", |r| number(r.values.one_way_ns.as_ref().and_then(|t| t.p99))),
    ("one_way_p999_ns", |r| number(r.values.one_way_ns.as_ref().and_then(|t| t.p999))),
    ("one_way_max_ns", |r| number(r.values.one_way_ns.as_ref().and_then(|t| t.max))),
    ("frames_sent", |r| count(r.values.frames_sent)),
    ("frames_received", |r| count(r.values.frames_received)),
    ("loss_unsent", |r| domain(r, |l| l.unsent)),
    ("loss_nic_discard", |r| domain(r, |l| l.nic_discard)),
    ("loss_no_descriptor", |r| domain(r, |l| l.no_descriptor)),
    ("loss_no_mbuf", |r| domain(r, |l| l.no_mbuf)),
    ("loss_lost", |r| domain(r, |l| l.lost)),
    ("loss_duplicate", |r| domain(r, |l| l.duplicate)),
    ("loss_reordered", |r| domain(r, |l| l.reordered)),
    ("loss_corrupt", |r| domain(r, |l| l.corrupt)),
    ("loss_foreign", |r| domain(r, |l| l.foreign)),
    ("retransmits", |r| count(r.values.retransmits)),
    ("wire_bytes_per_frame", |r| number(r.values.wire_bytes_per_frame)),
    ("ceiling_kind", |r| r.ceiling.as_ref().map(|c| kebab(&c.kind)).unwrap_or_default()),
    ("ceiling_l1_bps", |r| number(r.ceiling.as_ref().and_then(|c| c.l1_bps))),
    ("ceiling_goodput_bps", |r| number(r.ceiling.as_ref().and_then(|c| c.goodput_bps))),
    ("sender_cores", |r| number(r.cpu.as_ref().and_then(|c| c.sender.as_ref()).and_then(|e| e.cores))),
    ("receiver_cores", |r| number(r.cpu.as_ref().and_then(|c| c.receiver.as_ref()).and_then(|e| e.cores))),
    ("sender_cycles_per_frame", |r| number(r.cpu.as_ref().and_then(|c| c.sender.as_ref()).and_then(|e| e.cycles_per_frame))),
    ("receiver_cycles_per_frame", |r| number(r.cpu.as_ref().and_then(|c| c.receiver.as_ref()).and_then(|e| e.cycles_per_frame))),
    ("raw", |r| r.raw.clone().unwrap_or_default()),
    ("command", |r| r.tool.commands.join("; ")),
];

/// The records for spreadsheets and scripts.
pub struct ResultsCsv;

impl Exporter<Report<'_>> for ResultsCsv {
    fn name(&self, _: &Report<'_>) -> String {
        "results".to_owned()
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn export(&self, report: &Report<'_>) -> Result<Vec<u8>, ExportError> {
        Ok(table(&report.archive.records).into_bytes())
    }
}

/// The whole file, with a header line.
fn table(records: &[Record]) -> String {
    let mut csv = COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    csv.push('\n');
    for record in records {
        for (index, (_, column)) in COLUMNS.iter().enumerate() {
            if index > 0 {
                csv.push(',');
            }
            csv.push_str(&escape::csv_cell(&column(record)));
        }
        csv.push('\n');
    }
    csv
}

fn number<T: Into<f64>>(value: Option<T>) -> String {
    value.map(|v| v.into().to_string()).unwrap_or_default()
}

fn count(value: Option<u64>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

fn domain(record: &Record, pick: fn(&LossDomains) -> u64) -> String {
    record.values.loss.as_ref().map(|loss| pick(loss).to_string()).unwrap_or_default()
}

/// The name that the type has in JSON.
fn kebab<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
