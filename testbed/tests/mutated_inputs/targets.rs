//! One function for each kind of input: it reads the input as linerate does, and panics if what comes of it breaks a promise. Used by the mutations of
//! this test and by the coverage-guided ones of the folder `fuzz`.

use std::fs;
use std::path::Path;

use reporter::archive::{Archive, RunDirectory};
use reporter::kernel_tools::{KernelTool, ToolExit, decode, detect_all};
use reporter::record::Record;
use tempfile::TempDir;
use testbed::agent::{Greeting, Reply, Request, next_line};
use testbed::plan::Plan;
use testbed::topology::Testbed;

/// The longest input.
pub const LONGEST: usize = 64 * 1024;

/// An error is text for people: it ends.
fn is_short(error: &dyn std::fmt::Display) {
    let length = error.to_string().len();
    assert!(length < 4 * LONGEST, "an error of {length} bytes");
}

/// A `testbed.toml`.
pub fn testbed_file(bytes: &[u8]) {
    if let Err(error) = Testbed::parse(&String::from_utf8_lossy(bytes), Path::new("testbed.toml")) {
        is_short(&error);
    }
}

/// A `plan.toml`.
pub fn plan_file(bytes: &[u8]) {
    if let Err(error) = Plan::reread(&String::from_utf8_lossy(bytes), Path::new("plan.toml")) {
        is_short(&error);
    }
}

/// A line of the protocol as both ends read it.
fn line_of(bytes: &[u8]) -> Option<String> {
    next_line(&mut std::io::Cursor::new(bytes), LONGEST).ok().flatten()
}

/// What an agent reads. A changed request is only read, not carried out.
pub fn request(bytes: &[u8]) {
    let Some(line) = line_of(bytes) else { return };
    match serde_json::from_str::<Request>(&line) {
        Ok(request) => drop(serde_json::to_string(&request).unwrap()),
        Err(error) => is_short(&error),
    }
}

/// What an agent's controller reads.
pub fn reply(bytes: &[u8]) {
    let Some(line) = line_of(bytes) else { return };
    let _ = serde_json::from_str::<Greeting>(&line);
    match serde_json::from_str::<Reply>(&line) {
        Ok(reply) => drop(serde_json::to_string(&reply).unwrap()),
        Err(error) => is_short(&error),
    }
}

/// A run directory whose results are replaced by each input.
pub struct Run {
    folder: TempDir,
}

impl Run {
    /// An empty run.
    pub fn new() -> Run {
        let folder = tempfile::tempdir().unwrap();
        drop(RunDirectory::create(&folder.path().join("run")).unwrap());
        Run { folder }
    }

    /// A `results.jsonl`.
    pub fn results(&self, bytes: &[u8]) {
        let run = self.folder.path().join("run");
        fs::write(run.join("results.jsonl"), bytes).unwrap();
        let archive = Archive::read(&run).unwrap();
        archive.damaged.iter().for_each(|damaged| is_short(damaged));
        for record in &archive.records {
            let json = serde_json::to_string(record).unwrap();
            assert_eq!(&serde_json::from_str::<Record>(&json).unwrap(), record, "{json}");
        }
    }
}

/// The output of another tool.
pub fn imported(bytes: &[u8]) {
    let text = decode(bytes);
    let _ = detect_all(&text);
    for tool in KernelTool::all() {
        match tool.parse(&text, ToolExit::Unknown) {
            Ok(found) => assert!(!found.is_empty(), "success without a measurement"),
            Err(error) => is_short(&error),
        }
    }
}
