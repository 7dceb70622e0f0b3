//! What a run changes outside its own processes, written down before, so that a later run can put it back where the one that changed it was killed.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::process::{BootId, Location, NamespaceName, ProcessIdentity};

/// In memory, gone with a reboot as the changes of this machine are. No lab's name starts with a dot.
const FOLDER_OF_ROOT: &str = "/run/linerate";

/// The same for a user without rights on this machine, whose endpoints are on others.
const FOLDER_IN_RUNTIME: &str = "linerate";

/// A journal cannot be written; nothing may be changed then.
#[derive(Debug, Error)]
#[error("{}: {source}", path.display())]
pub struct JournalError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// The journal of one kind of change: a folder with a file for each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    folder: PathBuf,
}

/// One change of one run.
#[derive(Debug, Serialize, Deserialize)]
struct Change<T> {
    owner: ProcessIdentity,
    boot: BootId,
    place: Place,
    #[serde(flatten)]
    content: T,
}

/// Where the change was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Place {
    Here,
    Namespace(NamespaceName),
    /// Another machine or a container, by the name that the testbed gives it: how it is reached is in the testbed.
    Other(String),
}

impl Place {
    fn of(location: &Location) -> Self {
        match location {
            Location::Here => Place::Here,
            Location::Namespace(name) => Place::Namespace(name.clone()),
            // Its interfaces are those of the namespace.
            Location::Confined(confinement) => Place::Namespace(confinement.namespace.clone()),
            Location::Ssh(_) | Location::Container(_) => Place::Other(location.to_string()),
        }
    }
}

/// An entry of the journal on disk.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) file: PathBuf,
}

impl Entry {
    /// Everything was put back.
    pub(crate) fn remove(self) {
        // What cannot be removed is put back once more, to the same values.
        let _ = fs::remove_file(&self.file);
    }
}

/// An entry that a dead run left, and where its change was made.
#[derive(Debug)]
pub(crate) struct Left<T> {
    pub(crate) content: T,
    pub(crate) location: Location,
    pub(crate) entry: Entry,
}

/// Tells the entries of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Journal {
    /// The journal in this folder of linerate's.
    pub(crate) fn named(name: &str) -> Journal {
        let runtime = || std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
        let folder = match runtime().filter(|_| !nix::unistd::geteuid().is_root()) {
            Some(runtime) => Path::new(&runtime).join(FOLDER_IN_RUNTIME).join(name),
            None => Path::new(FOLDER_OF_ROOT).join(format!(".{name}")),
        };
        Journal { folder }
    }

    /// The journal in a folder of a test.
    #[cfg(test)]
    pub(crate) fn in_folder(folder: &Path) -> Journal {
        Journal { folder: folder.to_owned() }
    }

    /// Writes what will be changed at a place.
    pub(crate) fn write<T: Serialize>(&self, location: &Location, content: &T) -> Result<Entry, JournalError> {
        let failure = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failure(&self.folder))?;
        let unnamed = || failure(Path::new("/proc/self/stat"))(io::Error::other("it has no start time"));
        let owner = ProcessIdentity::current().ok_or_else(unnamed)?;
        let change = Change { owner, boot: BootId::here(), place: Place::of(location), content };
        let file = self.folder.join(format!("{}-{}-{}.json", owner.pid, owner.started_ticks, NEXT.fetch_add(1, Ordering::Relaxed)));
        let text = serde_json::to_string(&change).map_err(|error| failure(&file)(error.into()))?;
        // Through a second file: a reader sees a whole entry or none.
        let unfinished = file.with_extension("new");
        fs::write(&unfinished, text).map_err(failure(&unfinished))?;
        fs::rename(&unfinished, &file).map_err(failure(&file))?;
        Ok(Entry { file })
    }

    /// What dead runs left and can be put back now: on this machine everything, on other machines what is at one of `places`. What a reboot or the
    /// end of a namespace undid is removed.
    pub(crate) fn left<'a, T: DeserializeOwned>(&self, places: impl IntoIterator<Item = &'a Location>) -> Vec<Left<T>> {
        let places: Vec<&Location> = places.into_iter().collect();
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        let mut files: Vec<PathBuf> = files.collect();
        files.sort();
        files.into_iter().filter_map(|file| left(file, &places)).collect()
    }
}

fn left<T: DeserializeOwned>(file: PathBuf, places: &[&Location]) -> Option<Left<T>> {
    let change: Change<T> = serde_json::from_str(&fs::read_to_string(&file).ok()?).ok()?;
    let same_boot = change.boot == BootId::here();
    if same_boot && change.owner.is_alive() {
        return None;
    }
    let location = match &change.place {
        // A reboot undid it.
        Place::Here | Place::Namespace(_) if !same_boot => None,
        Place::Here => Some(Location::Here),
        Place::Namespace(name) => name.exists().then(|| Location::Namespace(name.clone())),
        // Without one of these places, it waits for a run on that machine.
        Place::Other(_) => Some((*places.iter().find(|location| Place::of(location) == change.place)?).clone()),
    };
    let entry = Entry { file };
    match location {
        Some(location) => Some(Left { content: change.content, location, entry }),
        None => {
            entry.remove();
            None
        }
    }
}

/// Makes an entry look as if its process had died.
#[cfg(test)]
pub(crate) fn by_a_dead_process(entry: &Entry) {
    let mut change: serde_json::Value = serde_json::from_str(&fs::read_to_string(&entry.file).unwrap()).unwrap();
    change["owner"]["started_ticks"] = (change["owner"]["started_ticks"].as_u64().unwrap() + 1).into();
    fs::write(&entry.file, change.to_string()).unwrap();
}
