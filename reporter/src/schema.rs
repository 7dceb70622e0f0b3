//! The JSON Schema of a line of `results.jsonl`, made from the types. `docs/results.schema.json` is its published form.

use serde_json::Value;

use crate::record::{Record, SchemaVersion};

/// Where the schema is published, so that others can name it.
const SCHEMA_ID: &str = "urn:linerate:results";

/// The schema of one record, of the version that this program writes.
pub fn results_schema() -> Value {
    let mut schema = schemars::schema_for!(Record).to_value();
    if let Some(top) = schema.as_object_mut() {
        top.insert("$id".to_owned(), Value::from(format!("{SCHEMA_ID}:{}", SchemaVersion::CURRENT.number())));
        top.insert("title".to_owned(), Value::from(format!("One line of results.jsonl, {}", SchemaVersion::CURRENT)));
    }
    schema
}
