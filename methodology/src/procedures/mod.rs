//! The procedures, from a [`Method`] and a [`Measurer`] to a [`MethodReport`].

mod report;

pub use report::*;

use thiserror::Error;

use crate::method::Method;
use crate::trial::{Measurer, Trial};

/// Why a method ended without a report. Trials done until then were handed to the observer.
#[derive(Debug, Error)]
pub enum RunError<E: std::error::Error + 'static> {
    /// A trial had no outcome.
    #[error("trial {trial} of {method} had no outcome: {source}")]
    Trial {
        /// Which trial.
        trial: u32,
        /// Of which method.
        method: &'static str,
        /// Why.
        source: E,
    },
    /// The measurer left out what the method needs.
    #[error("trial {trial} of {method} came back without {what}: this measurer cannot do {method}")]
    Missing {
        /// Which trial.
        trial: u32,
        /// Of which method.
        method: &'static str,
        /// What the outcome should have held.
        what: &'static str,
    },
    /// The loads that were asked for cannot be made with these frames on this link.
    #[error("{method} cannot be done here: {reason}")]
    Impossible {
        /// Which method.
        method: &'static str,
        /// Why not, and what to change.
        reason: String,
    },
}

/// Carries out `method`, calling `observer` after every trial, repeated ones included, as it ends.
///
/// # Errors
/// [`RunError`]; a device that does badly is a report, not an error.
pub fn run<M: Measurer>(
    method: &Method,
    conditions: &Conditions,
    measurer: &mut M,
    observer: &mut dyn FnMut(&Trial),
) -> Result<MethodReport, RunError<M::Error>> {
    let _ = (method, conditions, measurer, observer);
    unimplemented!("comes with the procedures")
}
