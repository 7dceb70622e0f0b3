//! Records without what no report shows: in a large run, that is most of the memory.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
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
                let Counted(count) = object.next_value()?;
                kept.insert(key, count.map_or(Value::Null, Value::from));
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(kept)
    }
}

/// The number of elements of a list; none of anything else. No element is kept while it is read.
struct Counted(Option<usize>);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Counted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counted, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Counted(Some(count)))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Counted, A::Error> {
        IgnoredAny.visit_map(object).map(|_| Counted(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Counted, E> {
        Ok(Counted(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Counted, E> {
        Ok(Counted(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Counted, E> {
        Ok(Counted(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Counted, E> {
        Ok(Counted(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Counted, E> {
        Ok(Counted(None))
    }

    fn visit_unit<E>(self) -> Result<Counted, E> {
        Ok(Counted(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_and_nothing_else_is() {
        let counted = |text: &str| serde_json::from_str::<Counted>(text).unwrap().0;
        assert_eq!((counted("[]"), counted("[1, {\"a\": [2, 3]}, null]")), (Some(0), Some(3)));
        for other in ["3", "-3", "0.5", "true", "null", "\"x\"", "{\"a\": [1]}"] {
            assert_eq!(counted(other), None, "{other}");
        }
        assert!(serde_json::from_str::<Counted>("[1,").is_err());
    }
}
