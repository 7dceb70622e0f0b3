//! When a poll loop sends frames, and when the run ends.

use std::time::Duration;

use methodology::units::Pace;

use super::plan::{SendPlan, Traffic};
use crate::account::gaps::{GapRecorder, GapReport};
use crate::engine::meter::Meter;
use crate::error::DataplaneError;
use crate::frame::pcap::{Capture, OwnTiming};
use crate::time::{LatePolicy, LatenessReport, PaceError, Schedule};

/// How long a burst is offered again at maximum load before its frames count as unsent.
const RETRY: Duration = Duration::from_micros(100);

/// The load of one poll loop.
pub(super) struct Load {
    when: When,
    /// Frames after which the rate changes, or the run ends.
    frames: u64,
    then: Option<Then>,
    /// How long a burst is offered again, in ticks.
    retry: u64,
    gaps: GapRecorder,
}

enum When {
    /// As fast as the port accepts them, until a tick.
    Max { end: u64, released: u64 },
    /// On a schedule, which ends after a number of frames.
    Schedule(Schedule),
    /// With the timing of the capture.
    Captured { timing: OwnTiming, end: u64, released: u64 },
}

/// The second rate of a step.
struct Then {
    rate: methodology::units::PacketRate,
    start: u64,
    frames: u64,
}

/// What the poll loop does next.
pub(super) enum Action {
    /// Send this many frames; the first is due at this tick.
    Send(usize, u64),
    /// No frame is due.
    Wait,
    /// The second rate has begun.
    RateChanged,
    /// All frames were sent.
    End,
    /// A frame was later than the plan allows.
    TooLate(String),
}

impl Load {
    /// The share of `plan` that loop `number` of `loops` carries, starting now. Frames of a schedule are released `ahead` ticks before they
    /// are due.
    pub(super) fn new(
        plan: &SendPlan,
        capture: Option<&Capture>,
        meter: &Meter,
        ahead: u64,
        number: u16,
        loops: u16,
    ) -> Result<Load, DataplaneError> {
        // Loop 0 sends the odd frame.
        let share = |frames: u64| frames.saturating_sub(u64::from(number)).div_ceil(u64::from(loops));
        let most = plan.frames.map_or(u64::MAX, share);
        let gaps = GapRecorder::new(meter.rate());
        let begin = meter.begin();
        let end = begin.wrapping_add(meter.ticks(plan.duration));
        if let (Traffic::Capture { own_timing: true, .. }, Some(capture)) = (&plan.traffic, capture) {
            let when = When::Captured { timing: OwnTiming::new(capture, meter.rate(), begin), end, released: 0 };
            return Ok(Load { when, frames: most, then: None, retry: meter.ticks(RETRY), gaps });
        }
        let Pace::Rate(rate) = plan.pace else {
            return Ok(Load { when: When::Max { end, released: 0 }, frames: most, then: None, retry: meter.ticks(RETRY), gaps });
        };
        let refuse = |error: PaceError| DataplaneError::Plan { what: "the rate", why: error.to_string() };
        let first = rate.shared_by(loops);
        // Loops are staggered: each begins one frame time of the total rate after the one before.
        let offset = (f64::from(number) * meter.rate().hz() as f64 / rate.pps()).round() as u64;
        // Frames that are released ahead are due later by as much, so that the releases are the same.
        let start = begin.wrapping_add(offset).wrapping_add(ahead);
        let schedule = Schedule::new(meter.rate(), first, start, plan.late).map_err(refuse)?.ahead_by(ahead);
        let due = |duration: Duration, pps: f64| share((duration.as_secs_f64() * pps).round().max(1.0) as u64);
        let retry = match plan.late {
            LatePolicy::CatchUp { bound } | LatePolicy::Abort { bound } => meter.rate().ticks(bound),
            LatePolicy::Skip => schedule.gap_ticks(),
        };
        let (frames, then) = match plan.then {
            None => (most.min(due(plan.duration, rate.pps())), None),
            Some(step) => {
                let frames = most.min(due(step.after, rate.pps()));
                let remaining = plan.duration.saturating_sub(step.after);
                let then = Then {
                    rate: step.rate.shared_by(loops),
                    start: start.wrapping_add(meter.ticks(step.after)),
                    frames: most.min(frames + due(remaining, step.rate.pps())),
                };
                // An impossible second rate is refused now rather than during the trial.
                Schedule::new(meter.rate(), then.rate, then.start, plan.late).map_err(refuse)?;
                (frames, Some(then))
            }
        };
        Ok(Load { when: When::Schedule(schedule), frames, then, retry, gaps })
    }

    /// What to do at `now`, with at most `burst` frames. `stalled_until` is [`Meter::stalled_until`].
    #[inline(always)]
    pub(super) fn next(&mut self, now: u64, stalled_until: u64, burst: u32) -> Action {
        match &mut self.when {
            When::Max { end, released } => {
                if now.wrapping_sub(*end) as i64 >= 0 || *released >= self.frames {
                    return Action::End;
                }
                self.gaps.observe(now, now, stalled_until);
                let count = (self.frames - *released).min(u64::from(burst));
                *released += count;
                Action::Send(count as usize, now)
            }
            When::Schedule(schedule) => {
                let past = schedule.released() + schedule.skipped();
                if past >= self.frames {
                    return self.change_rate();
                }
                let (mut due, release_due) = (schedule.next_due(), schedule.next_release());
                match schedule.due(now, (self.frames - past).min(u64::from(burst)) as u32) {
                    Ok(release) if release.frames == 0 => Action::Wait,
                    Ok(release) => {
                        self.gaps.observe(now, release_due, stalled_until);
                        if release.skipped > 0 {
                            due = schedule.next_due().wrapping_sub(u64::from(release.frames) * schedule.gap_ticks());
                        }
                        // The skipped frames may include the last of the run; frames after that one do not belong to the run.
                        let over = (past + release.skipped + u64::from(release.frames)).saturating_sub(self.frames);
                        match u64::from(release.frames).saturating_sub(over) {
                            0 => Action::Wait,
                            count => Action::Send(count as usize, due),
                        }
                    }
                    Err(late) => Action::TooLate(late.to_string()),
                }
            }
            When::Captured { timing, end, released } => {
                if now.wrapping_sub(*end) as i64 >= 0 || *released >= self.frames {
                    return Action::End;
                }
                match timing.due(now, (self.frames - *released).min(u64::from(burst)) as u32) {
                    0 => Action::Wait,
                    count => {
                        self.gaps.observe(now, now, stalled_until);
                        *released += u64::from(count);
                        Action::Send(count as usize, now)
                    }
                }
            }
        }
    }

    /// Begins the second rate, where there is one.
    #[cold]
    fn change_rate(&mut self) -> Action {
        let (Some(then), When::Schedule(schedule)) = (self.then.take(), &mut self.when) else { return Action::End };
        match schedule.change_rate(then.rate, then.start) {
            Ok(()) => {
                self.frames = then.frames;
                Action::RateChanged
            }
            // Cannot happen: `new` checked the same rate.
            Err(error) => Action::TooLate(error.to_string()),
        }
    }

    /// Accounts for frames that had no mbufs, and returns how many of them count as unsent: none at maximum load, where they are tried
    /// again, and all on a schedule, where their time is over.
    #[cold]
    pub(super) fn missed(&mut self, frames: u64) -> u64 {
        match &mut self.when {
            When::Max { released, .. } => {
                *released -= frames;
                0
            }
            When::Schedule(_) | When::Captured { .. } => frames,
        }
    }

    /// How long a burst is offered again, in ticks.
    #[inline(always)]
    pub(super) fn retry(&self) -> u64 {
        self.retry
    }

    /// Frames that were due until now; without a schedule, those `offered` to the port.
    pub(super) fn intended(&self, offered: u64) -> u64 {
        match &self.when {
            When::Schedule(schedule) => self.frames.min(schedule.released() + schedule.skipped()),
            When::Max { .. } | When::Captured { .. } => offered,
        }
    }

    pub(super) fn lateness(&self) -> Option<LatenessReport> {
        match &self.when {
            When::Schedule(schedule) => Some(schedule.lateness()),
            When::Max { .. } | When::Captured { .. } => None,
        }
    }

    pub(super) fn gaps(&self) -> GapReport {
        let schedule = match &self.when {
            When::Schedule(schedule) => Some(schedule),
            When::Max { .. } | When::Captured { .. } => None,
        };
        self.gaps.report(schedule)
    }

    /// Ticks between the frames of a schedule; 0 without a schedule.
    #[inline(always)]
    pub(super) fn gap(&self) -> u64 {
        match &self.when {
            When::Schedule(schedule) => schedule.gap_ticks(),
            When::Max { .. } | When::Captured { .. } => 0,
        }
    }

    pub(super) fn is_paced(&self) -> bool {
        matches!(self.when, When::Schedule(_))
    }
}
