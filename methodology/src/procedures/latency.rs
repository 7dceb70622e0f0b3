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
        let repeated = repeat(session, load, duration, tagged_after, repetitions)?;
        let without = repeated.without_delays(load, DelayFigure::Delay);
        match at_load(point, load, repeated) {
            Some(result) => loads.push(result),
            None => session.remark(without),
        }
    }
    Ok(LatencyResult { search: session.searched(), loads })
}

/// What the valid trials at one load found.
pub(super) struct Repeated {
    /// One summary for each trial and each direction from which a frame came.
    pub summaries: Vec<DelaySummary>,
    worst_loss: LossRatio,
    valid_trials: u32,
}

impl Repeated {
    /// Why there is no delay, for a load that has none.
    pub fn without_delays(&self, load: PacketRate, missing: DelayFigure) -> MethodReason {
        if self.valid_trials == 0 { MethodReason::NoValidDelays { load, missing } } else { MethodReason::NoDelays { load, missing } }
    }
}

/// Delays of `repetitions` trials. Trials that stayed invalid are left out.
pub(super) fn repeat<M: Measurer>(
    session: &mut Session<'_, M>,
    load: PacketRate,
    duration: Seconds,
    tagged_after: Seconds,
    repetitions: u32,
) -> Result<Repeated, RunError<M::Error>> {
    let mut found = Repeated { summaries: Vec::new(), worst_loss: LossRatio::ZERO, valid_trials: 0 };
    for _ in 0..repetitions {
        let trial = session.measure(TrialInput::constant(load, duration).with_delays(tagged_after))?;
        if !trial.verdict.is_valid() {
            continue;
        }
        found.valid_trials += 1;
        if trial.loss_ratio > found.worst_loss {
            found.worst_loss = trial.loss_ratio;
        }
        found.summaries.extend(delays_of(session, &trial)?);
    }
    Ok(found)
}

fn delays_of<M: Measurer>(session: &Session<'_, M>, trial: &Trial) -> Result<Vec<DelaySummary>, RunError<M::Error>> {
    let delays: Vec<_> = trial.outcome.directions.iter().filter_map(|direction| direction.delays.clone()).collect();
    // A direction from which nothing came has no delay; a measurer that never has any cannot do this method.
    if delays.is_empty() && trial.outcome.received() > 0 { Err(session.missing(trial, "delays")) } else { Ok(delays) }
}

fn at_load(at: LoadPoint, load: PacketRate, repeated: Repeated) -> Option<LatencyAtLoad> {
    let Repeated { summaries: repetitions, worst_loss: loss_ratio, .. } = repeated;
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
