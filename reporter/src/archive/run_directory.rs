use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::read::GIVEN_LIMIT;
use super::records::{Extent, read_records};
use super::{ArchiveError, ENVIRONMENT_FILE, PLAN_FILE, RAW_FOLDER, RESULTS_FILE, STOPPED_FILE, TESTBED_FILE};
use crate::environment::Environment;
use crate::files::{create_regular, open_regular, read_regular, write_regular};
use crate::record::Record;

/// What must be free before measuring starts: a run of 10,000 records with their raw files needs less.
const PROBE_BYTES: usize = 1 << 20;

/// Written and removed again before measuring starts.
const PROBE_FILE: &str = ".linerate-probe";

/// The longest name of a raw file, below the 255 bytes of common file systems so that a counter still fits.
const LONGEST_NAME: usize = 160;

/// Writes a run directory.
///
/// **What survives what.** Each record is handed to the operating system whole, with its newline, before [`append`](Self::append)
/// returns: it survives the end of this process, however sudden. It is not forced to the disk one by one, because that
/// would load the machine that is being measured; a power cut can cost the last seconds. [`sync`](Self::sync) forces it.
#[derive(Debug)]
pub struct RunDirectory {
    directory: PathBuf,
    results: File,
    /// The file may end in the middle of a line: begin the next record on a new one.
    torn: bool,
    provenance: Map<String, Value>,
    /// Whether the directory was not there before.
    made: bool,
}

/// A SHA-256 in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl Digest {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunDirectory {
    /// Makes a run directory, with the folders above it where they are missing.
    ///
    /// Fails before anything is measured where the directory holds something, may not be written, or has less than 1 MiB of room.
    pub fn create(directory: &Path) -> Result<Self, ArchiveError> {
        let made = !directory.exists();
        fs::create_dir_all(directory).map_err(|error| ArchiveError::io(directory, "made", error))?;
        let mut entries = fs::read_dir(directory).map_err(|error| ArchiveError::io(directory, "read", error))?;
        if entries.next().is_some() {
            return Err(ArchiveError::NotEmpty(directory.to_owned()));
        }
        probe(directory)?;
        Ok(RunDirectory { made, ..Self::open(directory)? })
    }

    /// Opens a run that was cut off, and gives the records it already has. A line that was cut off stays, ends there, and harms no later one.
    pub fn resume(directory: &Path) -> Result<(Self, Vec<Record>), ArchiveError> {
        let results = directory.join(RESULTS_FILE);
        if !results.is_file() {
            return Err(ArchiveError::NotARun(directory.to_owned()));
        }
        probe(directory)?;
        let read = open_regular(directory, RESULTS_FILE).and_then(|file| read_records(file, Extent::Whole));
        let (records, _) = read.map_err(|error| ArchiveError::io(&results, "read", error))?;
        match fs::remove_file(directory.join(STOPPED_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ArchiveError::io(&directory.join(STOPPED_FILE), "removed", error));
            }
            _ => {}
        }
        Ok((Self::open(directory)?, records))
    }

    /// [`resume`](Self::resume) where there is a run, [`create`](Self::create) where there is none.
    pub fn resume_or_create(directory: &Path) -> Result<(Self, Vec<Record>), ArchiveError> {
        if directory.join(RESULTS_FILE).is_file() { Self::resume(directory) } else { Ok((Self::create(directory)?, Vec::new())) }
    }

    /// Removes a directory of a run that did not begin. One that has a record or any other file stays, and so does one that was there before.
    pub fn discard(self) {
        let has_records = self.results.metadata().map_or(true, |results| results.len() > 0);
        if has_records {
            return;
        }
        // Folders are removed only where they are empty.
        let _ = fs::remove_file(self.directory.join(RESULTS_FILE));
        let _ = fs::remove_dir(self.directory.join(RAW_FOLDER));
        if self.made {
            let _ = fs::remove_dir(&self.directory);
        }
    }

    /// Appends a record as one line in one write. After a failure the file ends where it ended before.
    pub fn append(&mut self, record: &Record) -> Result<(), ArchiveError> {
        let json = serde_json::to_string(record).map_err(|source| ArchiveError::Unwritable { id: record.id.to_string(), source })?;
        let line = format!("{}{json}\n", if self.torn { "\n" } else { "" });
        let file = self.directory.join(RESULTS_FILE);
        let before = self.results.metadata().map_err(|error| ArchiveError::io(&file, "read", error))?.len();
        match self.results.write_all(line.as_bytes()) {
            Ok(()) => {
                self.torn = false;
                Ok(())
            }
            Err(error) => {
                // Taking the half line back frees its space again. Where even that fails, the next record starts on a new line.
                self.torn |= self.results.set_len(before).is_err();
                Err(ArchiveError::io(&file, "written", error))
            }
        }
    }

    /// Forces every record to the disk.
    pub fn sync(&self) -> Result<(), ArchiveError> {
        self.results.sync_data().map_err(|error| ArchiveError::io(&self.directory.join(RESULTS_FILE), "written", error))
    }

    /// Keeps a tool's own output and gives its path for [`Record::raw`], `raw/NAME`.
    ///
    /// The name is reduced to letters, digits, `.`, `_` and `-`; where it is taken, a number is added: nothing is overwritten.
    pub fn store_raw(&self, name: &str, bytes: &[u8]) -> Result<String, ArchiveError> {
        let name = sanitised(name);
        let (stem, extension) = name.rsplit_once('.').map_or((name.as_str(), String::new()), |(stem, ext)| (stem, format!(".{ext}")));
        let mut number = 1_u32;
        loop {
            let candidate = if number == 1 { name.clone() } else { format!("{stem}-{number}{extension}") };
            let file = self.directory.join(RAW_FOLDER).join(&candidate);
            match OpenOptions::new().write(true).create_new(true).open(&file) {
                Ok(mut open) => {
                    return match open.write_all(bytes) {
                        Ok(()) => Ok(format!("{RAW_FOLDER}/{candidate}")),
                        Err(error) => {
                            // Half an output would parse to something else; the error that matters is the first one.
                            let _ = fs::remove_file(&file);
                            Err(ArchiveError::io(&file, "written", error))
                        }
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => number += 1,
                Err(error) => return Err(ArchiveError::io(&file, "made", error)),
            }
        }
    }

    /// Writes why the run stops before its first measurement. Resuming the run removes the file.
    pub fn write_stopped(&self, why: &str) -> Result<(), ArchiveError> {
        write_regular(&self.directory, STOPPED_FILE, format!("{why}\n").as_bytes())
            .map_err(|error| ArchiveError::io(&self.directory.join(STOPPED_FILE), "written", error))
    }

    /// Keeps the plan as it was given. A different text that is there stays, as `plan-1.toml`; so do testbeds and environments.
    pub fn write_plan(&mut self, text: &str) -> Result<Digest, ArchiveError> {
        self.write_given(PLAN_FILE, text.as_bytes())
    }

    /// Keeps the testbed as it was given.
    pub fn write_testbed(&mut self, text: &str) -> Result<Digest, ArchiveError> {
        self.write_given(TESTBED_FILE, text.as_bytes())
    }

    /// Keeps what each endpoint was.
    pub fn write_environment(&mut self, environment: &Environment) -> Result<Digest, ArchiveError> {
        let mut json = serde_json::to_vec_pretty(environment)
            .map_err(|source| ArchiveError::Unwritable { id: ENVIRONMENT_FILE.to_owned(), source })?;
        json.push(b'\n');
        self.write_given(ENVIRONMENT_FILE, &json)
    }

    /// Writes a file of a name that no other file of a run has, in place of the one that is there. It writes beside and renames, so that the file is
    /// there whole or not at all, and a symbolic link is replaced instead of followed.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let beside = format!(".{name}.part");
        let file = self.directory.join(name);
        write_regular(&self.directory, &beside, bytes)
            .and_then(|()| fs::rename(self.directory.join(&beside), &file))
            .map_err(|error| ArchiveError::io(&file, "written", error))
    }

    /// The hashes of what was written so far, for [`Record::provenance`]: `plan_sha256`, `testbed_sha256`, `environment_sha256`.
    pub fn provenance(&self) -> &Map<String, Value> {
        &self.provenance
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    fn open(directory: &Path) -> Result<Self, ArchiveError> {
        let raw = directory.join(RAW_FOLDER);
        let made = match fs::symlink_metadata(&raw) {
            Ok(found) if found.is_symlink() => {
                Err(io::Error::other("it is a symbolic link; a run keeps its raw files in a folder of its own"))
            }
            _ => fs::create_dir_all(&raw),
        };
        made.map_err(|error| ArchiveError::io(&raw, "made", error))?;
        let file = directory.join(RESULTS_FILE);
        let mut results = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&file)
            .map_err(|error| ArchiveError::io(&file, "opened for writing", error))?;
        let torn = ends_in_mid_line(&mut results).map_err(|error| ArchiveError::io(&file, "read", error))?;
        let mut run = RunDirectory { directory: directory.to_owned(), results, torn, provenance: Map::new(), made: false };
        for name in [PLAN_FILE, TESTBED_FILE, ENVIRONMENT_FILE] {
            if let Ok(bytes) = read_regular(directory, name, GIVEN_LIMIT) {
                run.note(name, &Digest::of(&bytes));
            }
        }
        Ok(run)
    }

    fn write_given(&mut self, name: &str, bytes: &[u8]) -> Result<Digest, ArchiveError> {
        self.keep_earlier(name, bytes)?;
        self.replace(name, bytes)?;
        let digest = Digest::of(bytes);
        self.note(name, &digest);
        Ok(digest)
    }

    /// Keeps a copy of a file before another text replaces it: records may have been made with it.
    fn keep_earlier(&self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let file = self.directory.join(name);
        // Nothing to keep, or nothing that could be kept: writing it reports what is wrong.
        let Ok(there) = read_regular(&self.directory, name, GIVEN_LIMIT) else { return Ok(()) };
        if there == bytes {
            return Ok(());
        }
        let number = earlier_copies(&self.directory, name).len() + 1;
        let kept = self.directory.join(copy_name(name, number));
        // A link fails where the name is taken: nothing is overwritten.
        fs::hard_link(&file, &kept).map_err(|error| ArchiveError::io(&kept, "made", error))
    }

    fn note(&mut self, name: &str, digest: &Digest) {
        self.provenance.insert(hash_key(name), Value::from(digest.as_str()));
    }
}

/// The key of a given file's hash in [`Record::provenance`].
pub(super) fn hash_key(name: &str) -> String {
    format!("{}_sha256", name.split('.').next().unwrap_or(name))
}

/// The names of the earlier texts of a given file that are kept, oldest first.
pub(super) fn earlier_copies(directory: &Path, name: &str) -> Vec<String> {
    (1..).map(|number| copy_name(name, number)).take_while(|copy| fs::symlink_metadata(directory.join(copy)).is_ok()).collect()
}

fn copy_name(name: &str, number: usize) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("{stem}-{number}.{extension}")
}

/// Finds out before measuring starts whether results can be kept: writes a file, forces it to the disk, removes it.
fn probe(directory: &Path) -> Result<(), ArchiveError> {
    let file = directory.join(PROBE_FILE);
    let outcome = create_regular(directory, PROBE_FILE).and_then(|mut open| {
        open.write_all(&vec![0x5a; PROBE_BYTES])?;
        open.sync_all()
    });
    let removed = fs::remove_file(&file);
    outcome.and(removed).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ArchiveError::NoSpace(directory.to_owned()),
        io::ErrorKind::NotFound => ArchiveError::io(directory, "written to", io::ErrorKind::PermissionDenied.into()),
        _ => ArchiveError::io(directory, "written to", error),
    })
}

fn ends_in_mid_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn sanitised(name: &str) -> String {
    let clean: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).take(LONGEST_NAME).collect();
    let clean = clean.trim_start_matches(['.', '-']).trim_end_matches('.');
    if clean.is_empty() { "output".to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_sha256_of_fips_180_2() {
        assert_eq!(Digest::of(b"abc").as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn only_a_directory_without_records_and_other_files_is_discarded() {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        RunDirectory::create(&run).unwrap().discard();
        assert!(!run.exists());
        fs::create_dir(&run).unwrap();
        RunDirectory::create(&run).unwrap().discard();
        assert_eq!(fs::read_dir(&run).unwrap().count(), 0, "a directory of the user's stays");
        let mut directory = RunDirectory::create(&run).unwrap();
        directory.write_plan("name = \"x\"").unwrap();
        directory.discard();
        assert!(run.join(PLAN_FILE).exists());
        fs::write(run.join(RESULTS_FILE), "{").unwrap();
        RunDirectory::resume(&run).unwrap().0.discard();
        assert!(run.join(RESULTS_FILE).exists());
    }

    #[test]
    fn raw_names_cannot_leave_the_folder() {
        for (given, kept) in [("../../etc/passwd", "etc-passwd"), ("a→b tcp.json", "a-b-tcp.json"), ("...", "output"), ("", "output")] {
            assert_eq!(sanitised(given), kept);
        }
        assert!(sanitised(&"x".repeat(1000)).len() <= LONGEST_NAME);
    }
}
