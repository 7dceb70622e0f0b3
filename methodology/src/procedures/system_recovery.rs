//! RFC 2544 §26.5: how long after an overload frames are still lost.
//!
//! The RFC subtracts the wrong way round; the time is B − A, from the reduction of the load (A) to the last lost frame (B), and zero
//! where no frame is lost after the reduction.

use super::session::Session;
use super::{MethodReason, RecoveryResult, RunError};
use crate::statistics::RepetitionSummary;
use crate::trial::{Measurer, Stimulus, TrialInput};
use crate::units::{PacketRate, Seconds};

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    overload: Seconds,
    reduced: Seconds,
    repetitions: u32,
) -> Result<RecoveryResult, RunError<M::Error>> {
    let max = session.limits()?.max;
    let throughput = session.throughput()?;
    // 110 % of throughput or the maximum rate, whichever is less; then 50 % of that rate.
    let first = PacketRate::from_pps_lossy(throughput.map_or(0.0, |rate| rate.pps() * 1.1).min(max.pps()));
    let then = PacketRate::from_pps_lossy(first.pps() * 0.5);
    let mut times = Vec::new();
    if throughput.is_some_and(|rate| rate >= max) {
        session.remark(MethodReason::NotOverloaded { max_load: max });
    }
    if throughput.is_some() {
        for _ in 0..repetitions {
            let stimulus = Stimulus::Step { first, first_duration: overload, then, then_duration: reduced };
            let trial = session.measure(TrialInput::of(stimulus))?;
            let recoveries: Vec<_> = trial.outcome.directions.iter().filter_map(|direction| direction.recovery).collect();
            if recoveries.is_empty() {
                return Err(session.missing(&trial, "the time of the last lost frame"));
            }
            let longest = recoveries.into_iter().fold(Seconds::ZERO, |longest, time| if time > longest { time } else { longest });
            if trial.verdict.is_valid() {
                times.push(longest);
            }
        }
    }
    if times.iter().any(|time| *time >= reduced * 0.99) {
        session.remark(MethodReason::NotRecovered { after: reduced });
    }
    let recovery = RepetitionSummary::of(times.iter().map(|time| time.seconds()));
    Ok(RecoveryResult { search: session.searched(), overload: first, reduced: then, times, recovery })
}
