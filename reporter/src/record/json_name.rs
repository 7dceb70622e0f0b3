use serde::Serialize;

/// The text that a value without fields has in results.jsonl, such as `p99` or `frame`; `None` where it is not a text there.
pub(crate) fn json_name<T: Serialize>(value: &T) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Some(name),
        _ => None,
    }
}
