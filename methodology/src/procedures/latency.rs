//! RFC 2544 §26.2 as RFC 8219 §7.2 defines it, at the throughput of the frame size and at CSIT's load points.

use super::session::Session;
use super::{DelayFigure, LatencyAtLoad, LatencyResult, MethodReason, RunError, Spread};
use crate::method::LoadPoint;
use crate::statistics::{median_of_sorted, percentile_of_sorted};
use crate::trial::{DelaySummary, Measurer, Trial, TrialInput};
use crate::units::{LossRatio, Nanoseconds, PacketRate, Seconds};

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    at: &[LoadPoint],
    duration: Seconds,
    tagged_after: Seconds,
    repetitions: u32,
) -> Result<LatencyResult, RunError<M::Error>> {
    let mut loads = Vec::new();
    for &point in at {
        let Some(load) = session.load_of(point)? else { continue };
        let (summaries, loss_ratio) = repeat(session, load, duration, tagged_after, repetitions)?;
        if let Some(result) = at_load(point, load, summaries, loss_ratio) {
            loads.push(result);
        } else {
            session.remark(MethodReason::NoDelays { load, missing: DelayFigure::Delay });
        }
    }
    Ok(LatencyResult { search: session.searched(), loads })
}

/// Delays of `repetitions` trials: one summary for each and each direction. Trials that stayed invalid are left out.
pub(super) fn repeat<M: Measurer>(
    session: &mut Session<'_, M>,
    load: PacketRate,
    duration: Seconds,
    tagged_after: Seconds,
    repetitions: u32,
) -> Result<(Vec<DelaySummary>, LossRatio), RunError<M::Error>> {
    let mut summaries = Vec::new();
    let mut worst_loss = LossRatio::ZERO;
    for _ in 0..repetitions {
        let trial = session.measure(TrialInput::constant(load, duration).with_delays(tagged_after))?;
        if !trial.verdict.is_valid() {
            continue;
        }
        if trial.loss_ratio > worst_loss {
            worst_loss = trial.loss_ratio;
        }
        summaries.extend(delays_of(session, &trial)?);
    }
    Ok((summaries, worst_loss))
}

fn delays_of<M: Measurer>(session: &Session<'_, M>, trial: &Trial) -> Result<Vec<DelaySummary>, RunError<M::Error>> {
    let delays: Vec<_> = trial.outcome.directions.iter().filter_map(|direction| direction.delays.clone()).collect();
    // A direction from which nothing came has no delay; a measurer that never has any cannot do this method.
    if delays.is_empty() && trial.outcome.received() > 0 { Err(session.missing(trial, "delays")) } else { Ok(delays) }
}

fn at_load(at: LoadPoint, load: PacketRate, repetitions: Vec<DelaySummary>, loss_ratio: LossRatio) -> Option<LatencyAtLoad> {
    let means: u128 = repetitions.iter().map(|delays| u128::from(delays.mean.ns())).sum();
    Some(LatencyAtLoad {
        at,
        load,
        typical: spread(repetitions.iter().map(|delays| delays.p50))?,
        worst_case: spread(repetitions.iter().map(|delays| delays.p999))?,
        mean: Nanoseconds::new(u64::try_from(means / repetitions.len().max(1) as u128).ok()?),
        min: repetitions.iter().map(|delays| delays.min).min()?,
        max: repetitions.iter().map(|delays| delays.max).max()?,
        loss_ratio,
        repetitions,
    })
}

/// Median and 1st and 99th percentile over repetitions (RFC 8219 §7.2: "the median of the 20 or more TL/WCL values … and as variation").
pub(super) fn spread(values: impl Iterator<Item = Nanoseconds>) -> Option<Spread> {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_unstable();
    let as_floats: Vec<_> = sorted.iter().map(|value| value.ns() as f64).collect();
    Some(Spread {
        median: Nanoseconds::new(median_of_sorted(&as_floats)?.round() as u64),
        p1: percentile_of_sorted(&sorted, 1.0)?,
        p99: percentile_of_sorted(&sorted, 99.0)?,
    })
}
