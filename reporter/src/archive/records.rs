//! The lines of `results.jsonl`, read a piece at a time and on all processors.

use std::collections::HashMap;
use std::io::{self, Read};

use serde::Deserialize;
use serde_json::Value;

use super::RESULTS_FILE;
use super::damaged::DamagedLine;
use super::for_reports;
use super::versions::{self, is_known};
use crate::parallel;
use crate::record::{Record, RecordId, SchemaVersion};

/// How much of each record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// What reports show of it.
    ForReports,
}

/// Twenty million records.
const LIMIT: u64 = 64 << 30;

/// Bytes that are read at once, and into how many parts they are split for the processors.
const PIECE: u64 = 16 << 20;
const SPLIT: usize = 16;

/// The records of `results.jsonl`, and the lines that are none.
pub(super) fn read_records(file: impl Read, extent: Extent) -> io::Result<(Vec<Record>, Vec<DamagedLine>)> {
    read_in_pieces(file, extent, PIECE)
}

fn read_in_pieces(file: impl Read, extent: Extent, piece: u64) -> io::Result<(Vec<Record>, Vec<DamagedLine>)> {
    let mut file = file.take(LIMIT.saturating_add(1));
    let mut lines = Lines::default();
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        (&mut file).take(piece).read_to_end(&mut bytes)?;
        if file.limit() == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {} MiB", LIMIT >> 20)));
        }
        let at_end = bytes.len() == before;
        // Lines are read when they are whole; the last one may have no end.
        let whole = if at_end { bytes.len() } else { bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1) };
        lines.add(&bytes[..whole], extent);
        if at_end {
            return Ok((lines.records, lines.damaged));
        }
        bytes.drain(..whole);
    }
}

/// What was read so far.
#[derive(Default)]
struct Lines {
    records: Vec<Record>,
    damaged: Vec<DamagedLine>,
    first_seen: HashMap<RecordId, usize>,
    /// Lines so far.
    count: usize,
}

impl Lines {
    fn add(&mut self, bytes: &[u8], extent: Extent) {
        for line in parallel::map(&split(bytes), |part| read_part(part, extent)).into_iter().flatten() {
            self.count += 1;
            match line {
                Some(Ok(record)) => self.keep(*record),
                Some(Err(why)) => self.damaged.push(DamagedLine { file: RESULTS_FILE.to_owned(), line: self.count, why }),
                None => {}
            }
        }
    }

    fn keep(&mut self, mut record: Record) {
        if let Some(&first) = self.first_seen.get(&record.id) {
            let id = record.id.clone();
            let again = self.records.iter().any(|known| known.id == id && is_same_measurement(known, &record));
            let why = if again {
                format!("the record id `{id}` is already on line {first}, which is kept")
            } else {
                record.id = unused(&id, &self.first_seen);
                format!(
                    "the record id `{id}` is also that of line {first}, another measurement; both are kept, this one as `{}`",
                    record.id
                )
            };
            self.damaged.push(DamagedLine { file: RESULTS_FILE.to_owned(), line: self.count, why });
            if again {
                return;
            }
        }
        self.first_seen.insert(record.id.clone(), self.count);
        self.records.push(record);
    }
}

/// Parts of about equal length that end with a line.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let length = bytes.len() / SPLIT + 1;
    let mut rest = bytes;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().skip(length).position(|&byte| byte == b'\n').map_or(rest.len(), |at| length + at + 1);
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Each line of a part: none where it is empty.
fn read_part(part: &[u8], extent: Extent) -> Vec<Option<Result<Box<Record>, String>>> {
    let ends_whole = part.ends_with(b"\n");
    let mut lines = part.strip_suffix(b"\n").unwrap_or(part).split(|&byte| byte == b'\n').peekable();
    let mut read = Vec::new();
    while let Some(line) = lines.next() {
        let cut_off = !ends_whole && lines.peek().is_none();
        read.push((!line.trim_ascii().is_empty()).then(|| read_record(line, cut_off, extent).map(Box::new)));
    }
    read
}

/// Whether two records of one id are the same measurement made twice, as by two resumed runs, and not two whose ids happen to be equal.
fn is_same_measurement(one: &Record, other: &Record) -> bool {
    let key = |r: &Record| (r.pair.clone(), r.stack, r.metric, r.method.clone(), r.size, r.view, r.load.clone(), r.repetition);
    key(one) == key(other)
}

fn unused(id: &RecordId, taken: &HashMap<RecordId, usize>) -> RecordId {
    let numbered = (2..).map(|number: u32| RecordId(format!("{id}~{number}")));
    numbered.into_iter().find(|candidate| !taken.contains_key(candidate)).unwrap_or_else(|| id.clone())
}

fn read_record(line: &[u8], cut_off: bool, extent: Extent) -> Result<Record, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8 text from byte {} on", error.valid_up_to()))?;
    /// What every version has.
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    let record = serde_json::from_str::<Head>(text).and_then(|head| match is_known(head.schema) {
        true => read_known(text, head.schema, extent).map(Ok),
        false => Ok(Err(unknown_version(&head.schema.to_string()))),
    });
    match record {
        Ok(known) => known,
        Err(error) => Err(match serde_json::from_str::<Value>(text) {
            Err(_) if cut_off => "the line was cut off while it was written".to_owned(),
            Err(error) => format!("not JSON: {}", without_line(&error)),
            // A version from the future may well not fit today's types: the version is the reason then, not the field.
            Ok(value) => match value.get("schema") {
                Some(version) if !version.as_u64().is_some_and(is_known) => unknown_version(&version.to_string()),
                Some(_) => format!("not a record: {}", without_line(&error)),
                None => "not a record: it names no `schema` version".to_owned(),
            },
        }),
    }
}

fn read_known(text: &str, version: u64, extent: Extent) -> serde_json::Result<Record> {
    match extent {
        Extent::ForReports if version == u64::from(SchemaVersion::CURRENT.number()) => for_reports::read(text),
        Extent::ForReports | Extent::Whole => versions::read(text, version),
    }
}

pub(super) fn unknown_version(version: &str) -> String {
    format!(
        "schema version {version} is not one this program knows (1 to {}): read it with the linerate that wrote it, or a newer one",
        SchemaVersion::CURRENT.number()
    )
}

/// serde_json counts lines within one line of ours; only the column helps.
pub(super) fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (column {})", error.column()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str) -> String {
        format!(
            r#"{{"schema":1,"id":"{id}","time":"2026-11-26T00:00:00Z","pair":{{"from":"a","to":"b"}},"stack":"dpdk","tool":{{"name":"linerate","version":"0"}},"metric":"throughput","method":"mrr","parameters":{{"burst":32,"gaps":[1,2],"trials":[{{"a":1}},2]}},"size":{{"kind":"frame","bytes":64}},"repetition":{},"values":{{}},"provenance":{{"plan_sha256":"x"}},"verdict":{{"state":"valid","reasons":[]}}}}"#,
            id.len()
        )
    }

    /// Whatever the pieces are, the lines and their numbers are the same.
    #[test]
    fn pieces_of_any_length_give_the_same_records_and_line_numbers() {
        let mut text = String::new();
        for number in 0..40 {
            text += &match number % 10 {
                3 => "\n".to_owned(),
                5 => "not json\n".to_owned(),
                7 => line("twice") + "\n",
                _ => line(&format!("r{number}")) + "\n",
            };
        }
        text += "{\"schema\":1,\"id\":\"cut";
        let whole = read_in_pieces(text.as_bytes(), Extent::Whole, 1 << 30).unwrap();
        assert_eq!(whole.0.len(), 29);
        assert_eq!(whole.1.iter().map(|damaged| damaged.line).collect::<Vec<_>>(), [6, 16, 18, 26, 28, 36, 38, 41]);
        assert!(whole.1[7].why.contains("cut off"), "{:?}", whole.1[7]);
        for piece in [1, 7, 100, 1000, 5000] {
            assert_eq!(read_in_pieces(text.as_bytes(), Extent::Whole, piece).unwrap(), whole, "{piece}");
        }
        let lean = read_in_pieces(text.as_bytes(), Extent::ForReports, 1000).unwrap();
        assert_eq!(lean.1, whole.1);
        let parameters = serde_json::to_string(&lean.0[0].parameters).unwrap();
        assert_eq!(parameters, r#"{"burst":32,"trials":2}"#);
        assert!(lean.0[0].provenance.is_empty());
    }
}
