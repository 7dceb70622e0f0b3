//! When a poll loop sends frames, and when the run ends.

use std::sync::Arc;
use std::time::Duration;

use methodology::units::{FrameSize, Frames, Pace, Seconds};

use super::plan::{SendPlan, Spacing, Traffic};
use crate::account::gaps::{GapRecorder, GapReport};
use crate::engine::meter::Meter;
use crate::error::DataplaneError;
use crate::frame::pcap::{Capture, OwnTiming};
use crate::time::{LatePolicy, LatenessReport, PaceError, Release, Schedule};

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
    /// The time that `frames` frames take, on a schedule.
    intended_time: Seconds,
    /// Frames of the source that were skipped since the last burst.
    left_out: u64,
}

enum When {
    /// As fast as the port accepts them, until a tick.
    Max { end: u64, released: u64 },
    /// On a schedule, which ends after a number of frames.
    Schedule(Schedule),
    /// With the timing of the capture, until a tick.
    Captured { timing: OwnTiming, end: u64 },
}

/// The second rate of a step.
struct Then {
    rate: methodology::units::PacketRate,
    start: u64,
    frames: u64,
}

/// What the poll loop does next.
pub(super) enum Action {
    /// Send this many frames; the first is due at this tick. Before them this many frames were skipped.
    Send { count: usize, due: u64, left_out: u64 },
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
        let (retry, intended_time) = (meter.ticks(RETRY), Seconds::ZERO);
        if let (Traffic::Capture { own_timing: true, .. }, Some(capture)) = (&plan.traffic, capture) {
            let when = When::Captured { timing: OwnTiming::new(capture, meter.rate(), begin, plan.late), end };
            return Ok(Load { when, frames: most, then: None, retry, gaps, intended_time, left_out: 0 });
        }
        let Pace::Rate(rate) = plan.pace else {
            return Ok(Load { when: When::Max { end, released: 0 }, frames: most, then: None, retry, gaps, intended_time, left_out: 0 });
        };
        let refuse = |error: PaceError| DataplaneError::Plan { what: "the rate", why: error.to_string() };
        let first = rate.shared_by(loops);
        // Loops are staggered: each begins one frame time of the total rate after the one before.
        let offset = (f64::from(number) * meter.rate().hz() as f64 / rate.pps()).round() as u64;
        // Frames that are released ahead are due later by as much, so that the releases are the same.
        let start = begin.wrapping_add(offset).wrapping_add(ahead);
        let schedule = match wire_bytes(plan, capture) {
            None => Schedule::new(meter.rate(), first, start, plan.late),
            Some(bytes) => Schedule::sized(meter.rate(), first, start, plan.late, bytes),
        };
        let schedule = schedule.map_err(refuse)?.ahead_by(ahead);
        let due = |duration: Duration, pps: f64| match schedule.is_sized() {
            false => share((duration.as_secs_f64() * pps).round().max(1.0) as u64),
            true => {
                // This loop's own frames, from its own start.
                let stagger = Seconds::from(meter.duration(offset));
                let whole = Seconds::from(duration) - stagger;
                schedule.frames_within(whole * (pps / rate.pps())).max(1)
            }
        };
        let retry = match plan.late {
            LatePolicy::CatchUp { bound } | LatePolicy::Abort { bound } => meter.rate().ticks(bound),
            LatePolicy::Skip => schedule.gap_ticks(),
        };
        let (frames, then, intended_time) = match plan.then {
            None => {
                let frames = most.min(due(plan.duration, rate.pps()));
                (frames, None, schedule.time_of(frames))
            }
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
                // As long as both parts; shorter where the frames end it before.
                let behind = then.rate.time_of(then.frames.saturating_sub(frames));
                let first_part = if then.frames > frames { Seconds::from(step.after) } else { schedule.time_of(frames) };
                (frames, Some(then), first_part + behind)
            }
        };
        Ok(Load { when: When::Schedule(schedule), frames, then, retry, gaps, intended_time, left_out: 0 })
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
                Action::Send { count: count as usize, due: now, left_out: 0 }
            }
            When::Schedule(schedule) => {
                let past = schedule.log().past();
                if past >= self.frames {
                    return self.change_rate();
                }
                let (mut due, release_due) = (schedule.next_due(), schedule.next_release());
                match schedule.due(now, (self.frames - past).min(u64::from(burst)) as u32) {
                    Ok(release) if release.frames == 0 => {
                        self.left_out += release.skipped;
                        Action::Wait
                    }
                    Ok(release) => {
                        self.gaps.observe(now, release_due, stalled_until);
                        if release.skipped > 0 {
                            due = schedule.next_due().wrapping_sub(u64::from(release.frames) * schedule.gap_ticks());
                        }
                        // The skipped frames may include the last of the run; frames after that one do not belong to the run.
                        let over = (past + release.skipped + u64::from(release.frames)).saturating_sub(self.frames);
                        self.left_out += release.skipped;
                        match u64::from(release.frames).saturating_sub(over) {
                            0 => Action::Wait,
                            count => Action::Send { count: count as usize, due, left_out: std::mem::take(&mut self.left_out) },
                        }
                    }
                    Err(late) => Action::TooLate(late.to_string()),
                }
            }
            When::Captured { timing, end } => {
                let past = timing.log().past();
                if now.wrapping_sub(*end) as i64 >= 0 || past >= self.frames {
                    return Action::End;
                }
                let due = timing.next_due();
                match timing.due(now, (self.frames - past).min(u64::from(burst)) as u32) {
                    Ok(Release { frames: 0, skipped }) => {
                        self.left_out += skipped;
                        Action::Wait
                    }
                    Ok(release) => {
                        self.gaps.observe(now, due, stalled_until);
                        let left_out = std::mem::take(&mut self.left_out) + release.skipped;
                        Action::Send { count: release.frames as usize, due, left_out }
                    }
                    Err(late) => Action::TooLate(late.to_string()),
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
            When::Schedule(schedule) => self.frames.min(schedule.log().past()),
            When::Captured { timing, .. } => timing.log().past(),
            When::Max { .. } => offered,
        }
    }

    /// The time over which the frames of a run that came to its end were to be offered, of which the last was sent `last_sent` and the loop
    /// ended `end` after the start.
    ///
    /// The time of a schedule does not depend on when its last frame was sent: frames that are missing at the end were to be offered too. It is
    /// longer only where frames were sent after it, by more than a hundredth.
    pub(super) fn offered_time(&self, last_sent: Duration, end: Duration) -> Duration {
        let unless_later = |intended: Duration| if last_sent > intended + intended / 100 { last_sent } else { intended };
        match &self.when {
            When::Schedule(_) => unless_later(self.intended_time.duration()),
            // Ended by its number of frames: each with the gap behind it.
            When::Captured { timing, .. } if timing.log().past() >= self.frames => unless_later(timing.time_so_far().duration()),
            When::Max { .. } | When::Captured { .. } => end,
        }
    }

    /// Whether each frame of the source has a time of its own, so that one that is not sent leaves its time empty.
    pub(super) fn times_each_frame(&self) -> bool {
        match &self.when {
            When::Max { .. } => false,
            When::Schedule(schedule) => schedule.is_sized(),
            When::Captured { .. } => true,
        }
    }

    pub(super) fn lateness(&self) -> Option<LatenessReport> {
        match &self.when {
            When::Schedule(schedule) => Some(schedule.log().lateness()),
            When::Captured { timing, .. } => Some(timing.log().lateness()),
            When::Max { .. } => None,
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
}

/// The wire bytes of the frames of one loop, once around, where frames are spaced by their sizes.
fn wire_bytes(plan: &SendPlan, capture: Option<&Capture>) -> Option<Arc<[u32]>> {
    if plan.spacing == Spacing::Even {
        return None;
    }
    match (&plan.traffic, capture) {
        (Traffic::Test(Frames::Mix(mix)), _) => Some(mix.sizes().iter().map(|size| size.on_wire()).collect()),
        (Traffic::Capture { .. }, Some(capture)) => Some(capture.sizes().map(FrameSize::on_wire).collect()),
        (Traffic::Test(Frames::Fixed(_)) | Traffic::Capture { .. }, _) => None,
    }
}
