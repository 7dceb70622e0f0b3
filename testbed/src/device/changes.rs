//! What a device changes where it runs, and how that is put back: also by the next run, where this one is killed.

use serde::{Deserialize, Serialize};

use super::error::DeviceError;
use super::place::Place;
use crate::interface_settings::RestoreReport;
use crate::journal::{Entry, Journal, Left};
use crate::process::Location;
use crate::topology::DeviceId;

/// How one change is undone. Each can be done twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Undo {
    /// Delete an interface that was made.
    DeleteLink { name: String },
    /// Give an interface its former bridge, or none.
    Master { interface: String, master: Option<String> },
    /// Take an interface down that was down.
    LinkDown { interface: String },
    /// End promiscuous mode.
    PromiscuousOff { interface: String },
    /// Write a file of the kernel's as it was.
    File { file: String, value: String },
    /// Delete the rule that sends what comes from an interface to a table.
    DeleteRule { interface: String, table: u32 },
    /// Delete the routes of a table.
    FlushTable { table: u32 },
    /// Delete a neighbour.
    DeleteNeighbour { interface: String, address: String },
    /// Delete an address.
    DeleteAddress { interface: String, address: String },
}

/// What commands print where there is nothing to undo any more: the interface, rule, route, neighbour or address is gone (iproute2, coreutils).
const GONE: [&str; 5] = ["Cannot find device", "No such", "does not exist", "Cannot assign requested address", "FIB table does not exist"];

impl Undo {
    fn carry_out(&self, place: &Place) -> Result<(), DeviceError> {
        let done = match self {
            Undo::DeleteLink { name } => place.ask(&["ip", "link", "delete", "dev", name]),
            Undo::Master { interface, master: None } => place.ask(&["ip", "link", "set", "dev", interface, "nomaster"]),
            Undo::Master { interface, master: Some(master) } => place.ask(&["ip", "link", "set", "dev", interface, "master", master]),
            Undo::LinkDown { interface } => place.ask(&["ip", "link", "set", "dev", interface, "down"]),
            Undo::PromiscuousOff { interface } => place.ask(&["ip", "link", "set", "dev", interface, "promisc", "off"]),
            Undo::File { file, value } => place.write(file, value).map(|()| String::new()),
            Undo::DeleteRule { interface, table } => place.ask(&["ip", "rule", "delete", "iif", interface, "lookup", &table.to_string()]),
            Undo::FlushTable { table } => place.ask(&["ip", "route", "flush", "table", &table.to_string()]),
            Undo::DeleteNeighbour { interface, address } => place.ask(&["ip", "neigh", "delete", address, "dev", interface]),
            Undo::DeleteAddress { interface, address } => place.ask(&["ip", "address", "delete", address, "dev", interface]),
        };
        match done {
            Err(DeviceError::Refused { said, .. }) if GONE.iter().any(|gone| said.contains(gone)) => Ok(()),
            done => done.map(|_| ()),
        }
    }
}

/// An entry of the journal: the changes of one device, in the order in which they were made.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    device: DeviceId,
    changes: Vec<Undo>,
}

fn journal() -> Journal {
    Journal::named("devices")
}

/// The changes of one device. They are put back by [`restore`](Self::restore), or when this is dropped.
#[derive(Debug)]
pub(super) struct Changes {
    place: Place,
    made: Vec<Undo>,
    entry: Option<Entry>,
}

impl Changes {
    /// None yet.
    pub(super) fn at(place: Place) -> Self {
        Changes { place, made: Vec::new(), entry: None }
    }

    /// Notes how a change is undone. The change is made afterwards, so that a run that is killed in between undoes too much rather than too little.
    pub(super) fn note(&mut self, undo: Undo) -> Result<(), DeviceError> {
        self.made.push(undo);
        self.write()
    }

    fn write(&mut self) -> Result<(), DeviceError> {
        let noted = Noted { device: self.place.device.clone(), changes: self.made.clone() };
        let entry = journal().write(&self.place.location, &noted);
        let entry = entry.map_err(|source| DeviceError::Journal { device: self.place.device.clone(), source })?;
        if let Some(shorter) = self.entry.replace(entry) {
            shorter.remove();
        }
        Ok(())
    }

    /// Whether a change was noted that is undone like this.
    pub(super) fn has(&self, undo: &Undo) -> bool {
        self.made.contains(undo)
    }

    /// A change that a command makes. What the command finds there already is not this device's, and is not undone.
    pub(super) fn make(&mut self, undo: Undo, command: &[&str]) -> Result<(), DeviceError> {
        self.note(undo)?;
        match self.place.ask(command) {
            Err(error) if error.exists_already() => {
                self.made.pop();
                self.write()?;
                Err(error)
            }
            made => made.map(|_| ()),
        }
    }

    /// Sets a file of the kernel's, where it has another value.
    pub(super) fn set_file(&mut self, file: &str, value: &str) -> Result<(), DeviceError> {
        let before = self.place.read(file)?;
        if before != value {
            self.note(Undo::File { file: file.to_owned(), value: before })?;
            self.place.write(file, value)?;
        }
        Ok(())
    }

    /// Puts everything back, the last change first.
    ///
    /// # Errors
    /// The first thing that could not be put back; the others were. The entry stays in the journal, and the next run tries again.
    pub(super) fn restore(mut self) -> Result<(), DeviceError> {
        self.put_back()
    }

    fn put_back(&mut self) -> Result<(), DeviceError> {
        // Taken first: what cannot be put back now stays on disk, whatever is dropped afterwards.
        let (made, entry) = (std::mem::take(&mut self.made), self.entry.take());
        undo(&made, &self.place)?;
        if let Some(entry) = entry {
            entry.remove();
        }
        Ok(())
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        if let Err(error) = self.put_back() {
            tracing::warn!("{error}; not everything was put back, and the next run tries again");
        }
    }
}

/// Undoes changes, the last first. One that fails does not keep the others.
fn undo(changes: &[Undo], place: &Place) -> Result<(), DeviceError> {
    let results: Vec<_> = changes.iter().rev().map(|change| change.carry_out(place)).collect();
    results.into_iter().collect()
}

/// Puts back what devices of killed runs changed: on this machine everything, on other machines what is at one of `places`.
pub fn restore_left<'a>(places: impl IntoIterator<Item = &'a Location>) -> RestoreReport {
    restore_left_in(&journal(), places)
}

fn restore_left_in<'a>(journal: &Journal, places: impl IntoIterator<Item = &'a Location>) -> RestoreReport {
    let mut report = RestoreReport::default();
    for Left { content: Noted { device, changes }, location, entry } in journal.left(places) {
        let place = Place { device, location };
        let what = format!("device `{}` at {}", place.device, place.location);
        match undo(&changes, &place) {
            Ok(()) => {
                entry.remove();
                report.restored.push(format!("{what}: what it changed was put back: a run that was killed had started it"));
            }
            Err(error) => report.problems.push(format!("{what}: what it changed could not be put back: {error}")),
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::by_a_dead_process;

    #[test]
    fn what_a_dead_run_changed_is_put_back_in_reverse_order_and_what_is_gone_needs_nothing() {
        let (folder, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        let path = file.path().display().to_string();
        let of_file = |value: &str| Undo::File { file: path.clone(), value: value.to_owned() };
        let gone = Undo::Master { interface: "lr-none0".to_owned(), master: None };
        let noted = Noted { device: DeviceId("switch".to_owned()), changes: vec![of_file("first"), gone, of_file("second")] };
        let journal = Journal::in_folder(folder.path());
        let entry = journal.write(&Location::Here, &noted).unwrap();
        assert!(restore_left_in(&journal, []).restored.is_empty(), "its owner lives");
        by_a_dead_process(&entry);
        let report = restore_left_in(&journal, []);
        assert!(report.problems.is_empty() && report.restored[0].contains("device `switch`"), "{report:?}");
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_put_back_stays_in_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Undo::File { file: folder.path().display().to_string(), value: "1".to_owned() };
        let journal = Journal::in_folder(folder.path());
        by_a_dead_process(
            &journal.write(&Location::Here, &Noted { device: DeviceId("switch".to_owned()), changes: vec![refused] }).unwrap(),
        );
        let report = restore_left_in(&journal, []);
        assert!(report.restored.is_empty() && report.problems.len() == 1, "{report:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
