//! The flat columns of `results.csv` and `results.parquet`: one row a record, base units. A new column is one line of [`COLUMNS`].

use jiff::Timestamp;

use crate::analysis::Configuration;
use crate::record::{EndCost, LossDomains, Record, RttSummary, json_name};

/// A column: its name, which stays the same between versions, and what it holds.
pub type Column = (&'static str, ColumnValues);

/// How a record's value is read, by the type of the value. None is "not measured", which is not zero.
#[derive(Clone, Copy)]
pub enum ColumnValues {
    /// A moment.
    Time(fn(&Record) -> Timestamp),
    /// Names, sentences, commands.
    Text(fn(&Record) -> Option<String>),
    /// What is measured.
    Number(fn(&Record) -> Option<f64>),
    /// What is counted.
    Count(fn(&Record) -> Option<u64>),
}

use ColumnValues::{Count, Number, Text, Time};

/// All columns in their order.
pub const COLUMNS: &[Column] = &[
    ("id", Text(|r| Some(r.id.0.clone()))),
    ("time", Time(|r| r.time)),
    ("from", Text(|r| Some(r.pair.from.0.clone()))),
    ("to", Text(|r| Some(r.pair.to.0.clone()))),
    ("stack", Text(|r| Some(r.stack.name().to_owned()))),
    ("tool", Text(|r| Some(r.tool.name.clone()))),
    ("tool_version", Text(|r| Some(r.tool.version.clone()))),
    ("metric", Text(|r| json_name(&r.metric))),
    ("method", Text(|r| Some(r.method.clone()))),
    ("view", Text(|r| r.view.as_ref().and_then(json_name))),
    ("size_kind", Text(|r| json_name(&r.size.kind))),
    ("size_bytes", Count(|r| Some(r.size.bytes.into()))),
    ("load", Text(|r| r.load.clone())),
    ("configuration", Text(|r| Some(Configuration::of(r).to_string()))),
    ("repetition", Count(|r| Some(r.repetition.into()))),
    ("duration_s", Number(|r| r.duration_s)),
    ("verdict", Text(|r| Some(r.verdict.state.to_string()))),
    ("reasons", Text(|r| Some(r.verdict.reasons_in_words()).filter(|reasons| !reasons.is_empty()))),
    ("forwarding_pps", Number(|r| r.values.forwarding_pps.map(f64::from))),
    ("offered_pps", Number(|r| r.values.offered_pps.map(f64::from))),
    ("l1_bps", Number(|r| r.values.l1_bps.map(f64::from))),
    ("l2_bps", Number(|r| r.values.l2_bps.map(f64::from))),
    ("goodput_bps", Number(|r| r.values.goodput_bps.map(f64::from))),
    ("transfer_s", Number(|r| r.values.transfer_s)),
    ("handshake_s", Number(|r| r.values.handshake_s)),
    ("loss_ratio", Number(|r| r.values.loss_ratio.map(|l| l.ratio()))),
    ("rtt_min_ns", Number(|r| rtt(r)?.min)),
    ("rtt_p50_ns", Number(|r| rtt(r)?.p50)),
    ("rtt_p90_ns", Number(|r| rtt(r)?.p90)),
    ("rtt_p99_ns", Number(|r| rtt(r)?.p99)),
    ("rtt_p999_ns", Number(|r| rtt(r)?.p999)),
    ("rtt_p9999_ns", Number(|r| rtt(r)?.p9999)),
    ("rtt_max_ns", Number(|r| rtt(r)?.max)),
    ("rtt_mean_ns", Number(|r| rtt(r)?.mean)),
    ("rtt_count", Count(|r| rtt(r)?.count)),
    ("one_way_min_ns", Number(|r| one_way(r)?.min)),
    ("one_way_p50_ns", Number(|r| one_way(r)?.p50)),
    ("one_way_p99_ns", Number(|r| one_way(r)?.p99)),
    ("one_way_p999_ns", Number(|r| one_way(r)?.p999)),
    ("one_way_max_ns", Number(|r| one_way(r)?.max)),
    ("frames_sent", Count(|r| r.values.frames_sent)),
    ("frames_received", Count(|r| r.values.frames_received)),
    ("loss_unsent", Count(|r| Some(domains(r)?.unsent))),
    ("loss_nic_discard", Count(|r| Some(domains(r)?.nic_discard))),
    ("loss_no_descriptor", Count(|r| Some(domains(r)?.no_descriptor))),
    ("loss_no_mbuf", Count(|r| Some(domains(r)?.no_mbuf))),
    ("loss_lost", Count(|r| Some(domains(r)?.lost))),
    ("loss_duplicate", Count(|r| Some(domains(r)?.duplicate))),
    ("loss_reordered", Count(|r| Some(domains(r)?.reordered))),
    ("loss_corrupt", Count(|r| Some(domains(r)?.corrupt))),
    ("loss_foreign", Count(|r| Some(domains(r)?.foreign))),
    ("loss_window_exceeded", Count(|r| Some(domains(r)?.window_exceeded))),
    ("retransmits", Count(|r| r.values.retransmits)),
    ("wire_bytes_per_frame", Number(|r| r.values.wire_bytes_per_frame)),
    ("ceiling_kind", Text(|r| json_name(&r.ceiling.as_ref()?.kind))),
    ("ceiling_l1_bps", Number(|r| r.ceiling.as_ref()?.l1_bps)),
    ("ceiling_goodput_bps", Number(|r| r.ceiling.as_ref()?.goodput_bps)),
    ("sender_cores", Number(|r| sender(r)?.cores)),
    ("receiver_cores", Number(|r| receiver(r)?.cores)),
    ("sender_ns_per_frame", Number(|r| sender(r)?.busy_ns_per_frame())),
    ("receiver_ns_per_frame", Number(|r| receiver(r)?.busy_ns_per_frame())),
    ("sender_cycles_per_frame", Number(|r| sender(r)?.cycles_per_frame)),
    ("receiver_cycles_per_frame", Number(|r| receiver(r)?.cycles_per_frame)),
    ("raw", Text(|r| r.raw.clone())),
    ("command", Text(|r| joined(r.tool.commands.iter().cloned()))),
    ("group", Text(|r| Some(r.group()?.members.to_string()))),
    ("group_id", Text(|r| Some(r.group()?.id))),
    ("group_overlap", Number(|r| Some(r.group()?.overlap))),
    ("group_verdict", Text(|r| Some(r.group()?.verdict.state.to_string()))),
    ("group_sum_forwarding_pps", Number(|r| r.group()?.sum?.forwarding_pps.map(f64::from))),
    ("group_sum_l1_bps", Number(|r| r.group()?.sum?.l1_bps.map(f64::from))),
    ("group_sum_goodput_bps", Number(|r| r.group()?.sum?.goodput_bps.map(f64::from))),
];

fn rtt(record: &Record) -> Option<&RttSummary> {
    record.values.rtt_ns.as_ref()
}

fn one_way(record: &Record) -> Option<&RttSummary> {
    record.values.one_way_ns.as_ref()
}

fn domains(record: &Record) -> Option<&LossDomains> {
    record.values.loss.as_ref()
}

fn sender(record: &Record) -> Option<&EndCost> {
    record.cpu.as_ref()?.sender.as_ref()
}

fn receiver(record: &Record) -> Option<&EndCost> {
    record.cpu.as_ref()?.receiver.as_ref()
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
