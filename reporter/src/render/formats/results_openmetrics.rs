use std::fmt::Write;

use crate::analysis::Configuration;
use crate::record::{Record, State, json_name};

use super::{ExportError, Exporter, Report};

/// `results.prom`: every result as a gauge in OpenMetrics text 1.0, for Prometheus (textfile collector) and Grafana. Written after the run;
/// nothing listens. There are no time stamps on samples, because the textfile collector refuses them: `linerate_record_time_seconds` has them.
pub struct ResultsOpenMetrics;

/// A quantile, where there are several, and a value in the family's unit.
type Sample = (Option<&'static str>, Option<f64>);

/// A metric family: name without the common prefix, unit (the name's last part), what it is, and its samples of a record.
struct Family {
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    samples: fn(&Record) -> Vec<Sample>,
}

/// All families in their order.
const FAMILIES: &[Family] = &[
    Family {
        name: "forwarding_rate_frames_per_second",
        unit: "frames_per_second",
        help: "Frames a second that arrived.",
        samples: |r| vec![(None, r.values.forwarding_pps.map(f64::from))],
    },
    Family {
        name: "offered_rate_frames_per_second",
        unit: "frames_per_second",
        help: "Frames a second that were sent.",
        samples: |r| vec![(None, r.values.offered_pps.map(f64::from))],
    },
    Family {
        name: "layer1_rate_bits_per_second",
        unit: "bits_per_second",
        help: "Received rate with preamble and gap.",
        samples: |r| vec![(None, r.values.l1_bps.map(f64::from))],
    },
    Family {
        name: "goodput_bits_per_second",
        unit: "bits_per_second",
        help: "Received payload.",
        samples: |r| vec![(None, r.values.goodput_bps.map(f64::from))],
    },
    Family {
        name: "loss_ratio",
        unit: "ratio",
        help: "Lost of sent.",
        samples: |r| vec![(None, r.values.loss_ratio.map(|loss| loss.ratio()))],
    },
    Family {
        name: "rtt_seconds",
        unit: "seconds",
        help: "Percentiles of the round trip.",
        samples: |r| {
            let of = |pick: fn(&crate::record::RttSummary) -> Option<f64>| r.values.rtt_ns.as_ref().and_then(pick).map(|ns| ns / 1e9);
            vec![
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
        samples: |r| vec![(None, r.values.rtt_ns.as_ref().and_then(|rtt| rtt.mean).map(|ns| ns / 1e9))],
    },
    Family {
        name: "record_valid",
        unit: "",
        help: "1 where the measurement is valid, else 0.",
        samples: |r| vec![(None, Some(if r.verdict.state == State::Valid { 1.0 } else { 0.0 }))],
    },
    Family {
        name: "record_time_seconds",
        unit: "seconds",
        help: "When the measurement ended, since 1970-01-01 UTC.",
        samples: |r| vec![(None, Some(r.time.as_millisecond() as f64 / 1e3))],
    },
];

impl Exporter<Report<'_>> for ResultsOpenMetrics {
    fn name(&self, _: &Report<'_>) -> String {
        "results".to_owned()
    }

    fn extension(&self) -> &'static str {
        "prom"
    }

    fn export(&self, report: &Report<'_>) -> Result<Vec<u8>, ExportError> {
        let run = report.archive.name();
        let labels: Vec<String> = report.archive.records.iter().map(|record| labels(&run, record)).collect();
        let mut text = String::new();
        for family in FAMILIES {
            let name = format!("linerate_{}", family.name);
            let _ = writeln!(text, "# TYPE {name} gauge");
            if !family.unit.is_empty() {
                let _ = writeln!(text, "# UNIT {name} {}", family.unit);
            }
            let _ = writeln!(text, "# HELP {name} {}", family.help);
            for (record, labels) in report.archive.records.iter().zip(&labels) {
                for (quantile, value) in (family.samples)(record) {
                    let Some(value) = value.filter(|value| value.is_finite()) else { continue };
                    let quantile = quantile.map(|quantile| format!(",quantile=\"{quantile}\"")).unwrap_or_default();
                    let _ = writeln!(text, "{name}{{{labels}{quantile}}} {value}");
                }
            }
        }
        text.push_str("# EOF\n");
        Ok(text.into_bytes())
    }
}

/// The id makes each set of labels unique.
fn labels(run: &str, record: &Record) -> String {
    let labels = [
        ("run", run.to_owned()),
        ("id", record.id.0.clone()),
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
        ("repetition", record.repetition.to_string()),
        ("verdict", record.verdict.state.to_string()),
    ];
    labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(&value))).join(",")
}

/// A label's value: backslash, quotation mark and line feed are escaped (OpenMetrics 1.0, "ABNF").
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
