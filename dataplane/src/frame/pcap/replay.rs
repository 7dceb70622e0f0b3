use super::capture::Capture;
use crate::time::TickRate;

/// Replays a capture with its own timing, repeatedly. (For a constant rate use [`crate::time::Schedule`].)
///
/// The last frame is followed by the first after the mean gap of the capture, so that a new round does not begin with a burst.
#[derive(Debug, Clone)]
pub struct OwnTiming {
    /// When each frame is due, in ticks from the round's start.
    offsets: Vec<u64>,
    round: u64,
    round_start: u64,
    next: usize,
}

impl OwnTiming {
    /// A replay of `capture` whose first frame is due at `start`.
    pub fn new(capture: &Capture, ticks: TickRate, start: u64) -> OwnTiming {
        let offsets: Vec<u64> = capture.frames().map(|frame| ticks.ticks(frame.at)).collect();
        let length = ticks.ticks(capture.length());
        let gaps = capture.frame_count().saturating_sub(1) as u64;
        // A capture with one frame, or with all frames at one time, has no gap; it is sent once a millisecond.
        let gap = length.checked_div(gaps).filter(|gap| *gap > 0).unwrap_or(ticks.hz() / 1000);
        OwnTiming { offsets, round: length + gap, round_start: start, next: 0 }
    }

    /// How many frames to send at `now`, at most `room`, beginning with [`next_frame`](Self::next_frame). Stops at the end of a round,
    /// so that the frames are consecutive in the capture.
    #[inline]
    pub fn due(&mut self, now: u64, room: u32) -> u32 {
        let since = now.wrapping_sub(self.round_start);
        if since as i64 <= -1 {
            return 0;
        }
        let ready = self.offsets[self.next..].iter().take(room as usize).take_while(|&&offset| offset <= since).count();
        self.next += ready;
        if self.next == self.offsets.len() {
            self.next = 0;
            self.round_start = self.round_start.wrapping_add(self.round);
        }
        ready as u32
    }

    /// Index of the frame that is due next.
    pub fn next_frame(&self) -> usize {
        self.next
    }
}
