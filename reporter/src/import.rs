//! Takes the outputs of someone else's runs into a run directory.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use thiserror::Error;

use crate::archive::{ArchiveError, Digest, RunDirectory};
use crate::kernel_tools::{KernelTool, Measurement, Method, RecordContext, SizeList, ToolError, ToolExit, Transport, decode, detect_all};
use crate::record::{Pair, Reason, ReasonKind, Record, RecordId};

/// The SHA-256 of an imported file, in a record's provenance: the same file is not counted twice.
const SOURCE_HASH: &str = "imported_sha256";

/// What files cannot know.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The client's endpoint, then the server's. No tool knows the endpoints' names.
    pub pair: Option<Pair>,
    /// For files that do not say how large the messages were: one size for all of a file's tests, or one for each. Files that say it are believed.
    pub sizes: Option<SizeList>,
    /// For files that do not say the tool's version.
    pub version: Option<String>,
}

/// One imported file.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// As it was given.
    pub file: PathBuf,
    /// What printed it.
    pub tool: KernelTool,
    /// What it held.
    pub records: Vec<Record>,
}

/// A file could not be imported. Nothing was written then, of no file.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}; check its name and permissions", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It is a directory.
    #[error("{} is a directory: give the files in it", .0.display())]
    Directory(PathBuf),
    /// It has no bytes.
    #[error("{} is empty: the tool wrote nothing; check how its output was redirected", .0.display())]
    Empty(PathBuf),
    /// No tool of ours prints this.
    #[error("{} is no output that linerate knows: give the output of iperf3 -J, qperf, sockperf, netperf, neper, iperf -y C, ping, or raw_ethernet_bw and raw_ethernet_lat --out_json", .0.display())]
    UnknownTool(PathBuf),
    /// The file holds an error or cannot be understood.
    #[error("{}: {source}", .file.display())]
    Tool {
        /// The file.
        file: PathBuf,
        /// What the parser says.
        source: ToolError,
    },
    /// The endpoints are missing.
    #[error("{} ({tool}) does not name its endpoints: name client and server with --pair, such as --pair a-cpu:b-cpu", .file.display())]
    PairUnknown {
        /// The file.
        file: PathBuf,
        /// What printed it.
        tool: KernelTool,
    },
    /// The size is missing.
    #[error("{} ({tool}) does not say how large the messages were: name it with --size, such as --size 1024", .file.display())]
    SizeUnknown {
        /// The file.
        file: PathBuf,
        /// What printed it.
        tool: KernelTool,
    },
    /// The sizes do not fit the tests.
    #[error(
        "{} ({tool}) holds {tests} tests {kind} that do not name their sizes, and --size names {given}: list the sizes in the order of the tests, \
         such as --size 64,512,1500, or as a sweep, --size '1:64K:*2'",
        .file.display()
    )]
    SizesDoNotFit {
        /// The file.
        file: PathBuf,
        /// What printed it.
        tool: KernelTool,
        /// Which tests, such as `stream over TCP`.
        kind: String,
        /// How many of them.
        tests: usize,
        /// How many sizes were given.
        given: usize,
    },
    /// Two tools printed parts of it.
    #[error("{} holds outputs of {}: put each tool's into a file of its own", .file.display(), .tools.iter().map(|tool| tool.name()).collect::<Vec<_>>().join(" and "))]
    SeveralTools {
        /// The file.
        file: PathBuf,
        /// The tools.
        tools: Vec<KernelTool>,
    },
    /// The run directory has it already.
    #[error("{} is already in {} as record {id}: leave it out, or import into another directory with --out", .file.display(), .directory.display())]
    AlreadyThere {
        /// The file.
        file: PathBuf,
        /// The run directory.
        directory: PathBuf,
        /// The record that was made of it.
        id: RecordId,
    },
    /// The run directory cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Imports files into a run directory, which is made where it is missing. All files are understood before anything is written.
pub fn import_files(files: &[PathBuf], options: &ImportOptions, directory: &Path) -> Result<Vec<Imported>, ImportError> {
    let understood = files.iter().map(|file| understand(file, options)).collect::<Result<Vec<_>, _>>()?;
    let (mut run, mut known) = RunDirectory::resume_or_create(directory)?;
    let mut hashes = HashSet::new();
    for source in &understood {
        let taken = known.iter().find(|record| record.provenance.get(SOURCE_HASH).and_then(Value::as_str) == Some(source.hash.as_str()));
        let twice = !hashes.insert(source.hash.as_str());
        if let Some(id) = taken.map(|record| record.id.clone()).or_else(|| twice.then(|| RecordId("given twice".to_owned()))) {
            return Err(ImportError::AlreadyThere { file: source.file.clone(), directory: directory.to_owned(), id });
        }
    }
    let mut imported = Vec::with_capacity(understood.len());
    for source in understood {
        let raw = run.store_raw(&source.name(), &source.bytes)?;
        let records =
            source.records(&raw, &known).map_err(|_| ImportError::SizeUnknown { file: source.file.clone(), tool: source.tool })?;
        for record in &records {
            run.append(record)?;
        }
        known.extend(records.iter().cloned());
        imported.push(Imported { file: source.file, tool: source.tool, records });
    }
    run.sync()?;
    Ok(imported)
}

/// A file that was read and understood.
struct Source {
    file: PathBuf,
    bytes: Vec<u8>,
    hash: Digest,
    modified: Timestamp,
    tool: KernelTool,
    pair: Pair,
    options: ImportOptions,
    measurements: Vec<Measurement>,
}

fn understand(file: &Path, options: &ImportOptions) -> Result<Source, ImportError> {
    let unreadable = |source| ImportError::Unreadable { file: file.to_owned(), source };
    if file.is_dir() {
        return Err(ImportError::Directory(file.to_owned()));
    }
    let bytes = fs::read(file).map_err(unreadable)?;
    if bytes.is_empty() {
        return Err(ImportError::Empty(file.to_owned()));
    }
    let text = decode(&bytes);
    let tool = match detect_all(&text).as_slice() {
        [] => return Err(ImportError::UnknownTool(file.to_owned())),
        [tool] => *tool,
        several => return Err(ImportError::SeveralTools { file: file.to_owned(), tools: several.to_vec() }),
    };
    let mut measurements = tool.parse(&text, ToolExit::Unknown).map_err(|source| ImportError::Tool { file: file.to_owned(), source })?;
    let pair = options.pair.clone().ok_or_else(|| ImportError::PairUnknown { file: file.to_owned(), tool })?;
    fill_sizes(&mut measurements, tool, options.sizes.as_ref(), file)?;
    let modified = fs::metadata(file).and_then(|metadata| metadata.modified()).unwrap_or_else(|_| SystemTime::now());
    Ok(Source {
        file: file.to_owned(),
        hash: Digest::of(&bytes),
        modified: Timestamp::try_from(modified).unwrap_or_else(|_| Timestamp::now()),
        tool,
        pair,
        options: options.clone(),
        measurements,
        bytes,
    })
}

/// Gives sizes to the measurements that have none: one to all, or each its own in the order of the tests.
fn fill_sizes(measurements: &mut [Measurement], tool: KernelTool, sizes: Option<&SizeList>, file: &Path) -> Result<(), ImportError> {
    let mut groups: BTreeMap<(Transport, Method), Vec<&mut Measurement>> = BTreeMap::new();
    for measurement in measurements.iter_mut().filter(|measurement| measurement.size.is_none()) {
        groups.entry((measurement.transport, measurement.method)).or_default().push(measurement);
    }
    let Some(most) = groups.values().map(Vec::len).max() else { return Ok(()) };
    let Some(sizes) = sizes.map(SizeList::sizes) else { return Err(ImportError::SizeUnknown { file: file.to_owned(), tool }) };
    let misfit = |(transport, method): (Transport, Method), tests| ImportError::SizesDoNotFit {
        file: file.to_owned(),
        tool,
        kind: format!("{method} over {transport}"),
        tests,
        given: sizes.len(),
    };
    // Several tests of a tool that sweeps sizes are a sweep unless its user says otherwise, which a list can.
    let one_for_all = sizes.len() == 1 && (most == 1 || !tool.sweeps_sizes());
    for (kind, group) in groups {
        let tests = group.len();
        if !one_for_all && (tests > sizes.len() || most != sizes.len()) {
            return Err(misfit(kind, tests));
        }
        for (index, measurement) in group.into_iter().enumerate() {
            measurement.size = sizes.get(if one_for_all { 0 } else { index }).copied();
            if !one_for_all && tests < sizes.len() {
                let detail = format!("the sweep ends after {tests} of {} sizes", sizes.len());
                measurement.remarks.push(Reason { kind: ReasonKind::Other, detail });
            }
        }
    }
    Ok(())
}

impl Source {
    fn name(&self) -> String {
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| format!("{}.{}", self.tool, self.tool.raw_extension()))
    }

    fn records(&self, raw: &str, known: &[Record]) -> Result<Vec<Record>, crate::kernel_tools::SizeUnknown> {
        let stem = self.file.file_stem().map_or_else(|| "import".into(), |stem| stem.to_string_lossy());
        let id = unused_id(&format!("{}-{}-{}-{stem}", self.pair.from, self.pair.to, self.tool), known);
        let mut records: Vec<Record> = Vec::with_capacity(self.measurements.len());
        for (index, measurement) in self.measurements.iter().enumerate() {
            let mut context = RecordContext::new(id.clone(), self.time_of(measurement), self.pair.clone());
            context.version = self.options.version.clone();
            context.raw = Some(raw.to_owned());
            context.provenance.insert(SOURCE_HASH.to_owned(), Value::from(self.hash.as_str()));
            let mut record = measurement.clone().into_record(index, &context)?;
            record.repetition = next_repetition(&record, known.iter().chain(&records));
            records.push(record);
        }
        Ok(records)
    }

    /// When it ended: as the output says, else when the file was last written.
    fn time_of(&self, measurement: &Measurement) -> Timestamp {
        let ended = measurement.began.and_then(|began| {
            let duration = SignedDuration::try_from(measurement.duration.unwrap_or_default()).ok()?;
            began.checked_add(duration).ok()
        });
        ended.unwrap_or(self.modified)
    }
}

fn unused_id(wanted: &str, known: &[Record]) -> RecordId {
    let taken: HashSet<&str> = known.iter().map(|record| record.id.0.as_str()).collect();
    let mut id = wanted.to_owned();
    let mut number = 2_u64;
    while taken.contains(id.as_str()) {
        id = format!("{wanted}-{number}");
        number += 1;
    }
    RecordId(id)
}

fn next_repetition<'a>(record: &Record, known: impl Iterator<Item = &'a Record>) -> u32 {
    let same = |other: &&Record| {
        (&other.pair, other.stack, other.metric, &other.method, other.size, &other.tool.name)
            == (&record.pair, record.stack, record.metric, &record.method, record.size, &record.tool.name)
    };
    known.filter(same).map(|other| other.repetition).max().unwrap_or(0).saturating_add(1)
}
