use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Map, Value, json};

use crate::analysis::Configuration;
use crate::archive::Digest;
use crate::record::{Metric, Record, State, json_name};

use super::{ExportError, Exporter, Report};

/// The version of the common data model: that of crucible's own documents (perftool-incubator/rickshaw, `rickshaw-gen-docs.py`).
const VERSION: &str = "v9dev";

/// What all documents call the program that measured.
const SOURCE: &str = "linerate";

/// The only period of a sample.
const PERIOD: &str = "measurement";

/// A metric of the model: its type, its class, whether larger values add up (`throughput`) or are averaged (`count`), and its value of a record.
type CdmMetric = (&'static str, &'static str, fn(&Record) -> Option<f64>);

const METRICS: &[CdmMetric] = &[
    ("frames-sec", "throughput", |r| r.values.forwarding_pps.map(f64::from)),
    ("offered-frames-sec", "throughput", |r| r.values.offered_pps.map(f64::from)),
    ("goodput-bits-sec", "throughput", |r| r.values.goodput_bps.map(f64::from)),
    ("loss-ratio", "count", |r| r.values.loss_ratio.map(|loss| loss.ratio())),
    ("round-trip-usec", "count", |r| r.values.rtt_ns.as_ref().and_then(|rtt| rtt.p50.or(rtt.mean)).map(|ns| ns / 1e3)),
    ("p99-round-trip-usec", "count", |r| r.values.rtt_ns.as_ref()?.p99.map(|ns| ns / 1e3)),
    ("transfer-sec", "count", |r| r.values.transfer_s),
];

/// `export.cdm.ndjson`: the run as documents of crucible's common data model, in the form that OpenSearch's bulk interface takes. A run is a run, a
/// measurement with its settings is an iteration, and a repetition is a sample. Only valid records have values.
pub struct ExportCdm;

impl Exporter<Report<'_>> for ExportCdm {
    fn name(&self, _: &Report<'_>) -> String {
        "export.cdm".to_owned()
    }

    fn extension(&self) -> &'static str {
        "ndjson"
    }

    fn export(&self, report: &Report<'_>, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        let Some(run) = Run::of(&report.archive.name(), &report.archive.records) else { return Ok(()) };
        let mut documents = Documents { month: run.month, into };
        let of_run = json!({ "cdm": { "ver": VERSION }, "run": run.document });
        documents.add("run", of_run.clone())?;
        for (number, iteration) in iterations(&report.archive.records).into_iter().enumerate() {
            iteration_documents(&mut documents, &of_run, &run.name, number + 1, &iteration)?;
        }
        Ok(())
    }
}

/// What the documents of a run share.
struct Run {
    name: String,
    document: Value,
    month: String,
}

impl Run {
    fn of(name: &str, records: &[Record]) -> Option<Run> {
        let begin = records.iter().map(begin).min()?;
        let end = records.iter().map(|record| record.time.as_millisecond()).max()?;
        let first = jiff::Timestamp::from_millisecond(begin).ok()?;
        let name = format!("{name} {first}");
        let document = json!({ "run-uuid": uuid(&name), "harness": SOURCE, "benchmark": SOURCE, "name": name, "begin": begin, "end": end });
        Some(Run { name, document, month: first.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y.%m").to_string() })
    }
}

/// Documents in the form of the bulk interface: a line that names the index, and a line with the document.
struct Documents<'w> {
    month: String,
    into: &'w mut (dyn Write + Send),
}

impl Documents<'_> {
    fn add(&mut self, kind: &str, document: Value) -> Result<(), ExportError> {
        // The space is part of what crucible's indexer looks for (CommonDataModel, `add-run-worker.js`).
        writeln!(self.into, "{{\"index\": {{\"_index\": \"cdm-{VERSION}-{kind}@{}\"}}}}", self.month)?;
        serde_json::to_writer(&mut *self.into, &document)?;
        Ok(self.into.write_all(b"\n")?)
    }
}

/// The settings of a measurement, by the name of the parameter, and its records.
type Iteration<'a> = (BTreeMap<&'static str, String>, Vec<&'a Record>);

/// Records by their settings, in the order of the first record of each.
fn iterations(records: &[Record]) -> Vec<Iteration<'_>> {
    let mut places = BTreeMap::new();
    let mut iterations: Vec<Iteration<'_>> = Vec::new();
    for record in records {
        let parameters = parameters(record);
        let place = *places.entry(parameters.clone()).or_insert(iterations.len());
        if place == iterations.len() {
            iterations.push((parameters, Vec::new()));
        }
        iterations[place].1.push(record);
    }
    iterations
}

fn parameters(record: &Record) -> BTreeMap<&'static str, String> {
    [
        ("from", record.pair.from.0.clone()),
        ("to", record.pair.to.0.clone()),
        ("stack", record.stack.name().to_owned()),
        ("tool", record.tool.name.clone()),
        ("metric", json_name(&record.metric).unwrap_or_default()),
        ("method", record.method.clone()),
        ("size-kind", json_name(&record.size.kind).unwrap_or_default()),
        ("size", record.size.bytes.to_string()),
        ("load", record.load.clone().unwrap_or_default()),
        ("configuration", Configuration::of(record).to_string()),
        ("group", record.group().map(|group| group.members.to_string()).unwrap_or_default()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn iteration_documents(
    documents: &mut Documents,
    of_run: &Value,
    run: &str,
    number: usize,
    (parameters, records): &Iteration<'_>,
) -> Result<(), ExportError> {
    let id = uuid(&format!("{run} iteration {number}"));
    let passed = records.iter().any(|record| record.verdict.state == State::Valid);
    let mut base = of_run.clone();
    base["iteration"] = json!({ "iteration-uuid": id, "num": number, "status": status(passed), "primary-period": PERIOD });
    if let Some(primary) = records.iter().find_map(|record| primary(record)) {
        base["iteration"]["primary-metric"] = Value::from(format!("{SOURCE}::{primary}"));
    }
    documents.add("iteration", base.clone())?;
    for (name, value) in parameters {
        documents.add("param", with(&base, "param", json!({ "arg": name, "val": value })))?;
    }
    for (place, record) in records.iter().enumerate() {
        sample_documents(documents, &base, &format!("{run} record {}", record.id), place + 1, record)?;
    }
    Ok(())
}

fn sample_documents(documents: &mut Documents, base: &Value, record_name: &str, number: usize, record: &Record) -> Result<(), ExportError> {
    let valid = record.verdict.state == State::Valid;
    let sample = json!({ "sample-uuid": uuid(record_name), "num": number, "status": status(valid) });
    let base = with(base, "sample", sample);
    documents.add("sample", base.clone())?;
    if !valid {
        return Ok(());
    }
    let (begin, end) = (begin(record), record.time.as_millisecond());
    let period = json!({ "period-uuid": uuid(&format!("{record_name} period")), "name": PERIOD, "begin": begin, "end": end });
    let base = with(&base, "period", period);
    documents.add("period", base.clone())?;
    // Names of breakouts are a closed list in the model (CommonDataModel, `cdm.js`, "indexDefs"): these are some of them.
    let mut names = Map::new();
    for (name, value) in [("src", &record.pair.from.0), ("dst", &record.pair.to.0), ("protocol", &record.stack.name().to_owned())] {
        names.insert(name.to_owned(), Value::from(value.as_str()));
    }
    let list: Vec<String> = names.keys().cloned().collect();
    for (kind, class, of) in METRICS {
        let Some(value) = of(record).filter(|value| value.is_finite()) else { continue };
        let id = uuid(&format!("{record_name} {kind}"));
        let description =
            json!({ "metric_desc-uuid": id, "source": SOURCE, "class": class, "type": kind, "names": names, "names-list": list });
        documents.add("metric_desc", with(&base, "metric_desc", description))?;
        let data = json!({ "value": value, "begin": begin, "end": end, "duration": end - begin + 1 });
        let of = json!({
            "cdm": { "ver": VERSION }, "run": { "run-uuid": base["run"]["run-uuid"] },
            "metric_desc": { "metric_desc-uuid": id }, "metric_data": data,
        });
        documents.add("metric_data", of)?;
    }
    Ok(())
}

/// The metric that a record is about.
fn primary(record: &Record) -> Option<&'static str> {
    let wanted: &[&str] = match record.metric {
        Metric::Latency | Metric::DelayVariation => &["round-trip-usec"],
        Metric::FrameLoss => &["loss-ratio"],
        Metric::TransferTime => &["transfer-sec"],
        Metric::Throughput | Metric::BackToBack | Metric::Recovery | Metric::Reset => &["frames-sec", "goodput-bits-sec"],
    };
    let has = |kind: &&str| METRICS.iter().any(|(name, _, of)| name == kind && of(record).is_some());
    wanted.iter().copied().find(has)
}

fn with(base: &Value, kind: &str, document: Value) -> Value {
    let mut whole = base.clone();
    whole[kind] = document;
    whole
}

fn status(passed: bool) -> &'static str {
    if passed { "pass" } else { "fail" }
}

/// When the measurement began, in milliseconds.
fn begin(record: &Record) -> i64 {
    let seconds = record.duration_s.filter(|seconds| seconds.is_finite() && *seconds >= 0.0).unwrap_or(0.0);
    record.time.as_millisecond().saturating_sub((seconds * 1e3) as i64)
}

/// An identifier of version 8 (RFC 9562), from a SHA-256: the same run gives the same bytes.
fn uuid(name: &str) -> String {
    let hash = Digest::of(name.as_bytes());
    let digits = hash.as_str();
    // The variant is in the two highest bits of a digit: 8 to b.
    let variant = match digits.as_bytes().get(16) {
        Some(b'0' | b'4' | b'8' | b'c') => '8',
        Some(b'1' | b'5' | b'9' | b'd') => '9',
        Some(b'2' | b'6' | b'a' | b'e') => 'a',
        _ => 'b',
    };
    format!("{}-{}-8{}-{variant}{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_a_uuid_of_version_8() {
        let id = uuid("run");
        assert_eq!(id, uuid("run"));
        assert_ne!(id, uuid("run 2"));
        let parts: Vec<&str> = id.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('8') && "89ab".contains(&parts[3][..1]), "{id}");
    }
}
