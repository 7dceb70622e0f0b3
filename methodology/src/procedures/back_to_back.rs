//! RFC 2544 §26.4 as RFC 9004 replaces it: the longest burst of back-to-back frames that is forwarded whole, and the buffer time it
//! shows once the frames that the device forwarded meanwhile are taken off.

use super::session::Session;
use super::{BackToBackResult, MethodReason, RunError};
use crate::search::bisection::longest_burst;
use crate::statistics::RepetitionSummary;
use crate::trial::{Measurer, Stimulus, TrialInput};
use crate::units::{Pace, PacketRate, Seconds};

/// A result this close to the longest burst tried is the tester's limit (RFC 9004 §6.2).
const NEAR_LIMIT: f64 = 0.95;

/// The longest burst RFC 9004 §6.2 allows.
const LONGEST: Seconds = Seconds::from_whole(30);

/// Buffer times of RFC 9004 §6.4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BufferTimes {
    /// Average burst over the rate of frames within it.
    pub implied: Seconds,
    /// The same without the frames that were forwarded while the burst came.
    pub corrected: Seconds,
}

/// implied = burst / rate; corrected = implied · (1 − throughput/rate) (RFC 9004 §6.4). Nothing where the burst has no rate.
pub fn buffer_times(mean_burst: f64, burst_rate: PacketRate, throughput: PacketRate) -> Option<BufferTimes> {
    let rate = burst_rate.pps();
    if rate <= 0.0 {
        return None;
    }
    let implied = Seconds::new(mean_burst / rate).ok()?;
    Some(BufferTimes { implied, corrected: implied * (1.0 - (throughput.pps() / rate).min(1.0)) })
}

/// How long the same buffer lasts when frames come at `rate` (RFC 9004 §7: corrected · maximum rate / rate).
pub fn actual_buffer_time(corrected: Seconds, burst_rate: PacketRate, rate: PacketRate) -> Option<Seconds> {
    (rate.pps() > 0.0).then(|| corrected * (burst_rate.pps() / rate.pps()))
}

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    repetitions: u32,
    max_burst: Seconds,
    min_step: u64,
    max_trials: u32,
) -> Result<BackToBackResult, RunError<M::Error>> {
    let limits = session.limits()?;
    let throughput = session.throughput()?;
    let burst_rate = limits.max;
    let mut result = BackToBackResult {
        search: session.searched(),
        not_applicable: None,
        bursts: Vec::new(),
        frames: None,
        burst_rate,
        throughput,
        implied_buffer_time: None,
        corrected_buffer_time: None,
        corrected_buffer_frames: None,
        max_burst: frames_in(max_burst, burst_rate),
        min_step,
    };
    let Some(throughput) = throughput else {
        result.not_applicable = Some("no frame size passes without loss".to_owned());
        return Ok(result);
    };
    // RFC 9004 §6.1: only sizes whose throughput is below the maximum.
    if throughput.pps() >= burst_rate.pps() * (1.0 - 1e-9) {
        result.not_applicable = Some(format!("throughput is the maximum rate, {burst_rate}: no burst fills the buffer (RFC 9004 §6.1)"));
        return Ok(result);
    }
    let mut longest = max_burst;
    while u32::try_from(result.bursts.len()).is_ok_and(|done| done < repetitions) {
        let max_frames = frames_in(longest, burst_rate).max(1);
        result.max_burst = max_frames;
        let mut disturbed = 0;
        let bounds = longest_burst(max_frames, min_step, max_trials, |frames| {
            let input = TrialInput::of(Stimulus::Burst { frames, pace: Pace::Max });
            let trial = session.measure(input)?;
            disturbed += u32::from(!trial.verdict.is_valid());
            Ok(trial.verdict.is_valid() && trial.loss_ratio.ratio() == 0.0)
        })?;
        if disturbed > 0 {
            // The session has marked the result: this number would be the tester's.
            break;
        }
        let near_limit = bounds.passed as f64 >= NEAR_LIMIT * max_frames as f64;
        if near_limit && longest < LONGEST {
            // RFC 9004 §6.2: not valid; repeat with a larger limit.
            longest = if longest * 2.0 > LONGEST { LONGEST } else { longest * 2.0 };
            result.bursts.clear();
            continue;
        }
        if near_limit {
            session.remark(MethodReason::BufferTooLarge { burst: LONGEST });
        }
        result.bursts.push(bounds.passed);
        if near_limit {
            break;
        }
    }
    result.frames = RepetitionSummary::of(result.bursts.iter().map(|&frames| frames as f64));
    if let Some(times) = result.frames.and_then(|frames| buffer_times(frames.mean, burst_rate, throughput)) {
        result.implied_buffer_time = Some(times.implied);
        result.corrected_buffer_time = Some(times.corrected);
        result.corrected_buffer_frames = Some(times.corrected.seconds() * burst_rate.pps());
    }
    Ok(result)
}

fn frames_in(span: Seconds, rate: PacketRate) -> u64 {
    (span.seconds() * rate.pps()).floor() as u64
}
