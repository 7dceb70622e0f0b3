//! When a poll loop offers frames to a full transmit ring again.
//!
//! An offer to a full ring reads where the other side writes what it has taken: the used ring of virtio (`virtqueue_nused`), the tail that a NIC
//! writes back. Each read takes that cache line away from the other side, which is slower for it. docs/performance.md has the measurements.

use std::time::Duration;

use crate::engine::meter::Meter;

/// A longer wait gained nothing on a software port (1 and 3 µs had the rate of 0.3 µs).
const LONGEST: Duration = Duration::from_nanos(300);

/// The time of the shortest Ethernet frame at 100 Gb/s: 84 bytes with preamble and gap.
const FRAME_PS: u64 = 6_720;

/// Ticks between two offers to a ring of `descriptors`. It is at most the time in which a quarter of the ring is sent at 100 Gb/s, so that a
/// small ring does not run empty meanwhile.
pub(super) fn wait(meter: &Meter, descriptors: u16) -> u64 {
    meter.ticks(wait_of(descriptors))
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
