//! FD.io CSIT's maximum receive rate: what comes through when as much as possible is offered. A cheap trend, not a throughput.

use super::session::Session;
use super::{MethodReason, MrrResult, RunError};
use crate::statistics::RepetitionSummary;
use crate::trial::{Measurer, TrialInput};
use crate::units::{PacketRate, Seconds};

pub(super) fn run<M: Measurer>(session: &mut Session<'_, M>, trials: u32, duration: Seconds) -> Result<MrrResult, RunError<M::Error>> {
    let mut rates = Vec::new();
    let mut offered = Vec::new();
    for _ in 0..trials {
        let trial = session.measure(TrialInput::max(duration))?;
        if trial.verdict.is_valid() {
            rates.push(trial.outcome.forwarding_rate());
            offered.push(trial.outcome.offered_rate().pps());
        }
    }
    let rate = RepetitionSummary::of(rates.iter().map(|rate| rate.pps()));
    if rate.is_none() {
        session.remark(MethodReason::NoValidTrial);
    }
    let offered = PacketRate::from_pps_lossy(RepetitionSummary::of(offered).map_or(0.0, |sample| sample.mean));
    Ok(MrrResult { rates, rate, offered })
}
