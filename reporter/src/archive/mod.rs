//! A run on disk: what was given, what was measured, what the tools really said.
//!
//! ```text
//! runs/<time>-<name>/
//!   plan.toml testbed.toml   as given
//!   environment.json         per endpoint, when the run began or was last continued
//!   environment-1.json …     earlier texts of a file that was replaced, oldest first; also testbed-1.toml …
//!   results.jsonl            one record a line: authoritative
//!   raw/                     the tools' own output
//!   stopped.txt              why nothing was measured, where a run stopped before its first measurement
//! ```
//! [`RunDirectory`] writes it, [`Archive`] reads it. Everything else in a run directory is derived from these files.

mod damaged;
mod error;
mod for_reports;
mod histogram;
mod inputs;
mod lock;
mod read;
mod records;
mod run_directory;
mod versions;

pub use damaged::DamagedLine;
pub use error::ArchiveError;
pub use histogram::HistogramError;
pub use inputs::{ChangedInput, changed_input};
pub use lock::RunLock;
pub use read::{Archive, read_kept};
pub(crate) use read::{read_raw, read_stopped};
pub use run_directory::{Digest, RunDirectory};

/// One record a line; the file that everything else is derived from.
pub const RESULTS_FILE: &str = "results.jsonl";
/// The plan as it was given.
pub const PLAN_FILE: &str = "plan.toml";
/// The testbed as it was given.
pub const TESTBED_FILE: &str = "testbed.toml";
/// What each endpoint was when the run began.
pub const ENVIRONMENT_FILE: &str = "environment.json";
/// Why a run stopped before its first measurement.
pub const STOPPED_FILE: &str = "stopped.txt";
/// The folder of the tools' own output.
pub const RAW_FOLDER: &str = "raw";
