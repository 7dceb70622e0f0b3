use super::error::InterfaceSettingsError;
use super::journal::note;
use super::model::InterfaceSettings;
use super::tools::{read, write};
use crate::journal::Entry;
use crate::process::Location;

/// An interface whose settings were changed. They are put back by [`restore`](Self::restore), or when this is dropped.
#[derive(Debug)]
pub struct ChangedInterface {
    location: Location,
    interface: String,
    /// What was changed, as it was before, and the entry of the journal; none where nothing had to be changed, or all was put back.
    before: Option<(InterfaceSettings, Entry)>,
}

impl ChangedInterface {
    /// Changes what differs from `wanted`.
    ///
    /// # Errors
    /// A value cannot be read or is refused. What was changed until then is put back.
    pub fn apply(location: &Location, interface: &str, wanted: InterfaceSettings) -> Result<Self, InterfaceSettingsError> {
        let mut changed = ChangedInterface { location: location.clone(), interface: interface.to_owned(), before: None };
        if wanted.is_empty() {
            return Ok(changed);
        }
        let now = read(location, interface, wanted)?;
        let change = wanted.that_differ_from(now);
        if !change.is_empty() {
            let before = now.where_set_in(change);
            changed.before = Some((before, note(location, interface, before)?));
            write(location, interface, change)?;
        }
        Ok(changed)
    }

    /// Notes that an interface has no XDP program before AF_XDP attaches one. A program that is left, because the process on the port was killed, is
    /// removed. Nothing is noted where a program is attached already: it is someone else's.
    ///
    /// # Errors
    /// The interface cannot be read, or the journal cannot be written.
    pub fn before_af_xdp(location: &Location, interface: &str) -> Result<Self, InterfaceSettingsError> {
        let none = InterfaceSettings { no_xdp_program: true, ..InterfaceSettings::default() };
        let free = read(location, interface, none)? == none;
        let before = if free { Some((none, note(location, interface, none)?)) } else { None };
        Ok(ChangedInterface { location: location.clone(), interface: interface.to_owned(), before })
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// A value cannot be set. It is still to be put back: by another call, when this is dropped, or by the next run, from the journal.
    pub fn restore(&mut self) -> Result<(), InterfaceSettingsError> {
        let Some((before, _)) = &self.before else { return Ok(()) };
        write(&self.location, &self.interface, *before)?;
        if let Some((_, entry)) = self.before.take() {
            entry.remove();
        }
        Ok(())
    }
}

impl Drop for ChangedInterface {
    fn drop(&mut self) {
        let Some((before, _)) = &self.before else { return };
        let before = before.to_string();
        if let Err(error) = self.restore() {
            tracing::warn!("{} could not be put back at {}: {error}; the next run tries again", before, self.location);
        }
    }
}
