//! The procedures, from a [`Method`] and a [`Measurer`] to a [`MethodReport`].

mod back_to_back;
mod frame_loss;
mod latency;
mod mrr;
mod overload;
mod pdv;
mod reason;
mod report;
mod reset;
mod session;
mod soak;
mod system_recovery;
mod throughput;

use thiserror::Error;

pub use back_to_back::{BufferTimes, actual_buffer_time, buffer_times};
pub use reason::{DelayFigure, MaxLoadLimit, MethodReason};
pub use report::*;

use crate::method::{Method, Procedure};
use crate::trial::{Measurer, Trial};
use session::Session;

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
    let mut session = Session::new(method, conditions, measurer, observer);
    let measured = match &method.procedure {
        Procedure::Throughput => Measured::Throughput(throughput::run(&mut session)?),
        Procedure::NdrPdr => Measured::NdrPdr(session.search()?),
        Procedure::Latency { at, duration, tagged_after, repetitions } => {
            Measured::Latency(latency::run(&mut session, at, *duration, *tagged_after, *repetitions)?)
        }
        Procedure::Pdv { at, duration, repetitions } => Measured::Pdv(pdv::run(&mut session, at, *duration, *repetitions)?),
        Procedure::FrameLoss { step, duration } => Measured::FrameLoss(frame_loss::run(&mut session, *step, *duration)?),
        Procedure::BackToBack { repetitions, max_burst, min_step, max_trials } => {
            Measured::BackToBack(back_to_back::run(&mut session, *repetitions, *max_burst, *min_step, *max_trials)?)
        }
        Procedure::SystemRecovery { overload, reduced, repetitions } => {
            Measured::SystemRecovery(system_recovery::run(&mut session, *overload, *reduced, *repetitions)?)
        }
        Procedure::Reset { event, duration, after, repetitions } => {
            Measured::Reset(reset::run(&mut session, *event, *duration, *after, *repetitions)?)
        }
        Procedure::Mrr { trials, duration } => Measured::Mrr(mrr::run(&mut session, *trials, *duration)?),
        Procedure::Overload { up_to, points, duration } => Measured::Overload(overload::run(&mut session, *up_to, *points, *duration)?),
        Procedure::Soak { duration, interval } => Measured::Soak(soak::run(&mut session, *duration, *interval)?),
    };
    Ok(session.report(measured))
}
