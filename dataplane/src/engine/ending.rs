//! When the poll loop of a sink or a reflector ends.

use std::time::Duration;

use super::meter::ticks_in;
use crate::time::TickRate;

/// The longest drain, in multiples of the idle time that ends one.
const LONGEST_DRAIN: u64 = 10;

/// Why a run ended early, in its report, where the link went down.
pub(super) const LINK_LOST: &str = "the link went down: the other end closed its port, or the cable was unplugged";

/// Why the poll loop of a sink or a reflector ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its duration was over.
    TimeOver,
    /// It was asked to stop, and the frames in flight have arrived.
    Stopped,
    /// The link went down.
    LinkLost,
}

impl End {
    /// Why the run ended early, for the report; `None` where it ended as planned.
    pub(super) fn ended_early(self) -> Option<String> {
        (self == End::LinkLost).then(|| LINK_LOST.to_owned())
    }
}

/// Decides when the poll loop of a sink or a reflector ends: after its duration, after a drain once it was asked to stop, or when the link
/// goes down.
#[derive(Debug)]
pub(super) struct Ending {
    begin: u64,
    limit: Option<u64>,
    drain: u64,
    last_frame: u64,
    stopped: Option<u64>,
}

impl Ending {
    /// For a loop that begins at `begin` by a clock of `rate`: it ends after `duration`, where one is given, and once asked to stop when no
    /// frame has arrived for `drain`.
    pub(super) fn new(rate: TickRate, begin: u64, duration: Option<Duration>, drain: Duration) -> Self {
        let ticks = |duration| ticks_in(rate, duration);
        Ending { begin, limit: duration.map(ticks), drain: ticks(drain), last_frame: begin, stopped: None }
    }

    /// Whether the loop ends after the iteration that began at `now`; `received` says whether it received frames. `link_lost` says whether it
    /// was asked to stop because the link went down.
    #[inline(always)]
    pub(super) fn after(&mut self, now: u64, received: bool, stop_asked: bool, link_lost: impl FnOnce() -> bool) -> Option<End> {
        // Checked first: the loop ends on time even while frames arrive continuously.
        if self.limit.is_some_and(|limit| now.wrapping_sub(self.begin) >= limit) {
            return Some(End::TimeOver);
        }
        if received {
            self.last_frame = now;
        }
        if stop_asked {
            // Nothing is in flight on a link that is down.
            return if link_lost() { Some(End::LinkLost) } else { self.drained(now) };
        }
        None
    }

    #[inline(never)]
    fn drained(&mut self, now: u64) -> Option<End> {
        let stopped = *self.stopped.get_or_insert_with(|| {
            // Idle time before the stop does not count: the last frames may have been sent just now.
            self.last_frame = now;
            now
        });
        let drained = now.wrapping_sub(self.last_frame) > self.drain;
        let too_long = now.wrapping_sub(stopped) > self.drain.saturating_mul(LONGEST_DRAIN);
        (drained || too_long).then_some(End::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A clock of nanoseconds.
    const CLOCK: TickRate = TickRate::from_hz(1_000_000_000).unwrap();
    const MS: u64 = 1_000_000;
    const DRAIN: Duration = Duration::from_millis(50);

    fn never() -> bool {
        panic!("asked before the loop was asked to stop")
    }

    fn link_is_up() -> bool {
        false
    }

    #[test]
    fn a_loop_ends_after_its_time_even_while_frames_come() {
        // Begun just before the counter wraps.
        let begin = u64::MAX - MS;
        let mut ending = Ending::new(CLOCK, begin, Some(Duration::from_millis(10)), DRAIN);
        assert_eq!(ending.after(begin.wrapping_add(10 * MS - 1), true, false, never), None);
        assert_eq!(ending.after(begin.wrapping_add(10 * MS), true, false, never), Some(End::TimeOver));
        assert_eq!(End::TimeOver.ended_early(), None);
    }

    #[test]
    fn after_a_stop_it_drains_for_an_idle_time_that_begins_with_the_stop() {
        let mut ending = Ending::new(CLOCK, 0, None, DRAIN);
        // Idle for 200 ms before the stop: that is not part of the drain.
        assert_eq!(ending.after(200 * MS, false, true, link_is_up), None);
        assert_eq!(ending.after(250 * MS, false, true, link_is_up), None);
        assert_eq!(ending.after(250 * MS, true, true, link_is_up), None);
        assert_eq!(ending.after(300 * MS, false, true, link_is_up), None);
        assert_eq!(ending.after(300 * MS + 1, false, true, link_is_up), Some(End::Stopped));
        assert_eq!(End::Stopped.ended_early(), None);
    }

    #[test]
    fn frames_without_end_do_not_keep_it_from_stopping() {
        let mut ending = Ending::new(CLOCK, 0, None, DRAIN);
        let end = (0..).map(|ms| (ms, ending.after(ms * MS, true, true, link_is_up))).find(|(_, end)| end.is_some());
        assert_eq!(end, Some((501, Some(End::Stopped))));
    }

    #[test]
    fn a_lost_link_ends_it_at_once() {
        let mut ending = Ending::new(CLOCK, 0, None, DRAIN);
        assert_eq!(ending.after(MS, true, false, never), None);
        assert_eq!(ending.after(2 * MS, true, true, || true), Some(End::LinkLost));
        assert!(End::LinkLost.ended_early().is_some());
    }

    proptest! {
        #[test]
        fn before_its_time_and_unasked_it_does_not_end(begin: u64, iterations in prop::collection::vec((0u64..400 * MS, any::<bool>()), 0..100)) {
            let mut ending = Ending::new(CLOCK, begin, Some(Duration::from_secs(3600)), DRAIN);
            let mut now = begin;
            for (length, received) in iterations {
                now = now.wrapping_add(length);
                prop_assert_eq!(ending.after(now, received, false, never), None);
            }
        }
    }
}
