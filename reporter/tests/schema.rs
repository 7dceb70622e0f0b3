//! The published schema is that of the types, and every record obeys it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod records;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use records::{any_record, record};
use reporter::schema::results_schema;
use serde_json::Value;

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results.schema.json")
}

/// `UPDATE_SCHEMA=1 cargo test -p reporter --test schema` writes the file anew.
#[test]
fn the_published_schema_is_that_of_the_types() {
    let made = format!("{}\n", serde_json::to_string_pretty(&results_schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(published(), &made).unwrap();
    }
    let there = std::fs::read_to_string(published()).unwrap();
    assert!(there == made, "docs/results.schema.json is out of date: run UPDATE_SCHEMA=1 cargo test -p reporter --test schema");
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(published()).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_record_obeys_the_published_schema(records in proptest::collection::vec(any_record(), 1..4)) {
        let validator = validator();
        for record in records {
            let value = serde_json::to_value(&record).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            prop_assert!(errors.is_empty(), "{errors:?}\n{value}");
        }
    }
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let validator = validator();
    let whole = serde_json::to_value(record("x")).unwrap();
    assert!(validator.is_valid(&whole));
    for key in ["schema", "id", "time", "pair", "stack", "tool", "metric", "method", "size", "values", "verdict"] {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&part), "a record without `{key}` must be refused");
    }
    let mut wrong = whole.clone();
    wrong["stack"] = "carrier-pigeon".into();
    assert!(!validator.is_valid(&wrong));
    let mut calibrated = whole.clone();
    let how =
        serde_json::json!({ "state": "disturbed", "detail": "interrupted", "time": "2026-11-22T10:00:00Z", "port": "net_ring0", "cpu": 1 });
    calibrated["parameters"] = serde_json::json!({ "calibration": how, "anything": ["else"] });
    assert!(validator.is_valid(&calibrated), "parameters are free but for what has a shape");
    calibrated["parameters"]["calibration"]["state"] = "splendid".into();
    assert!(!validator.is_valid(&calibrated));
}

/// `docs/results.md` names every key of the format, so that a key cannot be added without a word on it.
#[test]
fn the_document_names_every_key() {
    let text = std::fs::read_to_string(published().with_file_name("results.md")).unwrap();
    let mut keys = Vec::new();
    collect_keys(&results_schema(), &mut keys);
    let missing: Vec<_> = keys.iter().filter(|key| !text.contains(&format!("`{key}`"))).collect();
    assert!(keys.len() > 60, "the walk found only {} keys", keys.len());
    assert!(missing.is_empty(), "docs/results.md does not explain {missing:?}");
}

fn collect_keys(schema: &Value, keys: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| collect_keys(value, keys));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}
