use std::time::Duration;

use super::meter::ticks_in;
use crate::time::TickRate;

/// Asking for the link costs a system call on some ports: only after a silence of this length, and no more often.
const LOOK: Duration = Duration::from_millis(250);

/// Frames under way are waited for, but no longer than this many times the silence that says there are none.
const LONGEST_DRAIN: u64 = 10;

/// What a report says where a link went down.
pub(super) const LINK_LOST: &str = "the link went down: the other end has gone, or the cable";

/// Why the poll loop of a sink or a reflector ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its time was over.
    TimeOver,
    /// It was told to stop, and what was under way has come.
    Stopped,
    /// The link went down.
    LinkLost,
}

impl End {
    /// What a report says of an end that nobody asked for.
    pub(super) fn ended_early(self) -> Option<String> {
        (self == End::LinkLost).then(|| LINK_LOST.to_owned())
    }
}

/// When the poll loop of a sink or a reflector ends: after its time, some silence after it was told to stop, or with the link.
#[derive(Debug)]
pub(super) struct Ending {
    begin: u64,
    limit: Option<u64>,
    drain: u64,
    look: u64,
    last_frame: u64,
    last_look: u64,
    stopped: Option<u64>,
}

impl Ending {
    /// The end of a loop that begins at `begin` by a clock of `rate`: after `duration`, where one is given; when told to stop, once
    /// nothing has come for `drain`.
    pub(super) fn new(rate: TickRate, begin: u64, duration: Option<Duration>, drain: Duration) -> Self {
        let ticks = |duration| ticks_in(rate, duration);
        Ending {
            begin,
            limit: duration.map(ticks),
            drain: ticks(drain),
            look: ticks(LOOK),
            last_frame: begin,
            last_look: begin,
            stopped: None,
        }
    }

    /// Whether the loop ends after the turn that began at `now` and brought frames or did not. `link_lost` is asked seldom.
    #[inline(always)]
    pub(super) fn after(&mut self, now: u64, came: bool, stop_asked: bool, link_lost: impl FnOnce() -> bool) -> Option<End> {
        // Even a flood of frames must not keep a loop from ending.
        if self.limit.is_some_and(|limit| now.wrapping_sub(self.begin) >= limit) {
            return Some(End::TimeOver);
        }
        if came {
            self.last_frame = now;
        }
        if stop_asked {
            return self.drained(now);
        }
        if !came && now.wrapping_sub(self.last_frame) > self.look && now.wrapping_sub(self.last_look) > self.look {
            self.last_look = now;
            return link_lost().then_some(End::LinkLost);
        }
        None
    }

    #[inline(never)]
    fn drained(&mut self, now: u64) -> Option<End> {
        let stopped = *self.stopped.get_or_insert_with(|| {
            // What was silent before it was told to stop does not count: the last frames may have been sent just now.
            self.last_frame = now;
            now
        });
        let silent = now.wrapping_sub(self.last_frame) > self.drain;
        let too_long = now.wrapping_sub(stopped) > self.drain.saturating_mul(LONGEST_DRAIN);
        (silent || too_long).then_some(End::Stopped)
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
        panic!("the link is looked at")
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
    fn told_to_stop_it_waits_for_a_silence_that_begins_with_the_order() {
        let mut ending = Ending::new(CLOCK, 0, None, DRAIN);
        // Silent for 200 ms before the order: that is no drain.
        assert_eq!(ending.after(200 * MS, false, true, never), None);
        assert_eq!(ending.after(250 * MS, false, true, never), None);
        assert_eq!(ending.after(250 * MS, true, true, never), None);
        assert_eq!(ending.after(300 * MS, false, true, never), None);
        assert_eq!(ending.after(300 * MS + 1, false, true, never), Some(End::Stopped));
        assert_eq!(End::Stopped.ended_early(), None);
    }

    #[test]
    fn a_flood_does_not_keep_it_from_stopping() {
        let mut ending = Ending::new(CLOCK, 0, None, DRAIN);
        let end = (0..).map(|ms| (ms, ending.after(ms * MS, true, true, never))).find(|(_, end)| end.is_some());
        assert_eq!(end, Some((501, Some(End::Stopped))));
    }

    #[test]
    fn the_link_is_looked_at_after_a_silence_and_seldom() {
        let mut ending = Ending::new(CLOCK, 0, None, DRAIN);
        let mut looks = Vec::new();
        for ms in 0..2000 {
            // Frames until one second, then none.
            let end = ending.after(ms * MS, ms < 1000, false, || {
                looks.push(ms);
                ms > 1600
            });
            if end.is_some() {
                assert_eq!((end, ms), (Some(End::LinkLost), 1752));
                break;
            }
        }
        assert_eq!(looks, [1250, 1501, 1752]);
        assert!(End::LinkLost.ended_early().is_some());
    }

    proptest! {
        #[test]
        fn before_its_time_and_unasked_it_only_ends_with_the_link(begin: u64, turns in prop::collection::vec((0u64..400 * MS, any::<bool>()), 0..100)) {
            let mut ending = Ending::new(CLOCK, begin, Some(Duration::from_secs(3600)), DRAIN);
            let mut now = begin;
            for (length, came) in turns {
                now = now.wrapping_add(length);
                prop_assert_eq!(ending.after(now, came, false, || false), None);
            }
        }
    }
}
