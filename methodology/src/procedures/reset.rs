//! RFC 2544 §26.6: how long the device forwards nothing when it is reset under load, one number for each kind of reset (RFC 6201).

use super::session::Session;
use super::{MethodReason, ResetResult, RunError};
use crate::statistics::RepetitionSummary;
use crate::trial::{Measurer, ResetKind, Stimulus, TrialInput};
use crate::units::{PacketRate, Seconds};

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    event: ResetKind,
    duration: Seconds,
    after: Seconds,
    repetitions: u32,
) -> Result<ResetResult, RunError<M::Error>> {
    let throughput = session.throughput()?;
    let load = throughput.unwrap_or(PacketRate::ZERO);
    let (mut gaps, mut blocked) = (Vec::new(), Vec::new());
    if throughput.is_some() {
        for _ in 0..repetitions {
            let trial = session.measure(TrialInput::of(Stimulus::Event { rate: load, duration, after, event }))?;
            let longest = trial.outcome.directions.iter().filter_map(|d| d.longest_gap).reduce(|a, b| if b > a { b } else { a });
            let Some(gap) = longest else { return Err(session.missing(&trial, "the longest gap between received frames")) };
            if trial.verdict.is_valid() {
                gaps.push(gap);
                // Frames lost over the rate they were offered at (CSIT reconfiguration tests): the time for which frames were lost.
                let offered = trial.outcome.offered_rate().pps() * trial.outcome.directions.len() as f64;
                blocked.push(Seconds::lossy(if offered > 0.0 { trial.outcome.lost() as f64 / offered } else { 0.0 }));
            }
        }
    }
    if gaps.iter().any(|gap| *gap >= (duration - after) * 0.99) {
        session.remark(MethodReason::NotBackAfterReset);
    }
    let reset = RepetitionSummary::of(gaps.iter().map(|gap| gap.seconds()));
    Ok(ResetResult { search: session.searched(), event, load, gaps, reset, blocked })
}
