//! What interfaces had before they were changed, so that a later run can put it back where the one that changed it was killed.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::error::InterfaceSettingsError;
use super::model::InterfaceSettings;
use super::tools::write;
use crate::process::{BootId, Location, NamespaceName, ProcessIdentity};

/// In memory, gone with a reboot as the settings of this machine are. No lab's name starts with a dot.
const FOLDER_OF_ROOT: &str = "/run/linerate/.interfaces";

/// The same for a user without rights on this machine, whose endpoints are on others.
const FOLDER_IN_RUNTIME: &str = "linerate/interfaces";

/// One change of one interface.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    owner: ProcessIdentity,
    boot: BootId,
    place: Place,
    interface: String,
    before: InterfaceSettings,
}

/// Where the interface is.
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
            Location::Ssh(_) | Location::Container(_) => Place::Other(location.to_string()),
        }
    }
}

/// An entry of the journal on disk.
#[derive(Debug)]
pub(super) struct Entry {
    file: PathBuf,
}

/// Tells the entries of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Entry {
    /// Writes what an interface has, before it is changed.
    pub(super) fn write(location: &Location, interface: &str, before: InterfaceSettings) -> Result<Entry, InterfaceSettingsError> {
        Entry::write_in(&folder(), location, interface, before)
    }

    fn write_in(folder: &Path, location: &Location, interface: &str, before: InterfaceSettings) -> Result<Entry, InterfaceSettingsError> {
        let failure = |path: &Path| {
            let path = path.to_owned();
            move |source| InterfaceSettingsError::Journal { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failure(folder))?;
        let unnamed = || failure(Path::new("/proc/self/stat"))(io::Error::other("it has no start time"));
        let owner = ProcessIdentity::current().ok_or_else(unnamed)?;
        let (boot, interface) = (BootId::here(), interface.to_owned());
        let change = Change { owner, boot, place: Place::of(location), interface, before };
        let file = folder.join(format!("{}-{}-{}.json", owner.pid, owner.started_ticks, NEXT.fetch_add(1, Ordering::Relaxed)));
        let text = serde_json::to_string(&change).map_err(|error| failure(&file)(error.into()))?;
        // Through a second file: a reader sees a whole entry or none.
        let unfinished = file.with_extension("new");
        fs::write(&unfinished, text).map_err(failure(&unfinished))?;
        fs::rename(&unfinished, &file).map_err(failure(&file))?;
        Ok(Entry { file })
    }

    /// Everything was put back.
    pub(super) fn remove(self) {
        // What cannot be removed is put back once more, to the same values.
        let _ = fs::remove_file(&self.file);
    }
}

fn folder() -> PathBuf {
    let runtime = || std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    match runtime().filter(|_| !nix::unistd::geteuid().is_root()) {
        Some(runtime) => Path::new(&runtime).join(FOLDER_IN_RUNTIME),
        None => PathBuf::from(FOLDER_OF_ROOT),
    }
}

/// What was done about the changes that a dead run left.
#[derive(Debug, Default)]
pub struct RestoreReport {
    /// What was put back, one sentence each.
    pub restored: Vec<String>,
    /// What could not be put back, one sentence each.
    pub problems: Vec<String>,
}

/// Puts back what runs changed that were killed: on this machine everything, on other machines what is at one of `places`.
pub fn restore_left<'a>(places: impl IntoIterator<Item = &'a Location>) -> RestoreReport {
    restore_left_in(&folder(), places)
}

fn restore_left_in<'a>(folder: &Path, places: impl IntoIterator<Item = &'a Location>) -> RestoreReport {
    let mut report = RestoreReport::default();
    let places: Vec<&Location> = places.into_iter().collect();
    let Ok(entries) = fs::read_dir(folder) else { return report };
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    for file in files {
        let Some(change) = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str::<Change>(&text).ok()) else { continue };
        let same_boot = change.boot == BootId::here();
        if same_boot && change.owner.is_alive() {
            continue;
        }
        let location = match &change.place {
            // A reboot undid it.
            Place::Here | Place::Namespace(_) if !same_boot => None,
            Place::Here => Some(Location::Here),
            Place::Namespace(name) => name.exists().then(|| Location::Namespace(name.clone())),
            Place::Other(_) => match places.iter().find(|location| Place::of(location) == change.place) {
                Some(location) => Some((*location).clone()),
                // It waits for a run on that machine.
                None => continue,
            },
        };
        let Some(location) = location else {
            let _ = fs::remove_file(&file);
            continue;
        };
        let what = format!("interface {} at {location}: {}", change.interface, change.before);
        match write(&location, &change.interface, change.before) {
            Ok(()) => {
                let _ = fs::remove_file(&file);
                report.restored.push(format!("{what} was put back: a run that was killed had changed it"));
            }
            Err(error) => report.problems.push(format!("{what} could not be put back: {error}")),
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface_settings::Mtu;
    use crate::process::SshTarget;

    const BEFORE: InterfaceSettings = InterfaceSettings { mtu: None, gso: None, gro: None, no_xdp_program: false };

    fn left(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    fn by_a_dead_process(entry: &Entry) {
        let mut change: Change = serde_json::from_str(&fs::read_to_string(&entry.file).unwrap()).unwrap();
        change.owner.started_ticks += 1;
        fs::write(&entry.file, serde_json::to_string(&change).unwrap()).unwrap();
    }

    #[test]
    fn an_entry_stays_while_its_owner_lives_and_is_restored_when_it_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry::write_in(folder.path(), &Location::Here, "lo", BEFORE).unwrap();
        assert!(restore_left_in(folder.path(), []).restored.is_empty() && left(folder.path()) == 1);
        by_a_dead_process(&entry);
        let report = restore_left_in(folder.path(), []);
        assert!(report.restored.len() == 1 && report.restored[0].contains("interface lo at this machine"), "{report:?}");
        assert_eq!(left(folder.path()), 0);
    }

    #[test]
    fn what_cannot_be_put_back_is_reported_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let before = InterfaceSettings { mtu: Mtu::new(1500), ..BEFORE };
        by_a_dead_process(&Entry::write_in(folder.path(), &Location::Here, "no-such-if", before).unwrap());
        let report = restore_left_in(folder.path(), []);
        assert!(report.problems.len() == 1 && report.problems[0].contains("interface no-such-if"), "{report:?}");
        assert_eq!(left(folder.path()), 1);
    }

    #[test]
    fn a_namespace_that_is_gone_needs_nothing_and_another_machine_waits_for_a_run_there() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Location::Namespace("lr-no-such-namespace".parse().unwrap());
        let machine = Location::Ssh(SshTarget::new("server-a"));
        by_a_dead_process(&Entry::write_in(folder.path(), &gone, "pf0", BEFORE).unwrap());
        by_a_dead_process(&Entry::write_in(folder.path(), &machine, "eth0", BEFORE).unwrap());
        let report = restore_left_in(folder.path(), [&Location::Here]);
        assert!(report.restored.is_empty() && report.problems.is_empty(), "{report:?}");
        assert_eq!(left(folder.path()), 1);
    }

    #[test]
    fn an_entry_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = Entry::write_in(&file.path().join("x"), &Location::Here, "lo", BEFORE).unwrap_err().to_string();
        assert!(refused.contains("nothing was changed") && refused.contains(&file.path().display().to_string()), "{refused}");
    }
}
