use std::io::Write;

use jiff::SignedDuration;
use methodology::procedures::Measured;
use methodology::search::GoalResult;
use serde_json::{Value, json};

use crate::record::{Record, Stack, State};

use super::{ExportError, Exporter, Report};

/// The version of CSIT's result model (FD.io CSIT, `resources/model_schema/test_case.schema.yaml`).
const MODEL_VERSION: &str = "1.5.1";

/// The loss ratios of CSIT's goals NDR and PDR.
const NDR: f64 = 0.0;
const PDR: f64 = 0.005;

/// `export.csit.jsonl`: a test case of CSIT's result model for each record that has one: `mrr`, `ndr-pdr` and streams of kernel tools. One object a
/// line; CSIT keeps each in a file of its own.
pub struct ExportCsit;

impl Exporter<Report<'_>> for ExportCsit {
    fn name(&self, _: &Report<'_>) -> String {
        "export.csit".to_owned()
    }

    fn extension(&self) -> &'static str {
        "jsonl"
    }

    fn export(&self, report: &Report<'_>, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        for case in report.archive.records.iter().filter_map(|record| test_case(record, &report.archive.name())) {
            serde_json::to_writer(&mut *into, &case)?;
            into.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// What a record is in CSIT's model; none if the model has no type for it.
fn test_case(record: &Record, run: &str) -> Option<Value> {
    let test_type = test_type(record)?;
    let passed = record.verdict.state == State::Valid;
    // A value that cannot be trusted is not exported: the model has no place for the doubt.
    let result = if passed { result(record)? } else { json!({ "type": "unknown" }) };
    let duration = record.duration_s.filter(|seconds| seconds.is_finite() && *seconds >= 0.0).unwrap_or(0.0);
    let start = record.time.checked_sub(SignedDuration::try_from_secs_f64(duration).ok()?).ok()?;
    let message = match (passed, record.verdict.reasons.is_empty()) {
        (true, _) => String::new(),
        (false, true) => record.verdict.state.to_string(),
        (false, false) => record.verdict.reasons_in_words(),
    };
    let (pair, stack, method) = (&record.pair, record.stack.name(), &record.method);
    let short = word(&format!("{pair}-{stack}-{method}"));
    let long = word(&format!("{}b-{short}-{}", record.size.bytes, record.repetition));
    Some(json!({
        "version": MODEL_VERSION,
        "test_id": word(&format!("linerate.{run}.{long}.{}", record.id)),
        "test_name_short": short,
        "test_name_long": long,
        "test_type": test_type,
        "test_documentation": "",
        "tags": [stack, method, record.size.to_string()],
        "hosts": [pair.from, pair.to],
        // linerate measures a path, and does not know what is in it.
        "dut_type": "none",
        "dut_version": "none",
        "tg_type": record.tool.name,
        "tg_version": if record.tool.version.is_empty() { "unknown" } else { &record.tool.version },
        "start_time": start.to_string(),
        "end_time": record.time.to_string(),
        "duration": duration,
        "telemetry": [],
        "passed": passed,
        "message": message,
        "result": result,
    }))
}

/// The model's type for what a record measured. It has none for a pair that was measured at the same time as others.
fn test_type(record: &Record) -> Option<&'static str> {
    if record.is_concurrent() {
        return None;
    }
    match (record.stack, record.method.as_str()) {
        (Stack::KernelTcp | Stack::KernelUdp, "stream") => Some("hoststack"),
        (_, "mrr") => Some("mrr"),
        (_, "ndr-pdr") => Some("ndrpdr"),
        _ => None,
    }
}

/// The result of a valid record; none if the model cannot hold it, such as a search whose goals are not NDR and PDR, or have no upper bound.
fn result(record: &Record) -> Option<Value> {
    match (test_type(record)?, record.measured()) {
        ("hoststack", _) => stream(record),
        ("mrr", _) => receive_rate(record),
        (_, Some(Measured::NdrPdr(search))) => {
            Some(json!({ "type": "ndrpdr", "ndr": goal(&search.goals, NDR)?, "pdr": goal(&search.goals, PDR)? }))
        }
        _ => None,
    }
}

fn stream(record: &Record) -> Option<Value> {
    let goodput = f64::from(record.values.goodput_bps?);
    let mut result = json!({ "type": "hoststack", "bandwidth": { "value": goodput, "unit": "bps" } });
    if let Some(retransmits) = record.values.retransmits {
        result["retransmits"] = json!({ "value": retransmits, "unit": "packets" });
    }
    if let Some(seconds) = record.duration_s {
        result["duration"] = json!({ "value": seconds, "unit": "s" });
    }
    Some(result)
}

fn receive_rate(record: &Record) -> Option<Value> {
    let values: Vec<f64> = match record.measured() {
        Some(Measured::Mrr(mrr)) if !mrr.rates.is_empty() => mrr.rates.iter().copied().map(f64::from).collect(),
        _ => vec![f64::from(record.values.forwarding_pps?)],
    };
    let count = values.len() as f64;
    let average = values.iter().sum::<f64>() / count;
    // Of the population, as jumpavg computes it (PyPI/jumpavg, AvgStdevStats).
    let deviation = (values.iter().map(|value| (value - average).powi(2)).sum::<f64>() / count).sqrt();
    Some(json!({ "type": "mrr", "receive_rate": { "rate": { "values": values, "avg": average, "stdev": deviation, "unit": "pps" } } }))
}

/// The goal with this loss ratio: CSIT's lower bound is the conditional throughput, and it has no upper bound then.
fn goal(goals: &[GoalResult], loss_ratio: f64) -> Option<Value> {
    let found = goals.iter().find(|result| (result.goal.loss_ratio.ratio() - loss_ratio).abs() < 1e-9)?;
    let rate = f64::from(found.outcome.conditional_throughput()?);
    Some(json!({ "lower": { "rate": { "value": rate, "unit": "pps" } } }))
}

/// Lower-case letters, digits, dots and dashes, as CSIT's names are.
fn word(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    text.replace('→', "-").chars().map(plain).collect()
}
