//! When a poll loop offers frames to a full transmit ring again.
//!
//! An offer to a full ring reads where the other side writes what it has taken: the used ring of virtio (`virtqueue_nused`), the tail that a NIC
//! writes back. Each read takes that cache line away from the other side, which is slower for it. docs/performance.md has the measurements.

use std::time::Duration;

use crate::engine::meter::Meter;
use crate::time::ticks;

/// A longer wait gained nothing on a software port (1 and 3 µs had the rate of 0.3 µs).
const LONGEST: Duration = Duration::from_nanos(300);

/// The time of the shortest Ethernet frame at 100 Gb/s: 84 bytes with preamble and gap.
const FRAME_PS: u64 = 6_720;

/// How long a poll loop waits between two offers to a full ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct FullRing {
    /// In ticks.
    wait: u64,
}

impl FullRing {
    /// The wait is at most the time in which a quarter of the ring is sent at 100 Gb/s, so that a small ring does not run empty meanwhile. Frames
    /// are given up after `retry` ticks; they are offered several times before.
    pub(super) fn new(meter: &Meter, descriptors: u16, retry: u64) -> Self {
        FullRing { wait: meter.ticks(wait_of(descriptors)).min(retry / 4) }
    }

    /// The offers of a burst that is ready at `now`.
    #[inline(always)]
    pub(super) fn offers_from(self, now: u64) -> Offers {
        Offers { next: now, wait: self.wait }
    }
}

/// When the frames of one burst are offered.
pub(super) struct Offers {
    /// The next offer, and the time between two of them, in ticks.
    next: u64,
    wait: u64,
}

impl Offers {
    /// Whether the frames are to be offered at `now`.
    #[inline(always)]
    pub(super) fn is_due(&self, now: u64) -> bool {
        now.wrapping_sub(self.next) as i64 >= 0
    }

    /// Notes that the ring refused frames.
    #[inline(always)]
    pub(super) fn refused(&mut self) {
        self.next = ticks().wrapping_add(self.wait);
    }
}

fn wait_of(descriptors: u16) -> Duration {
    Duration::from_nanos(u64::from(descriptors / 4) * FRAME_PS / 1000).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_does_not_run_empty_while_it_is_left_alone() {
        assert_eq!(wait_of(4096), LONGEST);
        assert_eq!(wait_of(256), LONGEST);
        assert_eq!(wait_of(64), Duration::from_nanos(107), "a quarter of 64 frames of 6.72 ns");
        assert_eq!(wait_of(0), Duration::ZERO, "a port that names no ring is offered frames all the time");
    }
}
