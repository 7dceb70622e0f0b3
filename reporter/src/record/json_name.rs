use serde::Serialize;

/// The text that a value without fields has in results.jsonl, such as `p99` or `frame`; `None` where it is not a text there.
pub(crate) fn json_name<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned))
}
