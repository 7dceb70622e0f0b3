use methodology::units::Seconds;

use super::capture::Capture;
use crate::time::{LateBound, LatePolicy, Release, ReleaseLog, TickRate, TooLate};

/// Replays a capture with the timing of the capture, repeatedly. (For a given rate use [`crate::time::Schedule`].)
///
/// The last frame is followed by the first after the mean gap of the capture, so that a new round does not begin with a burst.
#[derive(Debug, Clone)]
pub struct OwnTiming {
    /// When each frame is due, in ticks from the round's start.
    offsets: Vec<u64>,
    round: u64,
    start: u64,
    round_start: u64,
    next: usize,
    bound: LateBound,
    log: ReleaseLog,
    ticks: TickRate,
}

impl OwnTiming {
    /// A replay of `capture` whose first frame is due at `start`.
    pub fn new(capture: &Capture, ticks: TickRate, start: u64, policy: LatePolicy) -> OwnTiming {
        let offsets: Vec<u64> = capture.frames().map(|frame| ticks.ticks(frame.at)).collect();
        let length = ticks.ticks(capture.length());
        let gaps = capture.frame_count().saturating_sub(1) as u64;
        // A capture without extent (one frame, or all at one time) has no gap to repeat. One round then takes a millisecond.
        let gap = length.checked_div(gaps).filter(|gap| *gap > 0).unwrap_or(ticks.hz() / 1000);
        OwnTiming {
            offsets,
            round: length + gap,
            start,
            round_start: start,
            next: 0,
            bound: LateBound::new(policy, gap, ticks),
            log: ReleaseLog::new(ticks),
            ticks,
        }
    }

    /// How many frames to send at `now`, at most `room`, and how many frames before them are too late and are skipped. A release stops at the
    /// end of a round, so that its frames are consecutive in the capture.
    #[inline]
    pub fn due(&mut self, now: u64, room: u32) -> Result<Release, TooLate> {
        let late = now.wrapping_sub(self.next_due());
        if late.cast_signed() < 0 || room == 0 {
            return Ok(Release::default());
        }
        self.log.note(late);
        let mut skipped = 0;
        if late >= self.bound.ticks {
            if self.bound.aborts {
                return Err(self.log.too_late(late));
            }
            skipped = self.skip_late(now);
        }
        let since = now.wrapping_sub(self.round_start);
        // The round may begin later than now, where everything until now was skipped.
        let begun = since.cast_signed() >= 0;
        let ready = self.offsets[self.next..].iter().take(room as usize).take_while(|&&offset| begun && offset <= since).count();
        self.advance(ready);
        Ok(self.log.add(Release { frames: ready as u32, skipped }))
    }

    /// When the next frame is due.
    #[inline]
    pub fn next_due(&self) -> u64 {
        self.round_start.wrapping_add(self.offsets[self.next])
    }

    /// What was released and skipped so far.
    pub fn log(&self) -> &ReleaseLog {
        &self.log
    }

    /// From the start until the next frame is due: what the frames until now take in the capture's timing, each with the gap behind it.
    pub fn time_so_far(&self) -> Seconds {
        self.ticks.nanoseconds(self.next_due().wrapping_sub(self.start)).seconds()
    }

    /// Skips every frame that is late by the bound or more.
    #[cold]
    fn skip_late(&mut self, now: u64) -> u64 {
        let mut skipped = 0;
        while now.wrapping_sub(self.next_due()).cast_signed() >= self.bound.ticks.cast_signed().max(1) {
            self.advance(1);
            skipped += 1;
        }
        skipped
    }

    fn advance(&mut self, frames: usize) {
        self.next += frames;
        if self.next == self.offsets.len() {
            self.next = 0;
            self.round_start = self.round_start.wrapping_add(self.round);
        }
    }
}
