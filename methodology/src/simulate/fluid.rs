//! One buffer, followed as a fluid from change to change. Times in seconds of the trial, amounts in frames.

use super::Periodic;

/// A stretch of constant arrival.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub rate: f64,
    pub service: f64,
    pub duration: f64,
}

/// What became of the arrivals.
#[derive(Debug, Default)]
pub(super) struct FluidFlow {
    /// Arrivals the buffer could not take, each segment.
    pub overflow: Vec<f64>,
    /// When the last of them came.
    pub last_overflow: Option<f64>,
    /// What is in the buffer when arrivals end.
    pub left: f64,
    pieces: Vec<Piece>,
    holes: Vec<Hole>,
}

/// From `start` on, the buffer holds `level` and changes by `slope` a second, served at `service`; a stall has `stalled_until`.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: f64,
    level: f64,
    slope: f64,
    service: f64,
    stalled_until: f64,
}

/// Whole cycles that were taken in one step: each is like the `period` before `start`.
#[derive(Debug, Clone, Copy)]
struct Hole {
    start: f64,
    end: f64,
    period: f64,
}

/// Amounts and times below these are rounding.
const FRAMES: f64 = 1e-6;
const MOMENT: f64 = 1e-12;

/// Follows the buffer through the segments. `phase` is absolute time at the trial's start, for the stall.
pub(super) fn follow(segments: &[Segment], buffer: f64, stall: Option<Periodic>, phase: f64) -> FluidFlow {
    let mut flow = FluidFlow::default();
    let (mut level, mut begin) = (0.0, 0.0);
    for segment in segments {
        let overflow = follow_segment(segment, buffer, stall, phase, begin, &mut level, &mut flow);
        flow.overflow.push(overflow);
        begin += segment.duration;
    }
    flow.left = level;
    flow
}

fn follow_segment(
    segment: &Segment,
    buffer: f64,
    stall: Option<Periodic>,
    phase: f64,
    begin: f64,
    level: &mut f64,
    flow: &mut FluidFlow,
) -> f64 {
    let end = begin + segment.duration;
    let (mut now, mut lost) = (begin, 0.0);
    // Level and loss when the last stall ended, to see whether a cycle changes anything.
    let mut last_cycle: Option<(f64, f64, f64)> = None;
    while end - now > MOMENT {
        let (stalled, change) = match stall {
            None => (false, f64::INFINITY),
            Some(stall) => {
                let (period, length) = (stall.period.seconds(), stall.length.seconds());
                let at = (phase + now).rem_euclid(period);
                // Rounding must not put the end of a period before its beginning.
                let at = if period - at < period * 1e-9 { 0.0 } else { at };
                let work = period - length;
                if at < work * (1.0 - 1e-9) { (false, now + work - at) } else { (true, now + period - at) }
            }
        };
        if let (Some(stall), false) = (stall, stalled) {
            let period = stall.period.seconds();
            let at = (phase + now).rem_euclid(period);
            if at.min(period - at) < period * 1e-6 {
                if let Some((then, level_then, lost_then)) = last_cycle
                    && (*level - level_then).abs() < FRAMES
                    && (now - then - period).abs() < period * 1e-6
                {
                    let cycles = ((end - now) / period).floor();
                    if cycles >= 1.0 {
                        let skipped = cycles * period;
                        let per_cycle = lost - lost_then;
                        flow.holes.push(Hole { start: now, end: now + skipped, period });
                        lost += cycles * per_cycle;
                        if per_cycle > FRAMES
                            && let Some(last) = &mut flow.last_overflow
                        {
                            *last += skipped;
                        }
                        now += skipped;
                        last_cycle = None;
                        continue;
                    }
                }
                last_cycle = Some((now, *level, lost));
            }
        }
        let until = change.min(end);
        let service = if stalled { 0.0 } else { segment.service };
        lost += step(segment.rate, service, buffer, now, until, if stalled { change } else { now }, level, flow);
        now = until;
    }
    lost
}

/// From `now` to `until` nothing changes but the level, which may reach an end of the buffer once.
#[allow(clippy::too_many_arguments, reason = "one step of one loop, taken out of it for reading")]
fn step(rate: f64, service: f64, buffer: f64, now: f64, until: f64, stalled_until: f64, level: &mut f64, flow: &mut FluidFlow) -> f64 {
    let slope = rate - service;
    flow.pieces.push(Piece { start: now, level: *level, slope, service, stalled_until });
    let room = if slope > 0.0 { (buffer - *level) / slope } else { f64::INFINITY };
    let dry = if slope < 0.0 { *level / -slope } else { f64::INFINITY };
    let span = until - now;
    if room < span {
        *level = buffer;
        flow.pieces.push(Piece { start: now + room, level: buffer, slope: 0.0, service, stalled_until });
        let lost = slope * (span - room);
        if lost > FRAMES {
            flow.last_overflow = Some(until);
        }
        lost
    } else if dry < span {
        *level = 0.0;
        flow.pieces.push(Piece { start: now + dry, level: 0.0, slope: 0.0, service, stalled_until });
        0.0
    } else {
        *level = (*level + slope * span).clamp(0.0, buffer);
        0.0
    }
}

impl FluidFlow {
    /// How long a frame that arrives at `moment` and is taken waits: until a stall is over, then for the frames before it.
    pub fn wait(&self, moment: f64) -> f64 {
        let moment = match self.holes.iter().find(|hole| (hole.start..hole.end).contains(&moment)) {
            Some(hole) => hole.start - hole.period + (moment - hole.start).rem_euclid(hole.period),
            None => moment,
        };
        let index = self.pieces.partition_point(|piece| piece.start <= moment);
        let Some(piece) = index.checked_sub(1).and_then(|index| self.pieces.get(index)) else { return 0.0 };
        let level = (piece.level + piece.slope * (moment - piece.start)).max(0.0);
        let stalled = (piece.stalled_until - moment).max(0.0);
        // In a stall nothing is served now; what is ahead goes at the rate that comes after it.
        let service = if piece.service > 0.0 { piece.service } else { self.pieces.iter().map(|piece| piece.service).fold(0.0, f64::max) };
        stalled + if service > 0.0 { level / service } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Seconds;

    fn one(rate: f64, service: f64, duration: f64, buffer: f64) -> FluidFlow {
        follow(&[Segment { rate, service, duration }], buffer, None, 0.0)
    }

    #[test]
    fn a_buffer_takes_what_it_holds_and_loses_the_rest() {
        let flow = one(2e6, 1e6, 1.0, 1000.0);
        assert!((flow.overflow[0] - 999_000.0).abs() < 1e-3, "{flow:?}");
        assert_eq!(flow.left, 1000.0);
        assert_eq!(one(1e6, 1e6, 60.0, 0.0).overflow[0], 0.0);
    }

    #[test]
    fn settled_cycles_taken_at_once_lose_what_they_lose_one_by_one() {
        let stall = Periodic { length: Seconds::from_millis(5), period: Seconds::from_millis(100) };
        // 1 Mpps for 5 ms is 5000 frames; the buffer holds 1000, and 100 ms are long enough to empty it.
        let flow = follow(&[Segment { rate: 1e6, service: 2e6, duration: 60.0 }], 1000.0, Some(stall), 0.0);
        assert!((flow.overflow[0] - 600.0 * 4000.0).abs() < 1.0, "{}", flow.overflow[0]);
        assert!(flow.pieces.len() < 100, "{}", flow.pieces.len());
        assert!((flow.wait(30.095 + 0.0005) - (0.0045 + 500.0 / 2e6)).abs() < 1e-6);
    }

    #[test]
    fn a_full_buffer_delays_by_its_content() {
        let flow = one(2e6, 1e6, 1.0, 1000.0);
        assert!((flow.wait(0.9) - 0.001).abs() < 1e-9);
        assert_eq!(flow.wait(0.0), 0.0);
    }
}
