//! The frames in flight of all poll loops of a sender, and when the wait for them ends.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam::utils::CachePadded;

/// What all loops together sent and got back, from the end of each loop's sending on. The receiving NIC chooses the queue on which a frame
/// returns (RSS), so a loop's own frames can return to any other loop: only the totals say whether frames are missing.
#[derive(Debug)]
pub(super) struct InFlight {
    /// When the sender began, in ticks: before every loop. A frame that was stamped before it is of another sender.
    begin: u64,
    /// Loops that still send.
    sending: CachePadded<AtomicU16>,
    sent: AtomicU64,
    returned: CachePadded<AtomicU64>,
    /// When the last loop stopped sending, and when a frame returned last, in ticks. The counter of 64 bits does not wrap while it runs.
    last_sent: AtomicU64,
    last_return: AtomicU64,
    /// The longest round trip so far, in ticks.
    longest: AtomicU64,
}

/// How the wait of one loop ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited {
    /// `None` where it was interrupted.
    pub(super) ended: Option<Drained>,
    /// From the last frame of all loops on.
    pub(super) time: Duration,
}

impl Waited {
    /// Whether the wait ended although more frames might have returned.
    pub(super) fn was_cut_short(self) -> bool {
        !matches!(self.ended, Some(Drained::Complete | Drained::Silent))
    }
}

impl InFlight {
    /// For a sender of so many poll loops, none of which has begun at `begin`.
    pub(super) fn new(loops: u16, begin: u64) -> InFlight {
        InFlight {
            begin,
            sending: CachePadded::new(AtomicU16::new(loops)),
            sent: AtomicU64::new(0),
            returned: CachePadded::new(AtomicU64::new(0)),
            last_sent: AtomicU64::new(0),
            last_return: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }

    /// Notes that a loop has sent its last frame, and how many it sent.
    pub(super) fn stop_sending(&self, sent: u64, now: u64) {
        self.sent.fetch_add(sent, Ordering::Relaxed);
        self.last_sent.fetch_max(now, Ordering::Relaxed);
        // Released: who sees that no loop sends any more sees their sums too.
        self.sending.fetch_sub(1, Ordering::Release);
    }

    /// When the sender began, in ticks.
    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    /// When the last loop stopped sending, in ticks.
    pub(super) fn last_sent(&self) -> u64 {
        self.last_sent.load(Ordering::Relaxed)
    }

    /// Notes frames that returned to a loop that has sent its last one.
    pub(super) fn note(&self, returned: u64, last_return: u64, longest: u64) {
        self.last_return.fetch_max(last_return, Ordering::Relaxed);
        self.longest.fetch_max(longest, Ordering::Relaxed);
        self.returned.fetch_add(returned, Ordering::Relaxed);
    }

    /// Why the wait ends at `now`, where it does. `limit` and `shortest_silence` in ticks.
    pub(super) fn ended(&self, now: u64, limit: u64, shortest_silence: u64) -> Option<Drained> {
        if self.sending.load(Ordering::Acquire) > 0 {
            return None;
        }
        let drain = Drain { begin: self.last_sent.load(Ordering::Relaxed), limit, shortest_silence };
        let (sent, returned) = (self.sent.load(Ordering::Relaxed), self.returned.load(Ordering::Relaxed));
        let (last_return, longest) = (self.last_return.load(Ordering::Relaxed), self.longest.load(Ordering::Relaxed));
        drain.ended(now, returned >= sent, returned > 0, last_return, longest)
    }
}

/// The wait for frames in flight after the last one was sent.
///
/// It ends when all have returned; when none has returned for so long that those that are missing are lost; or at its limit. Only its limit
/// bounds it while no frame has returned, because nothing is known of the path then.
#[derive(Debug, Clone, Copy)]
struct Drain {
    begin: u64,
    /// The plan's limit.
    limit: u64,
    /// A silence shorter than this proves nothing.
    shortest_silence: u64,
}

/// Why a [`Drain`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drained {
    /// All frames have returned.
    Complete,
    /// No frame has returned for longer than four times the longest round trip: the missing ones are lost.
    Silent,
    /// The limit is over.
    Limit,
}

/// RFC 2544 §23 waits two seconds for the last frames of a trial.
pub(super) const SHORTEST_SILENCE: Duration = Duration::from_secs(2);

impl Drain {
    /// Whether the wait ends at `now`, where frames have returned, the last one at `last_return` and none after more than `longest` ticks.
    fn ended(&self, now: u64, complete: bool, any: bool, last_return: u64, longest: u64) -> Option<Drained> {
        if complete {
            return Some(Drained::Complete);
        }
        // Silence counts from the last frame sent, where none returned after it. Another loop can be later than `now`.
        let since_return = now.saturating_sub(last_return).min(now.saturating_sub(self.begin));
        if any && since_return > longest.saturating_mul(4).max(self.shortest_silence) {
            return Some(Drained::Silent);
        }
        (now.saturating_sub(self.begin) > self.limit).then_some(Drained::Limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks are milliseconds.
    const DRAIN: Drain = Drain { begin: 1000, limit: 5000, shortest_silence: 2000 };

    /// When the wait ends, where frames return at these moments after as many milliseconds as `longest`.
    fn end(returns: &[u64], longest: u64) -> (u64, Drained) {
        (1000..)
            .find_map(|now| {
                let last = returns.iter().copied().filter(|at| *at <= now).max();
                DRAIN.ended(now, false, last.is_some(), last.unwrap_or(0), longest).map(|ended| (now, ended))
            })
            .unwrap()
    }

    #[test]
    fn the_wait_for_frames_in_flight_ends_by_silence_or_at_its_limit() {
        assert_eq!(DRAIN.ended(1000, true, true, 900, 10), Some(Drained::Complete));
        // Nothing has returned: nothing is known of the path.
        assert_eq!(end(&[], 0), (6001, Drained::Limit));
        // A short path: two seconds of silence after the last frame was sent, or after one returned.
        assert_eq!(end(&[900], 1), (3001, Drained::Silent));
        assert_eq!(end(&[900, 1500, 2900], 1), (4901, Drained::Silent));
        // A long one: four round trips of silence, within the limit.
        assert_eq!(end(&[900], 700), (3801, Drained::Silent));
        assert_eq!(end(&[900], 1500), (6001, Drained::Limit));
    }

    #[test]
    fn frames_that_return_to_another_loop_than_their_senders_are_not_missing() {
        let in_flight = InFlight::new(2, 0);
        let ended = |now| in_flight.ended(now, 5000, 2000);
        in_flight.stop_sending(100, 1000);
        // All of the first loop's frames and more have returned, but the second loop still sends.
        in_flight.note(120, 1010, 10);
        assert_eq!((ended(1011), ended(9000)), (None, None));
        in_flight.stop_sending(100, 1500);
        assert_eq!(ended(1501), None, "80 are missing, whichever queue they return on");
        // The limit counts from the last frame of all loops.
        assert_eq!((ended(3500), ended(3501)), (None, Some(Drained::Silent)));
        in_flight.note(80, 1600, 90);
        assert_eq!(ended(1601), Some(Drained::Complete));
    }
}
