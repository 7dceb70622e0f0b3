use std::io;
use std::path::{Component, Path, PathBuf};

use hdrhistogram::Histogram;
use serde::de::DeserializeOwned;

use super::damaged::DamagedLine;
use super::histogram::decode_histogram;
use super::records::{Extent, read_records, unknown_version, without_line};
use super::{ArchiveError, ENVIRONMENT_FILE, HistogramError, PLAN_FILE, RESULTS_FILE, STOPPED_FILE, TESTBED_FILE};
use crate::environment::Environment;
use crate::files::{open_regular, read_regular};
use crate::record::Record;
use crate::tuned::{SCALING_FILE, Scaling, TUNE_FILE, TuneRun};

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

impl Archive {
    /// The run's name: its directory's, without the path.
    pub fn name(&self) -> String {
        self.directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// These records as those of a run in `directory`, of which nothing else is known. Nothing is read.
    pub fn of_records(records: Vec<Record>, directory: &Path) -> Archive {
        let directory = directory.to_owned();
        Archive { records, damaged: Vec::new(), environment: None, plan: None, testbed: None, tuned: None, scaling: None, directory }
    }

    /// Reads a run directory. A damaged line is named in [`damaged`](Self::damaged), and the rest is still read.
    ///
    /// Fails only where the directory or its `results.jsonl` cannot be read at all.
    pub fn read(directory: &Path) -> Result<Archive, ArchiveError> {
        Self::read_extent(directory, Extent::Whole)
    }

    /// The same without what no report shows of a record: its provenance, and the parameters that only people look up in `results.jsonl`. A run of a
    /// hundred thousand records takes a quarter of the memory.
    pub fn read_for_reports(directory: &Path) -> Result<Archive, ArchiveError> {
        Self::read_extent(directory, Extent::ForReports)
    }

    /// The same archive, or an error where `results.jsonl` has lines and none of them is a record: a report of nothing would look like a result. A run
    /// that has not measured anything yet has no lines, and is no error.
    pub fn with_records(self) -> Result<Archive, ArchiveError> {
        match self.damaged.iter().find(|damaged| damaged.file == RESULTS_FILE) {
            Some(first) if self.records.is_empty() => Err(ArchiveError::NoRecord { run: self.directory.clone(), first: first.clone() }),
            _ => Ok(self),
        }
    }

    fn read_extent(directory: &Path, extent: Extent) -> Result<Archive, ArchiveError> {
        let results = directory.join(RESULTS_FILE);
        let read = open_regular(directory, RESULTS_FILE).and_then(|file| read_records(file, extent));
        let (records, mut damaged) = read.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ArchiveError::NotARun(directory.to_owned()),
            _ => ArchiveError::io(&results, "read", error),
        })?;
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
