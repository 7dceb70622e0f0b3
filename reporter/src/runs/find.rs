//! Which directories are runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::archive::RESULTS_FILE;

/// A run directory, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRun {
    /// The run directory.
    pub directory: PathBuf,
    /// The folder between the given directory and the run, where there is one: by convention the testbed's name.
    pub folder: Option<String>,
}

/// A directory that is not among the runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Which.
    pub directory: PathBuf,
    /// Why.
    pub why: String,
    /// For a run without a record: the name of the folder that contains it, which is by convention the testbed's name.
    #[serde(skip)]
    pub testbed: Option<String>,
}

/// A directory that was named cannot be listed.
#[derive(Debug, Error)]
#[error("{} cannot be listed: {source}; give run directories, or a directory that contains run directories", .directory.display())]
pub struct NoDirectory {
    directory: PathBuf,
    source: std::io::Error,
}

/// Finds the runs of each directory, and lists the directories that are not runs.
pub(super) fn find(directories: &[PathBuf]) -> Result<(Vec<FoundRun>, Vec<Skipped>), NoDirectory> {
    let mut search = Search::default();
    for directory in directories {
        if is_run(directory) {
            search.add(directory, None);
            continue;
        }
        for inner in folders(directory).map_err(|source| NoDirectory { directory: directory.clone(), source })? {
            search.look(&inner);
        }
    }
    Ok((search.found, search.skipped))
}

#[derive(Default)]
struct Search {
    found: Vec<FoundRun>,
    skipped: Vec<Skipped>,
    seen: BTreeSet<PathBuf>,
}

impl Search {
    fn look(&mut self, directory: &Path) {
        if is_run(directory) {
            return self.add(directory, None);
        }
        let name = directory.file_name().map(|name| name.to_string_lossy().into_owned());
        match folders(directory) {
            Ok(inner) => {
                let (runs, others): (Vec<_>, Vec<_>) = inner.into_iter().partition(|inner| is_run(inner));
                if runs.is_empty() {
                    return self.skip(directory, "it is not a run directory and holds none: there is no results.jsonl");
                }
                runs.iter().for_each(|run| self.add(run, name.clone()));
                others.iter().for_each(|other| self.skip(other, "it is not a run directory: it has no results.jsonl"));
            }
            Err(error) => self.skip(directory, &format!("it cannot be listed: {error}")),
        }
    }

    fn add(&mut self, directory: &Path, folder: Option<String>) {
        // What cannot be resolved cannot be read either; reading it says so.
        let resolved = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        if self.seen.insert(resolved) {
            self.found.push(FoundRun { directory: directory.to_owned(), folder });
        } else {
            self.skip(directory, "it is a run that is already among the others");
        }
    }

    fn skip(&mut self, directory: &Path, why: &str) {
        self.skipped.push(Skipped { directory: directory.to_owned(), why: why.to_owned(), testbed: None });
    }
}

fn is_run(directory: &Path) -> bool {
    fs::symlink_metadata(directory.join(RESULTS_FILE)).is_ok()
}

/// The folders in a directory, in the order of their names. Hidden folders and files are not runs.
fn folders(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
