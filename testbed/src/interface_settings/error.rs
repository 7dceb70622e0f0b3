use std::path::PathBuf;

use thiserror::Error;

use crate::process::ProcessError;

/// A setting of an interface cannot be read, changed or put back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InterfaceSettingsError {
    /// A program that reads or changes settings did not run.
    #[error("interface {interface}: {source}")]
    Process {
        /// The interface.
        interface: String,
        /// Why not.
        #[source]
        source: ProcessError,
    },
    /// A program refused.
    #[error("interface {interface}: `{command}` failed: {said}")]
    Refused {
        /// The interface.
        interface: String,
        /// What was run.
        command: String,
        /// What it printed.
        said: String,
    },
    /// What was read is not what the program usually prints.
    #[error("interface {interface}: `{command}` did not print {what}; check that the interface exists and that this program works there")]
    Unreadable {
        /// The interface.
        interface: String,
        /// What was run.
        command: String,
        /// What was looked for.
        what: &'static str,
    },
    /// The interface did not take the value.
    #[error(
        "interface {interface}: {wanted} was set, and the interface has {now}: its driver does not accept this value; leave this key out"
    )]
    NotTaken {
        /// The interface.
        interface: String,
        /// What was asked for.
        wanted: String,
        /// What it has.
        now: String,
    },
    /// The link did not come up again.
    #[error("interface {interface}: its link did not come up within {limit_s} s after {wanted} was set")]
    LinkDown {
        /// The interface.
        interface: String,
        /// What was set.
        wanted: String,
        /// How long was waited.
        limit_s: u64,
    },
    /// The values from before cannot be written down, so that nothing is changed.
    #[error("the journal of changed interfaces cannot be written: {}: {source}; nothing was changed", path.display())]
    Journal {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}
