//! The procedures, from a [`Method`] and a [`Measurer`] to a [`MethodReport`].

mod back_to_back;
mod error;
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

pub use back_to_back::{BufferTimes, actual_buffer_time, buffer_times};
pub use error::RunError;
pub use reason::{DelayFigure, MaxLoadLimit, MethodReason};
pub use report::*;

use crate::method::{Method, Procedure};
use crate::trial::{Measurer, Trial};
use session::Session;

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
