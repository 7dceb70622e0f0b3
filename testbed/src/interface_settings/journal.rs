//! What interfaces had before they were changed, so that a later run can put it back where the one that changed it was killed.

use serde::{Deserialize, Serialize};

use super::error::InterfaceSettingsError;
use super::model::InterfaceSettings;
use super::tools::write;
use crate::journal::{Entry, Journal, JournalError, Left};
use crate::process::Location;

/// One change of one interface.
#[derive(Debug, Serialize, Deserialize)]
struct Change {
    interface: String,
    before: InterfaceSettings,
}

fn journal() -> Journal {
    Journal::named("interfaces")
}

/// Writes what an interface has, before it is changed.
pub(super) fn note(location: &Location, interface: &str, before: InterfaceSettings) -> Result<Entry, InterfaceSettingsError> {
    note_in(&journal(), location, interface, before)
}

fn note_in(journal: &Journal, location: &Location, interface: &str, before: InterfaceSettings) -> Result<Entry, InterfaceSettingsError> {
    let failure = |JournalError { path, source }| InterfaceSettingsError::Journal { path, source };
    journal.write(location, &Change { interface: interface.to_owned(), before }).map_err(failure)
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
    restore_left_in(&journal(), places)
}

fn restore_left_in<'a>(journal: &Journal, places: impl IntoIterator<Item = &'a Location>) -> RestoreReport {
    let mut report = RestoreReport::default();
    for Left { content: Change { interface, before }, location, entry } in journal.left(places) {
        let what = format!("interface {interface} at {location}: {before}");
        match write(&location, &interface, before) {
            Ok(()) => {
                entry.remove();
                report.restored.push(format!("{what} was put back: a run that was killed had changed it"));
            }
            Err(error) => report.problems.push(format!("{what} could not be put back: {error}")),
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::interface_settings::Mtu;
    use crate::journal::by_a_dead_process;
    use crate::process::SshTarget;

    const BEFORE: InterfaceSettings = InterfaceSettings {
        mtu: None,
        gso: None,
        tso: None,
        gro: None,
        napi_defer_hard_irqs: None,
        gro_flush_timeout_ns: None,
        busy_poll: None,
        no_xdp_program: false,
    };

    fn left(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn an_entry_stays_while_its_owner_lives_and_is_restored_when_it_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let entry = note_in(&Journal::in_folder(folder.path()), &Location::Here, "lo", BEFORE).unwrap();
        assert!(restore_left_in(&Journal::in_folder(folder.path()), []).restored.is_empty() && left(folder.path()) == 1);
        by_a_dead_process(&entry);
        let report = restore_left_in(&Journal::in_folder(folder.path()), []);
        assert!(report.restored.len() == 1 && report.restored[0].contains("interface lo at this machine"), "{report:?}");
        assert_eq!(left(folder.path()), 0);
    }

    #[test]
    fn what_cannot_be_put_back_is_reported_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let before = InterfaceSettings { mtu: Mtu::new(1500), ..BEFORE };
        by_a_dead_process(&note_in(&Journal::in_folder(folder.path()), &Location::Here, "no-such-if", before).unwrap());
        let report = restore_left_in(&Journal::in_folder(folder.path()), []);
        assert!(report.problems.len() == 1 && report.problems[0].contains("interface no-such-if"), "{report:?}");
        assert_eq!(left(folder.path()), 1);
    }

    #[test]
    fn a_namespace_that_is_gone_needs_nothing_and_another_machine_waits_for_a_run_there() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Location::Namespace("lr-no-such-namespace".parse().unwrap());
        let machine = Location::Ssh(SshTarget::new("server-a"));
        by_a_dead_process(&note_in(&Journal::in_folder(folder.path()), &gone, "pf0", BEFORE).unwrap());
        by_a_dead_process(&note_in(&Journal::in_folder(folder.path()), &machine, "eth0", BEFORE).unwrap());
        let report = restore_left_in(&Journal::in_folder(folder.path()), [&Location::Here]);
        assert!(report.restored.is_empty() && report.problems.is_empty(), "{report:?}");
        assert_eq!(left(folder.path()), 1);
    }

    #[test]
    fn an_entry_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = note_in(&Journal::in_folder(&file.path().join("x")), &Location::Here, "lo", BEFORE).unwrap_err().to_string();
        assert!(refused.contains("nothing was changed") && refused.contains(&file.path().display().to_string()), "{refused}");
    }
}
