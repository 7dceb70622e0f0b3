//! Finds the tests in a text: `-J` documents and `--json-stream` events, several in one file, with other text around them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::id::TOOL;
use crate::kernel_tools::{ToolError, ToolExit};

/// What a second value of the same key is called: 3.7 to 3.10 print the sums of both directions of `--bidir` under one name.
pub(super) const REPEATED: &str = "#2";

/// The tests of a text.
pub(super) struct Tests {
    /// Each as `-J` prints it.
    pub documents: Vec<Value>,
    /// Lines that belong to none of them.
    pub other_lines: usize,
}

/// Whether the text holds JSON with iperf3's keys. A cut-off file is recognised by its beginning, and then refused with the reason.
pub(super) fn is_json(text: &str) -> bool {
    text.match_indices('{').any(|(at, _)| begins_as_test(&text[at..])) || scan(text).is_ok_and(|found| !found.objects.is_empty())
}

/// All tests, or an error where one of them is not whole: a file is taken whole or not at all.
pub(super) fn tests(text: &str, exit: ToolExit) -> Result<Tests, ToolError> {
    let found = match scan(text) {
        Ok(found) => found,
        // A client that hung did not finish its document: the hang is the reason.
        Err(_) if matches!(exit, ToolExit::TimedOut(_)) => return Err(ToolError::nothing_measured(TOOL, "", exit)),
        Err(error) => return Err(unreadable(format!("it is not whole JSON: {error}"))),
    };
    if found.objects.is_empty() {
        if text.contains("Connecting to host") || text.contains("Server listening on") {
            return Err(unreadable("this is its text for people, rounded to three digits: run iperf3 again with -J".to_owned()));
        }
        return Err(ToolError::nothing_measured(TOOL, text, exit));
    }
    let documents = joined(found.objects)?;
    one_view_each(&documents)?;
    Ok(Tests { documents, other_lines: found.other_lines })
}

pub(super) fn unreadable(why: String) -> ToolError {
    ToolError::Unreadable { tool: TOOL, why }
}

struct Scan {
    objects: Vec<Value>,
    other_lines: usize,
}

/// Every object of iperf3's in the text, in order.
fn scan(text: &str) -> Result<Scan, serde_json::Error> {
    let mut found = Scan { objects: Vec::new(), other_lines: 0 };
    let mut rest = Cow::Borrowed(text);
    let (mut at, mut outside) = (0, String::new());
    while let Some(brace) = rest[at..].find('{').map(|found| at + found) {
        outside.push_str(&rest[at..brace]);
        at = brace;
        match first_value(&rest[at..]) {
            Ok((value, length)) if is_test(&value) => {
                found.objects.push(value);
                at += length;
                continue;
            }
            Err(error) if begins_as_test(&rest[at..]) => {
                // C prints what is no number as -nan or inf, which JSON does not have.
                let Some(cleaned) = without_nan(&rest[at..]) else { return Err(error) };
                let (value, length) = first_value(&cleaned)?;
                if is_test(&value) {
                    found.objects.push(value);
                }
                (rest, at) = (Cow::Owned(cleaned), length);
                continue;
            }
            // Another object, such as the parameters that -d prints: there may be a test in it.
            Ok(_) | Err(_) => {}
        }
        outside.push('{');
        at += 1;
    }
    outside.push_str(&rest[at..]);
    found.other_lines = outside.lines().filter(|line| line.contains(|c: char| c.is_alphanumeric())).count();
    Ok(found)
}

fn first_value(text: &str) -> Result<(Value, usize), serde_json::Error> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Keeping>();
    match values.next() {
        Some(value) => value.map(|Keeping(value)| (value, values.byte_offset())),
        None => Ok((Value::Null, 0)),
    }
}

/// How every version begins a document or an event.
fn begins_as_test(text: &str) -> bool {
    let head: String = text.chars().take(64).filter(|c| !c.is_whitespace()).take(24).collect();
    ["{\"start\":", "{\"event\":", "{\"error\":"].iter().any(|begin| head.starts_with(begin))
}

/// Other programs may have written the keys in another order.
fn is_test(value: &Value) -> bool {
    let Some(object) = value.as_object() else { return false };
    let has = |key: &str| object.contains_key(key);
    (has("event") && has("data"))
        || (has("start") && (has("end") || has("intervals") || has("error")))
        || (has("error") && object.len() == 1)
}

/// The text from a document's beginning with `null` for every nan and inf outside of strings; none where there is none.
fn without_nan(text: &str) -> Option<String> {
    let mut cleaned = String::with_capacity(text.len());
    let (mut changed, mut in_string, mut escaped) = (false, false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if !in_string
            && let Some(length) = nan_length(rest)
            && cleaned.trim_end().ends_with([':', ',', '['])
        {
            cleaned.push_str("null");
            rest = &rest[length..];
            changed = true;
            continue;
        }
        (in_string, escaped) = match c {
            _ if escaped => (in_string, false),
            '\\' if in_string => (true, true),
            '"' => (!in_string, false),
            _ => (in_string, false),
        };
        cleaned.push(c);
        rest = &rest[c.len_utf8()..];
    }
    changed.then_some(cleaned)
}

/// How long a number that is none is at the text's beginning: `nan`, `-nan`, `inf`, `-Infinity`, `-nan(ind)`.
fn nan_length(text: &str) -> Option<usize> {
    let sign = usize::from(text.starts_with(['-', '+']));
    let word: String = text[sign..].chars().take_while(|c| c.is_ascii_alphabetic()).take(9).collect::<String>().to_ascii_lowercase();
    if !matches!(word.as_str(), "nan" | "inf" | "infinity") {
        return None;
    }
    let length = sign + word.len();
    Some(length + if text[length..].starts_with("(ind)") { 5 } else { 0 })
}

/// `--json-stream` (3.17) prints one event a line: put together, the events from one `start` to the next are what `-J` prints.
fn joined(objects: Vec<Value>) -> Result<Vec<Value>, ToolError> {
    let mut documents: Vec<Value> = Vec::new();
    let mut open: Option<Map<String, Value>> = None;
    for mut object in objects {
        if object.get("event").is_none() {
            documents.extend(open.take().map(Value::Object));
            // With --json-stream-full-output the document of the same test follows its events.
            if documents.last().is_some_and(|before| before["from_events"] == Value::Bool(true) && before["start"] == object["start"]) {
                documents.pop();
            }
            documents.push(object);
            continue;
        }
        let data = object.get_mut("data").map_or(Value::Null, Value::take);
        let name = object["event"].as_str().unwrap_or_default().to_owned();
        if name == "start" {
            documents.extend(open.take().map(Value::Object));
        }
        let test = open.get_or_insert_with(|| {
            let mut begun = Map::new();
            begun.insert("from_events".to_owned(), Value::Bool(true));
            begun.insert("intervals".to_owned(), Value::Array(Vec::new()));
            begun
        });
        if name == "interval" {
            if let Some(Value::Array(intervals)) = test.get_mut("intervals") {
                intervals.push(data);
            }
        } else if test.insert(name.clone(), data).is_some() {
            return Err(unreadable(format!("the event `{name}` comes twice in one test: the stream is not whole")));
        }
    }
    documents.extend(open.map(Value::Object));
    Ok(documents)
}

/// Refuses a file with both ends' views of one test, which would count it twice. The cookie is the test's name at both ends.
fn one_view_each(documents: &[Value]) -> Result<(), ToolError> {
    for (index, one) in documents.iter().enumerate() {
        let cookie = &one["start"]["cookie"];
        let other = documents[..index].iter().find(|other| {
            let seconds = |document: &Value| document["start"]["timestamp"]["timesecs"].as_f64();
            let near = seconds(one).zip(seconds(other)).is_some_and(|(a, b)| (a - b).abs() <= 5.0);
            cookie.is_string() && other["start"]["cookie"] == *cookie && is_server(one) != is_server(other) && near
        });
        if other.is_some() {
            return Err(unreadable("it holds the client's and the server's view of one test: give the client's".to_owned()));
        }
    }
    Ok(())
}

/// Whether the server wrote the document.
pub(super) fn is_server(document: &Value) -> bool {
    let start = &document["start"];
    start["accepted_connection"].is_object() && !start["connecting_to"].is_object()
}

/// JSON in which a repeated key loses nothing: the second value is kept under the key and [`REPEATED`].
struct Keeping(Value);

impl<'de> Deserialize<'de> for Keeping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeepingVisitor).map(Keeping)
    }
}

struct KeepingVisitor;

impl<'de> Visitor<'de> for KeepingVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Keeping(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Keeping(value))) = entries.next_entry::<String, Keeping>()? {
            let key = if object.contains_key(&key) { key + REPEATED } else { key };
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_keeps_both_values() {
        let (value, length) = first_value("{\"a\":1,\"a\":[2.5],\"b\":null} x").unwrap();
        assert_eq!(value, serde_json::json!({ "a": 1, "a#2": [2.5], "b": null }));
        assert_eq!(length, 26);
    }

    #[test]
    fn nan_is_replaced_outside_of_strings_only() {
        let text = r#"{"start":-nan,"x":[ inf ,"a: nan \" , nan"],"y":-nan(ind),"name":1}"#;
        assert_eq!(without_nan(text).as_deref(), Some(r#"{"start":null,"x":[ null ,"a: nan \" , nan"],"y":null,"name":1}"#));
        assert_eq!(without_nan(r#"{"start":"nan"}"#), None);
    }

    #[test]
    fn tests_are_found_in_other_text() {
        let one = r#"{"start":{"n":1},"end":{}}"#;
        let text = format!("log {{ here\nsend_parameters:\n{{\"tcp\":true}}\n{one}{one}\n[{one},\n{one}]\ndone\n");
        let found = scan(&text).unwrap();
        assert_eq!((found.objects.len(), found.other_lines), (4, 4));
        assert!(scan(&text[..text.len() - 10]).is_err(), "a document that is cut off is not left out");
    }
}
