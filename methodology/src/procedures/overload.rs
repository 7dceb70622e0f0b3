//! From 100 % of NDR to 200 %: does the device forward less when it is offered more? A search that looks only at loss never sees
//! receive livelock, and a test at maximum rate sees nothing else.

use super::session::Session;
use super::{MethodReason, OverloadPoint, OverloadResult, RunError};
use crate::trial::{Measurer, TrialInput};
use crate::units::{PacketRate, Seconds};

/// Forwarding less than this share of NDR counts as a collapse.
const COLLAPSE: f64 = 0.9;

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    up_to: f64,
    points: u32,
    duration: Seconds,
) -> Result<OverloadResult, RunError<M::Error>> {
    let max = session.limits()?.max;
    let throughput = session.throughput()?;
    let ndr = throughput.unwrap_or(PacketRate::ZERO);
    let mut measured: Vec<OverloadPoint> = Vec::new();
    if throughput.is_some() {
        for index in 0..points {
            let multiple = 1.0 + (up_to - 1.0) * f64::from(index) / f64::from(points.saturating_sub(1).max(1));
            let load = PacketRate::from_pps_lossy((ndr.pps() * multiple).min(max.pps()));
            if measured.last().is_some_and(|last| last.load >= load) {
                session.remark(MethodReason::SweepEndsAtMaxLoad { max_load: max });
                break;
            }
            let trial = session.measure(TrialInput::constant(load, duration))?;
            if trial.verdict.is_valid() {
                measured.push(OverloadPoint {
                    of_ndr: load.pps() / ndr.pps(),
                    load,
                    offered: trial.outcome.offered_rate(),
                    forwarding_rate: trial.outcome.forwarding_rate(),
                    loss_ratio: trial.loss_ratio,
                });
            }
        }
    }
    let retained = |point: &OverloadPoint| point.forwarding_rate.pps() / ndr.pps();
    let worst_retained = measured.iter().map(retained).reduce(f64::min);
    let collapse_at = measured.iter().find(|point| retained(point) < COLLAPSE).map(|point| point.load);
    Ok(OverloadResult { search: session.searched(), ndr, points: measured, worst_retained, collapse_at })
}
