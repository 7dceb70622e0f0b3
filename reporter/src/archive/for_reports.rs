//! Records without what no report shows: in a large run, that is most of the memory.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::record::{COUNTED_PARAMETERS, ShownParameter, first_repetition};
use crate::record::{Ceiling, CpuCost, Metric, Pair, Record, RecordId, SchemaVersion, Size, Stack, Tool, Values, Verdict, View};

/// Reads a line of the current version.
pub(super) fn read(text: &str) -> serde_json::Result<Record> {
    let mut line = serde_json::Deserializer::from_str(text);
    let mut record = OfReports::deserialize(&mut line)?;
    line.end()?;
    for end in record.cpu.iter_mut().flat_map(|cpu| [&mut cpu.sender, &mut cpu.receiver]).flatten() {
        end.by_core = Vec::new();
        // A list that grew while it was read has room for four elements, and most have one.
        end.by_queue.shrink_to_fit();
    }
    record.tool.commands.shrink_to_fit();
    Ok(record)
}

/// The fields of a record; those with a function of their own keep less.
#[derive(Deserialize)]
#[serde(remote = "Record")]
struct OfReports {
    schema: SchemaVersion,
    id: RecordId,
    time: jiff::Timestamp,
    pair: Pair,
    stack: Stack,
    tool: Tool,
    metric: Metric,
    method: String,
    #[serde(default, deserialize_with = "shown")]
    parameters: Map<String, Value>,
    size: Size,
    #[serde(default)]
    view: Option<View>,
    #[serde(default)]
    load: Option<String>,
    #[serde(default = "first_repetition")]
    repetition: u32,
    #[serde(default)]
    duration_s: Option<f64>,
    values: Values,
    #[serde(default)]
    ceiling: Option<Ceiling>,
    #[serde(default)]
    cpu: Option<CpuCost>,
    #[serde(default)]
    raw: Option<String>,
    #[serde(default, deserialize_with = "nothing")]
    provenance: Map<String, Value>,
    verdict: Verdict,
}

fn shown<'de, D: Deserializer<'de>>(parameters: D) -> Result<Map<String, Value>, D::Error> {
    parameters.deserialize_map(Kept { whole: ShownParameter::includes, counted: &COUNTED_PARAMETERS })
}

fn nothing<'de, D: Deserializer<'de>>(provenance: D) -> Result<Map<String, Value>, D::Error> {
    provenance.deserialize_map(Kept { whole: |_| false, counted: &[] })
}

/// What is kept of an object: some values whole, of some lists the number of elements, and nothing else.
struct Kept {
    whole: fn(&str) -> bool,
    counted: &'static [&'static str],
}

impl<'de> Visitor<'de> for Kept {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if (self.whole)(&key) {
                kept.insert(key, object.next_value()?);
            } else if self.counted.contains(&key.as_str()) {
                kept.insert(key, counted(object.next_value()?));
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(kept)
    }
}

/// A list, or anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Counted {
    List(Vec<IgnoredAny>),
    Other(IgnoredAny),
}

fn counted(value: Counted) -> Value {
    match value {
        Counted::List(elements) => Value::from(elements.len()),
        Counted::Other(_) => Value::Null,
    }
}
