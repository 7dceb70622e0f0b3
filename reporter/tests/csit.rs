//! `export.csit.jsonl`: test cases of CSIT's result model. With LINERATE_CSIT, the path of a checkout of FD.io CSIT, each is also held against
//! CSIT's own schema.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod python;
mod synthetic;

use std::path::Path;

use reporter::record::{Record, State};
use reporter::render::{Export, render_run_with};
use serde_json::{Value, json};
use synthetic::procedures::{record, regular, search};
use synthetic::{Truth, records};

const SCRIPT: &str = r#"
import json, sys, jsonschema, yaml
schema = yaml.safe_load(open(sys.argv[1]))
validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
count = 0
for line in open(sys.argv[2]):
    validator.validate(json.loads(line))
    count += 1
print(count)
"#;

/// What a run has, and a search whose goals have CSIT's loss ratios.
fn run(directory: &Path) -> (Vec<Record>, Vec<Value>) {
    let mut list = records(&Truth { invalid: 0.05, failed: 0.02, ..Truth::lab(7) });
    let mut goals = vec![regular("NDR", 7e5, 7.1e5), regular("PDR", 8e5, 8.2e5)];
    goals[1]["goal"]["loss-ratio"] = json!(0.005);
    let mut found = record(9000, "ndr-pdr", 64, search(goals));
    found.verdict.reasons.clear();
    let mut rates = record(9001, "mrr", 64, json!({ "kind": "mrr", "rates_pps": [1e6, 3e6], "rate": null, "offered_pps": 4e6 }));
    rates.verdict.reasons.clear();
    list.extend([found, rates]);
    let archive = synthetic::archive(&directory.join("run"), &list);
    render_run_with(&archive, &[Export::Csit], directory).unwrap();
    let text = std::fs::read_to_string(directory.join("export.csit.jsonl")).unwrap();
    (archive.records, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn mrr_searches_and_kernel_streams_become_test_cases_with_their_values() {
    let directory = tempfile::tempdir().unwrap();
    let (records, cases) = run(directory.path());
    let fits = |record: &&Record| matches!(record.method.as_str(), "mrr" | "stream" | "ndr-pdr");
    let fitting: Vec<&Record> = records.iter().filter(fits).collect();
    assert!(fitting.len() == cases.len() && fitting.len() < records.len(), "{} {}", fitting.len(), cases.len());
    for (record, case) in fitting.iter().zip(&cases) {
        let result = &case["result"];
        let passed = record.verdict.state == State::Valid;
        assert_eq!((case["passed"].as_bool(), case["message"] == ""), (Some(passed), passed), "{case}");
        assert_eq!((case["version"].as_str(), case["duration"].as_f64()), (Some("1.5.1"), Some(record.duration_s.unwrap_or(0.0))));
        assert_eq!(case["hosts"], json!([record.pair.from, record.pair.to]));
        match record.method.as_str() {
            _ if !passed => assert_eq!(*result, json!({ "type": "unknown" })),
            "stream" => assert_eq!(result["bandwidth"]["value"].as_f64(), record.values.goodput_bps.map(f64::from)),
            "mrr" if record.id.0 == "r09001" => {
                let rate = json!({ "values": [1e6, 3e6], "avg": 2e6, "stdev": 1e6, "unit": "pps" });
                assert_eq!(result["receive_rate"]["rate"], rate);
            }
            "mrr" => assert_eq!(result["receive_rate"]["rate"]["avg"].as_f64(), record.values.forwarding_pps.map(f64::from)),
            _ => {
                assert_eq!((&result["ndr"]["lower"]["rate"]["value"], &result["pdr"]["lower"]["rate"]["value"]), (&json!(7e5), &json!(8e5)))
            }
        }
    }
    assert!(cases.iter().any(|case| case["passed"] == false), "a run with invalid records");
    let mut ids: Vec<&str> = cases.iter().map(|case| case["test_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), cases.len());
}

#[test]
fn each_test_case_is_valid_by_csits_schema() {
    let Some(checkout) = std::env::var_os("LINERATE_CSIT") else {
        println!("skipped: LINERATE_CSIT is not the path of a checkout of FD.io CSIT");
        return;
    };
    let Some(python) = python::python_with("jsonschema", &["jsonschema", "pyyaml"]) else { return };
    let directory = tempfile::tempdir().unwrap();
    let (_, cases) = run(directory.path());
    let schema = Path::new(&checkout).join("resources/model_schema/test_case.schema.yaml");
    let file = directory.path().join("export.csit.jsonl");
    let checked = python::run(&python, SCRIPT, &[schema.to_str().unwrap(), file.to_str().unwrap()]);
    println!("{} test cases are valid by CSIT's schema", checked.trim());
    assert_eq!(checked.trim().parse(), Ok(cases.len()));
}
