use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::containers::LabContainer;
use super::directory::{ROOT, directory};
use super::error::LabError;
use super::guests::LabGuest;
use super::kind::LabKind;
use super::layout::LabLayout;
use super::name::LabName;
use crate::process::{BootId, ProcessIdentity};

const LOCK_FILE: &str = ".lock";
const REGISTRATION_FILE: &str = "lab.json";
/// Starts the name of a directory that is not a lab yet; no lab's name starts with a dot.
const UNFINISHED: &str = ".new-";

/// A lab as it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registration {
    pub(super) name: LabName,
    #[serde(default)]
    pub(super) kind: LabKind,
    pub(super) owner: Owner,
    /// The containers, once they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) containers: Vec<LabContainer>,
    /// The virtual machines, once they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) guests: Vec<LabGuest>,
}

impl Registration {
    pub(super) fn layout(&self) -> LabLayout {
        LabLayout::of(&self.name, self.kind)
    }

    /// What may have been made for it: where the registration cannot be read, the layouts of all kinds.
    pub(super) fn layouts(&self) -> Vec<LabLayout> {
        match self.owner {
            Owner::Unknown { .. } => LabKind::ALL.into_iter().map(|kind| LabLayout::of(&self.name, kind)).collect(),
            Owner::Nobody | Owner::Process { .. } => vec![self.layout()],
        }
    }
}

/// Who takes a lab down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Owner {
    /// Nobody: it stays until someone asks.
    Nobody,
    /// The process that made it.
    Process {
        /// The process number and its start since boot.
        identity: ProcessIdentity,
        /// Which boot that was.
        boot: BootId,
    },
    /// The registration cannot be read: not removed unasked.
    #[serde(skip)]
    Unknown {
        /// Why not.
        reason: String,
    },
}

impl Owner {
    pub(super) fn this_process() -> Result<Self, LabError> {
        let unreadable = || failure("read", Path::new("/proc/self/stat"))(io::Error::other("it has no start time"));
        Ok(Owner::Process { identity: ProcessIdentity::current().ok_or_else(unreadable)?, boot: BootId::here() })
    }

    /// Whether a process owned it and is gone. A later process with the same number is another one: it started later, or after another boot.
    pub(super) fn is_dead(&self) -> bool {
        match self {
            Owner::Process { identity, boot } => *boot != BootId::here() || !identity.is_alive(),
            Owner::Nobody | Owner::Unknown { .. } => false,
        }
    }
}

/// Every lab that is registered, by name.
pub(super) fn registered() -> Result<Vec<Registration>, LabError> {
    let root = Path::new(ROOT);
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure("read", root)(error)),
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<LabName>().ok());
    let mut all: Vec<Registration> = names.filter_map(read).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// `None` if it was removed meanwhile.
fn read(name: LabName) -> Option<Registration> {
    let path = directory(&name).join(REGISTRATION_FILE);
    let unknown = |reason: String| Registration {
        name: name.clone(),
        kind: LabKind::default(),
        owner: Owner::Unknown { reason: format!("{}: {reason}", path.display()) },
        containers: Vec::new(),
        guests: Vec::new(),
    };
    match fs::read_to_string(&path) {
        Ok(text) => match serde_json::from_str::<Registration>(&text) {
            Ok(registration) if registration.name == name => Some(registration),
            Ok(registration) => Some(unknown(format!("it is about another lab, {}", registration.name))),
            Err(error) => Some(unknown(error.to_string())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && !directory(&name).exists() => None,
        Err(error) => Some(unknown(error.to_string())),
    }
}

/// The register, held by this process alone: what it shows stays true until this is dropped, or the process dies.
#[derive(Debug)]
pub(super) struct Locked {
    _lock: Flock<File>,
}

impl Locked {
    pub(super) fn lock() -> Result<Self, LabError> {
        let root = Path::new(ROOT);
        DirBuilder::new().recursive(true).mode(0o755).create(root).map_err(failure("make the directory", root))?;
        let path = root.join(LOCK_FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failure("open", &path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| failure("lock", &path)(errno.into()))?;
        Ok(Locked { _lock: lock })
    }

    /// Adds a lab. Its directory appears with the registration in it, or not at all.
    pub(super) fn register(&self, registration: &Registration) -> Result<(), LabError> {
        let unfinished = Path::new(ROOT).join(format!("{UNFINISHED}{}", registration.name));
        // Left by a process that was killed right here: we hold the lock, so it is not at work.
        let _ = fs::remove_dir_all(&unfinished);
        DirBuilder::new().mode(0o700).create(&unfinished).map_err(failure("make the directory", &unfinished))?;
        write(&unfinished, registration)?;
        let directory = directory(&registration.name);
        fs::rename(&unfinished, &directory).map_err(|error| {
            let _ = fs::remove_dir_all(&unfinished);
            match error.kind() {
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => LabError::NameTaken { name: registration.name.clone() },
                _ => failure("make the directory", &directory)(error),
            }
        })
    }

    /// Replaces a lab's registration.
    pub(super) fn rewrite(&self, registration: &Registration) -> Result<(), LabError> {
        write(&directory(&registration.name), registration)
    }

    /// Removes a lab's directory, with the sockets in it.
    pub(super) fn unregister(&self, name: &LabName) -> Result<(), LabError> {
        let directory = directory(name);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure("remove", &directory)(error)),
            _ => Ok(()),
        }
    }
}

/// Through a second file: a reader sees the old registration or the new one, never half of one.
fn write(directory: &Path, registration: &Registration) -> Result<(), LabError> {
    let path = directory.join(REGISTRATION_FILE);
    let text = serde_json::to_string(registration).map_err(|error| failure("write", &path)(error.into()))?;
    let next = directory.join(format!("{REGISTRATION_FILE}.next"));
    fs::write(&next, text).map_err(failure("write", &next))?;
    fs::rename(&next, &path).map_err(failure("write", &path))
}

pub(super) fn failure(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LabError + use<> {
    let path = path.to_owned();
    move |source| LabError::Register { what, path, source }
}
