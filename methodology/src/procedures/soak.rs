//! The relevant lower bound held for long: whether loss that short trials cannot see comes, and whether the rate drifts.

use super::session::Session;
use super::{RunError, SoakResult};
use crate::statistics::{RepetitionSummary, slope};
use crate::trial::{Measurer, TrialInput};
use crate::units::{LossRatio, PacketRate, Seconds};

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    duration: Seconds,
    interval: Seconds,
) -> Result<SoakResult, RunError<M::Error>> {
    let throughput = session.throughput()?;
    let load = throughput.unwrap_or(PacketRate::ZERO);
    let intervals = (duration.seconds() / interval.seconds()).ceil().min(1e6) as u32;
    let begun = session.spent();
    let mut points = Vec::new();
    let (mut sent, mut lost, mut with_loss) = (0, 0, 0);
    for _ in 0..if throughput.is_some() { intervals } else { 0 } {
        let trial = session.measure(TrialInput::constant(load, interval))?;
        if trial.verdict.is_valid() {
            sent += trial.outcome.intended();
            lost += (trial.loss_ratio.ratio() * trial.outcome.intended() as f64).round() as u64;
            with_loss += u32::from(trial.loss_ratio.ratio() > 0.0);
            points.push(((session.spent() - begun).seconds() / 3600.0, trial.outcome.forwarding_rate().pps()));
        }
    }
    let rate = RepetitionSummary::of(points.iter().map(|point| point.1));
    let drift_per_hour = slope(&points).zip(rate).filter(|(_, rate)| rate.mean > 0.0).map(|(slope, rate)| slope / rate.mean);
    Ok(SoakResult {
        search: session.searched(),
        load,
        loss_ratio: LossRatio::from_counts(sent, sent.saturating_sub(lost)),
        intervals: u32::try_from(points.len()).unwrap_or(u32::MAX),
        intervals_with_loss: with_loss,
        rate,
        drift_per_hour,
    })
}
