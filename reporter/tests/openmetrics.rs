//! `results.prom`, read by another program: the parser of prometheus_client.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod python;
mod synthetic;

use reporter::render::render_run;
use serde_json::Value;
use synthetic::{Truth, hostile, records};

/// Prints each sample as name, labels, value; a text that the strict parser refuses ends with its error.
const SCRIPT: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
text = open(sys.argv[1], newline='').read()
families = list(text_string_to_metric_families(text))
samples = [[s.name, s.labels, s.value] for family in families for s in family.samples]
json.dump({"families": [[f.name, f.type, f.unit] for f in families], "samples": samples}, sys.stdout)
"#;

#[test]
fn another_parser_finds_every_value_under_its_labels() {
    let Some(python) = python::python_with("prometheus_client", &["prometheus_client"]) else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut list = records(&Truth { invalid: 0.05, failed: 0.02, link: true, ..Truth::lab(7) });
    let victims: Vec<_> = list.iter().take(6).cloned().map(hostile).collect();
    list.extend(victims);
    let archive = synthetic::archive(&directory.path().join("run"), &list);
    render_run(&archive, directory.path()).unwrap();
    let file = directory.path().join("results.prom");
    let read: Value = serde_json::from_str(&python::run(&python, SCRIPT, &[file.to_str().unwrap()])).unwrap();
    let families = read["families"].as_array().unwrap();
    assert!(families.len() >= 9 && families.iter().all(|family| family[1] == "gauge"), "{families:?}");
    let samples = read["samples"].as_array().unwrap();
    let value = |name: &str, id: &str, quantile: Option<&str>| {
        let of = |s: &&Value| s[0] == name && s[1]["id"] == id && quantile.is_none_or(|q| s[1]["quantile"] == q);
        let found: Vec<_> = samples.iter().filter(of).collect();
        assert!(found.len() <= 1, "{name} {id} twice");
        found.first().and_then(|s| s[2].as_f64())
    };
    for record in &archive.records {
        let id = record.id.0.as_str();
        let values = &record.values;
        assert_eq!(value("linerate_forwarding_rate_frames_per_second", id, None), values.forwarding_pps.map(f64::from));
        assert_eq!(value("linerate_goodput_bits_per_second", id, None), values.goodput_bps.map(f64::from));
        assert_eq!(value("linerate_loss_ratio", id, None), values.loss_ratio.map(|loss| loss.ratio()));
        let median = values.rtt_ns.as_ref().and_then(|rtt| rtt.p50).map(|ns| ns / 1e9);
        assert_eq!(value("linerate_rtt_seconds", id, Some("0.5")), median);
        let valid = record.verdict.state == reporter::record::State::Valid;
        assert_eq!(value("linerate_record_valid", id, None), Some(f64::from(u8::from(valid))));
    }
}
