//! `linerate tune`: the search of [`methodology::tune`] over plan keys, with trials on a testbed.
//!
//! - [`Goal`]: what settings are compared by
//! - [`Knob`]: a plan key and the values to try
//! - [`Candidates`]: the settings as plans, and the refusal of a space that cannot be measured
//! - [`Tuner`]: the trials, each of them a record
//! - [`ScalingRequest`]: the rate by queues, and what limits it
//! - `output`: `tune.json`, and `tune.toml` and `default.toml` as plans

mod candidates;
mod evidence;
mod goal;
mod knob;
mod output;
mod request;
mod run;
mod scaling;
mod usual_knobs;

pub use candidates::{Base, Candidates};
pub use goal::Goal;
pub use knob::Knob;
pub use output::{DEFAULT_PLAN_FILE, TUNE_PLAN_FILE};
pub use request::{Prepared, TuneRequest};
pub use run::{TuneObserver, Tuner};
pub use scaling::ScalingRequest;

use methodology::tune::SpaceError;
use reporter::archive::ArchiveError;
use thiserror::Error;

use crate::conductor::ConductError;
use crate::topology::TestbedError;

/// A search cannot be made, or cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TuneError {
    /// It asks for something that is not possible here.
    #[error("{0}")]
    Refused(String),
    /// The space.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The testbed has no such endpoint.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// A measurement could not be kept.
    #[error(transparent)]
    Conduct(#[from] ConductError),
    /// The run directory cannot be read or written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A run directory has no search, has another one, or cannot be written.
    #[error("{path}: {why}")]
    NotASearch {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}
