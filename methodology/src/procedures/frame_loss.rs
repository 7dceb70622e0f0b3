//! RFC 2544 §26.3: loss at 100 % of the maximum rate, then at 90 %, 80 % …, until two successive trials lose nothing.

use super::session::Session;
use super::{FrameLossResult, LossPoint, MethodReason, RunError};
use crate::trial::{Measurer, TrialInput};
use crate::units::{PacketRate, Seconds, Share};

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    step: Share,
    duration: Seconds,
) -> Result<FrameLossResult, RunError<M::Error>> {
    let max_rate = session.limits()?.max;
    let mut points: Vec<LossPoint> = Vec::new();
    let mut clean = 0;
    for share in steps(step) {
        let load = PacketRate::from_pps_lossy(max_rate.pps() * share.share());
        let trial = session.measure(TrialInput::constant(load, duration))?;
        if !trial.verdict.is_valid() {
            // A gap in the curve, not a point on it; two clean trials must still be successive.
            clean = 0;
            continue;
        }
        points.push(LossPoint { share, load, loss_ratio: trial.loss_ratio, forwarding_rate: trial.outcome.forwarding_rate() });
        clean = if trial.loss_ratio.ratio() == 0.0 { clean + 1 } else { 0 };
        if clean == 2 {
            break;
        }
    }
    let complete = clean == 2 && points.first().is_some_and(|point| point.share == Share::FULL);
    if !complete {
        session.remark(MethodReason::CurvePartial);
    }
    Ok(FrameLossResult { max_rate, points, complete })
}

/// 100 %, then down in whole steps, as long as something is left.
fn steps(step: Share) -> impl Iterator<Item = Share> {
    (0..=10_000_u32)
        .map(move |index| 1.0 - f64::from(index) * step.share())
        .take_while(|share| *share > 1e-9)
        .filter_map(|share| Share::new(share).ok())
}
