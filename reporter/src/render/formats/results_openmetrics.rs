use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write;
use std::rc::Rc;

use crate::analysis::Configuration;
use crate::record::{Record, State, json_name};

use super::{ExportError, Exporter, Report};

/// `results.prom`: every result as a gauge in OpenMetrics text 1.0, for Prometheus (textfile collector) and Grafana. Written after the run;
/// nothing listens. There are no time stamps on samples, because the textfile collector refuses them: `linerate_record_time_seconds` has them.
pub struct ResultsOpenMetrics;

/// A quantile, where there are several, and a value in the family's unit.
type Sample = (Option<&'static str>, Option<f64>);

/// The samples of a record in a family; those without a value are not written.
type Samples = [Sample; 6];

/// One sample without a quantile.
const fn one(value: Option<f64>) -> Samples {
    const NONE: Sample = (None, None);
    [(None, value), NONE, NONE, NONE, NONE, NONE]
}

/// A metric family: name without the common prefix, unit (the name's last part), what it is, and its samples of a record.
struct Family {
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    samples: fn(&Record) -> Samples,
}

/// All families in their order.
const FAMILIES: &[Family] = &[
    Family {
        name: "forwarding_rate_frames_per_second",
        unit: "frames_per_second",
        help: "Frames a second that arrived.",
        samples: |r| one(r.values.forwarding_pps.map(f64::from)),
    },
    Family {
        name: "offered_rate_frames_per_second",
        unit: "frames_per_second",
        help: "Frames a second that were sent.",
        samples: |r| one(r.values.offered_pps.map(f64::from)),
    },
    Family {
        name: "layer1_rate_bits_per_second",
        unit: "bits_per_second",
        help: "Received rate with preamble and gap.",
        samples: |r| one(r.values.l1_bps.map(f64::from)),
    },
    Family {
        name: "goodput_bits_per_second",
        unit: "bits_per_second",
        help: "Received payload.",
        samples: |r| one(r.values.goodput_bps.map(f64::from)),
    },
    Family {
        name: "transfer_seconds",
        unit: "seconds",
        help: "Time of a file's transfer, from the connection to the last byte.",
        samples: |r| one(r.values.transfer_s),
    },
    Family { name: "handshake_seconds", unit: "seconds", help: "Time of the TLS handshake.", samples: |r| one(r.values.handshake_s) },
    Family { name: "loss_ratio", unit: "ratio", help: "Lost of sent.", samples: |r| one(r.values.loss_ratio.map(|loss| loss.ratio())) },
    Family {
        name: "rtt_seconds",
        unit: "seconds",
        help: "Percentiles of the round trip.",
        samples: |r| {
            let of = |pick: fn(&crate::record::RttSummary) -> Option<f64>| r.values.rtt_ns.as_ref().and_then(pick).map(|ns| ns / 1e9);
            [
                (Some("0"), of(|r| r.min)),
                (Some("0.5"), of(|r| r.p50)),
                (Some("0.9"), of(|r| r.p90)),
                (Some("0.99"), of(|r| r.p99)),
                (Some("0.999"), of(|r| r.p999)),
                (Some("1"), of(|r| r.max)),
            ]
        },
    },
    Family {
        name: "rtt_mean_seconds",
        unit: "seconds",
        help: "Mean round trip.",
        samples: |r| one(r.values.rtt_ns.as_ref().and_then(|rtt| rtt.mean).map(|ns| ns / 1e9)),
    },
    Family {
        name: "record_valid",
        unit: "",
        help: "1 where the measurement is valid, else 0.",
        samples: |r| one(Some(if r.verdict.state == State::Valid { 1.0 } else { 0.0 })),
    },
    Family {
        name: "record_time_seconds",
        unit: "seconds",
        help: "When the measurement ended, since 1970-01-01 UTC.",
        samples: |r| one(Some(r.time.as_millisecond() as f64 / 1e3)),
    },
];

impl Exporter<Report<'_>> for ResultsOpenMetrics {
    fn name(&self, _: &Report<'_>) -> String {
        "results".to_owned()
    }

    fn extension(&self) -> &'static str {
        "prom"
    }

    fn export(&self, report: &Report<'_>, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        let run_name = report.archive.name();
        let run = escaped(&run_name);
        let shared = shared_labels(&report.archive.records);
        for family in FAMILIES {
            let name = format!("linerate_{}", family.name);
            writeln!(into, "# TYPE {name} gauge")?;
            if !family.unit.is_empty() {
                writeln!(into, "# UNIT {name} {}", family.unit)?;
            }
            writeln!(into, "# HELP {name} {}", family.help)?;
            for (record, shared) in report.archive.records.iter().zip(&shared) {
                let samples = (family.samples)(record)
                    .into_iter()
                    .filter_map(|(quantile, value)| Some((quantile, value.filter(|value| value.is_finite())?)));
                let mut samples = samples.peekable();
                // Most records have no value in most families: nothing is made ready for these.
                if samples.peek().is_none() {
                    continue;
                }
                let (id, repetition, verdict) = (escaped(&record.id.0), record.repetition, record.verdict.state);
                for (quantile, value) in samples {
                    write!(into, "{name}{{run=\"{run}\",id=\"{id}\",{shared},repetition=\"{repetition}\",verdict=\"{verdict}\"")?;
                    match quantile {
                        Some(quantile) => writeln!(into, ",quantile=\"{quantile}\"}} {value}")?,
                        None => writeln!(into, "}} {value}")?,
                    }
                }
            }
        }
        Ok(into.write_all(b"# EOF\n")?)
    }
}

/// The labels of each record that repetitions share: they are kept once. The id makes each whole set of labels unique.
fn shared_labels(records: &[Record]) -> Vec<Rc<str>> {
    let mut known: HashSet<Rc<str>> = HashSet::new();
    let shared = records.iter().map(|record| {
        let labels = labels(record);
        if let Some(labels) = known.get(labels.as_str()) {
            return Rc::clone(labels);
        }
        let labels: Rc<str> = labels.into();
        known.insert(Rc::clone(&labels));
        labels
    });
    shared.collect()
}

fn labels(record: &Record) -> String {
    let labels = [
        ("from", record.pair.from.0.clone()),
        ("to", record.pair.to.0.clone()),
        ("stack", record.stack.name().to_owned()),
        ("tool", record.tool.name.clone()),
        ("metric", json_name(&record.metric).unwrap_or_default()),
        ("method", record.method.clone()),
        ("size_kind", json_name(&record.size.kind).unwrap_or_default()),
        ("size_bytes", record.size.bytes.to_string()),
        ("load", record.load.clone().unwrap_or_default()),
        ("configuration", Configuration::of(record).to_string()),
    ];
    // Only where there is one, so that the series of pairs that were measured alone keep their labels.
    let group = record.group().map(|group| ("group", group.members.to_string()));
    let texts = labels.into_iter().chain(group).map(|(name, value)| format!("{name}=\"{}\"", escaped(&value)));
    texts.collect::<Vec<_>>().join(",")
}

/// A label's value: backslash, quotation mark and line feed are escaped (OpenMetrics 1.0, "ABNF").
fn escaped(value: &str) -> Cow<'_, str> {
    // All three are ASCII: no byte of another character is equal to one of them.
    if !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
