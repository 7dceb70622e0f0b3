use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};

use hdrhistogram::Histogram;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::histogram::decode_histogram;
use super::versions::{self, is_known};
use super::{ArchiveError, ENVIRONMENT_FILE, HistogramError, PLAN_FILE, RESULTS_FILE, STOPPED_FILE, TESTBED_FILE};
use crate::environment::Environment;
use crate::files::read_regular;
use crate::record::{Record, RecordId, SchemaVersion};
use crate::tuned::{SCALING_FILE, Scaling, TUNE_FILE, TuneRun};

/// Twenty million records.
pub(super) const RESULTS_LIMIT: u64 = 64 << 30;
/// The output of one tool: iperf3 writes a few hundred bytes an interval and stream.
const RAW_LIMIT: u64 = 256 << 20;
/// A plan, a testbed or an environment, which people write or read.
pub(super) const GIVEN_LIMIT: u64 = 64 << 20;

/// Everything that a run directory holds.
#[derive(Debug, Clone)]
pub struct Archive {
    /// In the order in which they were written.
    pub records: Vec<Record>,
    /// What could not be read. The rest is whole.
    pub damaged: Vec<DamagedLine>,
    /// What each endpoint was; absent where the run did not note it.
    pub environment: Option<Environment>,
    /// `plan.toml` as it was given.
    pub plan: Option<String>,
    /// `testbed.toml` as it was given.
    pub testbed: Option<String>,
    /// The search whose trials the records are; absent where they are those of a plan.
    pub tuned: Option<TuneRun>,
    /// How the rate grew with queues; absent where the run does not say.
    pub scaling: Option<Scaling>,
    /// Where it was read from.
    pub directory: PathBuf,
}

/// A further file that a command kept in its run directory. A symbolic link is not followed.
///
/// # Errors
/// It is absent, is not a regular file, or is too long.
pub fn read_kept(directory: &Path, name: &str) -> Result<Vec<u8>, ArchiveError> {
    read_regular(directory, name, GIVEN_LIMIT).map_err(|error| ArchiveError::io(&directory.join(name), "read", error))
}

/// A line that could not be read, or that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedLine {
    /// Relative to the run directory.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for DamagedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

impl Archive {
    /// The run's name: its directory's, without the path.
    pub fn name(&self) -> String {
        self.directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Reads a run directory. A damaged line is named in [`damaged`](Self::damaged), and the rest is still read.
    ///
    /// Fails only where the directory or its `results.jsonl` cannot be read at all.
    pub fn read(directory: &Path) -> Result<Archive, ArchiveError> {
        let results = directory.join(RESULTS_FILE);
        let bytes = read_regular(directory, RESULTS_FILE, RESULTS_LIMIT).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ArchiveError::NotARun(directory.to_owned()),
            _ => ArchiveError::io(&results, "read", error),
        })?;
        let (records, mut damaged) = read_lines(&bytes);
        let environment = read_environment(directory, &mut damaged)?;
        let plan = read_optional(directory, PLAN_FILE, &mut damaged)?;
        let testbed = read_optional(directory, TESTBED_FILE, &mut damaged)?;
        let tuned = read_json(directory, TUNE_FILE, &mut damaged)?;
        let scaling = read_json(directory, SCALING_FILE, &mut damaged)?;
        Ok(Archive { records, damaged, environment, plan, testbed, tuned, scaling, directory: directory.to_owned() })
    }

    /// The tool's own output that a record points to; absent where it points to none.
    pub fn raw(&self, record: &Record) -> Result<Option<Vec<u8>>, ArchiveError> {
        record.raw.as_deref().map(|path| read_raw(&self.directory, path)).transpose()
    }

    /// The distribution of delays that a record's summary names, in nanoseconds.
    pub fn histogram(&self, path: &str) -> Result<Histogram<u64>, HistogramError> {
        decode_histogram(path, &read_raw(&self.directory, path)?)
    }
}

/// Reads a raw file by the path that a record gives. A path that leaves the run directory is refused: records come from other people too.
pub(crate) fn read_raw(directory: &Path, path: &str) -> Result<Vec<u8>, ArchiveError> {
    if path.is_empty() || !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(ArchiveError::OutsideTheRun(path.to_owned()));
    }
    read_regular(directory, path, RAW_LIMIT).map_err(|error| ArchiveError::io(&directory.join(path), "read", error))
}

/// Why a run stopped before its first measurement, where it says so.
pub(crate) fn read_stopped(directory: &Path) -> Option<String> {
    let bytes = read_regular(directory, STOPPED_FILE, RAW_LIMIT).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned()).filter(|why| !why.is_empty())
}

/// The records of `results.jsonl`, and the lines that are none.
pub(super) fn read_lines(bytes: &[u8]) -> (Vec<Record>, Vec<DamagedLine>) {
    let mut records: Vec<Record> = Vec::new();
    let mut damaged = Vec::new();
    let mut first_seen: HashMap<RecordId, usize> = HashMap::new();
    let ends_whole = bytes.is_empty() || bytes.ends_with(b"\n");
    let mut lines = bytes.split(|&byte| byte == b'\n').enumerate().peekable();
    while let Some((index, bytes)) = lines.next() {
        let line = index + 1;
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let cut_off = !ends_whole && lines.peek().is_none();
        match read_record(bytes, cut_off) {
            Ok(mut record) => {
                if let Some(&first) = first_seen.get(&record.id) {
                    let id = record.id.clone();
                    let why = if records.iter().any(|known| known.id == id && is_same_measurement(known, &record)) {
                        format!("the record id `{id}` is already on line {first}, which is kept")
                    } else {
                        record.id = unused(&id, &first_seen);
                        format!(
                            "the record id `{id}` is also that of line {first}, another measurement; both are kept, this one as `{}`",
                            record.id
                        )
                    };
                    damaged.push(DamagedLine { file: RESULTS_FILE.to_owned(), line, why });
                    if record.id == id {
                        continue;
                    }
                }
                first_seen.insert(record.id.clone(), line);
                records.push(record);
            }
            Err(why) => damaged.push(DamagedLine { file: RESULTS_FILE.to_owned(), line, why }),
        }
    }
    (records, damaged)
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

fn read_record(line: &[u8], cut_off: bool) -> Result<Record, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8 text from byte {} on", error.valid_up_to()))?;
    /// What every version has.
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    let record = serde_json::from_str::<Head>(text).and_then(|head| match is_known(head.schema) {
        true => versions::read(text, head.schema).map(Ok),
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

fn unknown_version(version: &str) -> String {
    format!(
        "schema version {version} is not one this program knows (1 to {}): read it with the linerate that wrote it, or a newer one",
        SchemaVersion::CURRENT.number()
    )
}

/// serde_json counts lines within one line of ours; only the column helps.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (column {})", error.column()),
        None => text,
    }
}

fn read_environment(directory: &Path, damaged: &mut Vec<DamagedLine>) -> Result<Option<Environment>, ArchiveError> {
    let Some(environment) = read_json::<Environment>(directory, ENVIRONMENT_FILE, damaged)? else { return Ok(None) };
    if environment.schema.is_known() {
        return Ok(Some(environment));
    }
    let why = unknown_version(&environment.schema.number().to_string());
    damaged.push(DamagedLine { file: ENVIRONMENT_FILE.to_owned(), line: 1, why });
    Ok(None)
}

fn read_json<T: DeserializeOwned>(directory: &Path, name: &str, damaged: &mut Vec<DamagedLine>) -> Result<Option<T>, ArchiveError> {
    let Some(text) = read_optional(directory, name, damaged)? else { return Ok(None) };
    match serde_json::from_str(&text) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            damaged.push(DamagedLine { file: name.to_owned(), line: error.line(), why: without_line(&error) });
            Ok(None)
        }
    }
}

fn read_optional(directory: &Path, name: &str, damaged: &mut Vec<DamagedLine>) -> Result<Option<String>, ArchiveError> {
    let file = directory.join(name);
    match read_regular(directory, name, GIVEN_LIMIT) {
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| {
            damaged.push(DamagedLine { file: name.to_owned(), line: 1, why: "not UTF-8 text; what is not was replaced".to_owned() });
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ArchiveError::io(&file, "read", error)),
    }
}
