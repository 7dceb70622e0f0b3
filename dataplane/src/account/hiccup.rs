//! Hiccups: iterations of a poll loop that take too long, because the loop was scheduled out, interrupted, or blocked in a call.
//!
//! A receive ring buffers frames only for a limited time. A longer hiccup loses frames that the device under test did not lose. Every loop
//! therefore measures all its iterations: a sample would miss the one that matters.

use methodology::units::{Nanoseconds, PacketRate};
use serde::{Deserialize, Serialize};

use super::histogram::{Bucket, bucket, buckets, lower_bound, sum};
use crate::time::TickRate;

/// Descriptors that drivers hand back to the device in one batch at most. Until then they cannot receive: 32 in i40e, ice and ixgbe
/// (`rx_free_thresh`), 64 in mlx5's vector function (mlx5_rxtx_vec.h, `MLX5_VPMD_RXQ_RPLNSH_THRESH`).
const REFILL_BATCH: u16 = 64;

/// How long a poll loop can be interrupted at `rate` frames a second of its queue while a receive ring of `descriptors` certainly buffers all
/// of them. A longer interruption can overflow the ring.
pub fn absorbed_for(descriptors: u16, rate: PacketRate) -> Nanoseconds {
    let certain = descriptors - (descriptors / 2).min(REFILL_BATCH);
    let seconds = f64::from(certain) / rate.pps().max(f64::MIN_POSITIVE);
    // An hour stands for "longer than any interruption".
    Nanoseconds::new((seconds.min(3600.0) * 1e9) as u64)
}

/// Shorter iterations are never hiccups. No poll loop handles the frames of a larger rate than 100 Mpps, so no ring of 512 or more
/// overflows in two microseconds.
const SHORTEST: Nanoseconds = Nanoseconds::new(2_000);
const HIGHEST_RATE: f64 = 100e6;

/// Records the hiccups of one poll loop.
///
/// An iteration above the threshold is a hiccup. Shorter ones are kept by length too, because whether the ring absorbed them depends on the
/// rate, which is known at the end of the run: see [`report`](Self::report).
#[derive(Debug, Clone)]
pub struct HiccupRecorder {
    last: u64,
    ticks: TickRate,
    threshold: u64,
    /// Iterations up to this long are not recorded at all.
    floor: u64,
    longest: u64,
    above: Lengths,
    below: Lengths,
}

/// Iterations by length.
#[derive(Debug, Clone)]
struct Lengths {
    counts: Box<[u64; 128]>,
    totals: Box<[u64; 128]>,
}

impl Lengths {
    fn none() -> Lengths {
        Lengths { counts: Box::new([0; 128]), totals: Box::new([0; 128]) }
    }

    fn add(&mut self, length: u64) {
        let at = bucket(length);
        self.counts[at] += 1;
        // A clock that went backwards looks like a hiccup of centuries: it is recorded, and the total saturates.
        self.totals[at] = self.totals[at].saturating_add(length);
    }

    fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn total(&self) -> u64 {
        self.totals.iter().fold(0, |sum, total| sum.saturating_add(*total))
    }
}

impl HiccupRecorder {
    /// A recorder for a loop that begins at `now` and polls a receive ring of `descriptors`. Iterations longer than `threshold` are hiccups
    /// whatever the rate is.
    pub fn new(ticks: TickRate, threshold: Nanoseconds, descriptors: u16, now: u64) -> HiccupRecorder {
        let fastest = absorbed_for(descriptors, PacketRate::new(HIGHEST_RATE).unwrap_or_default());
        let floor = SHORTEST.min(fastest).min(threshold);
        HiccupRecorder {
            last: now,
            ticks,
            threshold: ticks.ticks(threshold),
            floor: ticks.ticks(floor),
            longest: 0,
            above: Lengths::none(),
            below: Lengths::none(),
        }
    }

    /// Ends an iteration at `now` and returns its length in ticks. Costs a subtraction and a comparison unless it was long.
    #[inline(always)]
    pub fn observe(&mut self, now: u64) -> u64 {
        let length = now.wrapping_sub(self.last);
        self.last = now;
        if length > self.floor {
            self.note(length);
        }
        length
    }

    /// Begins an iteration at `now` and keeps the counts: the time before, such as waiting for the start, is not a hiccup.
    pub fn resume(&mut self, now: u64) {
        self.last = now;
    }

    /// The report, where the ring absorbed interruptions of up to `absorbed`: shorter iterations than the threshold are hiccups too if they
    /// could overflow the ring.
    pub fn report(&self, absorbed: Option<Nanoseconds>) -> HiccupReport {
        let mut hiccups = self.above.clone();
        let mut threshold = self.threshold;
        if let Some(absorbed) = absorbed.map(|absorbed| self.ticks.ticks(absorbed)).filter(|absorbed| *absorbed < self.threshold) {
            // From the bucket on that reaches above it: better one too many.
            let from = bucket(absorbed);
            threshold = lower_bound(from).max(self.floor);
            for at in from..hiccups.counts.len() {
                hiccups.counts[at] += self.below.counts[at];
                hiccups.totals[at] = hiccups.totals[at].saturating_add(self.below.totals[at]);
            }
        }
        let count = hiccups.count();
        HiccupReport {
            threshold_ns: self.ticks.nanoseconds(threshold),
            count,
            longest_ns: if count == 0 { Nanoseconds::new(0) } else { self.ticks.nanoseconds(self.longest) },
            total_ns: self.ticks.nanoseconds(hiccups.total()),
            histogram: buckets(&hiccups.counts[..], self.ticks),
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, length: u64) {
        self.longest = self.longest.max(length);
        let lengths = if length > self.threshold { &mut self.above } else { &mut self.below };
        lengths.add(length);
    }
}

/// Hiccups of a poll loop: it was scheduled out, interrupted, or blocked in a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiccupReport {
    /// Iterations longer than this are hiccups: the plan's threshold, or less where a shorter interruption could overflow the ring.
    pub threshold_ns: Nanoseconds,
    /// Number of hiccups.
    pub count: u64,
    /// The longest hiccup.
    pub longest_ns: Nanoseconds,
    /// The sum of all hiccups.
    pub total_ns: Nanoseconds,
    /// Hiccups by length, with two buckets in every power of two.
    pub histogram: Vec<Bucket>,
}

impl HiccupReport {
    /// How many hiccups were longer than `limit`. A bucket of the histogram that reaches above the limit counts whole.
    pub fn longer_than(&self, limit: Nanoseconds) -> u64 {
        if self.longest_ns <= limit {
            return 0;
        }
        self.histogram.iter().filter(|bucket| bucket.below_ns > limit).map(|bucket| bucket.count).sum::<u64>().max(1)
    }

    /// The sum of two loops.
    pub(crate) fn plus(&self, other: &HiccupReport) -> HiccupReport {
        HiccupReport {
            // 0: the queue has no poll loop of its own, such as a probe's.
            threshold_ns: [self.threshold_ns, other.threshold_ns].into_iter().filter(|own| own.ns() > 0).min().unwrap_or_default(),
            count: self.count + other.count,
            longest_ns: self.longest_ns.max(other.longest_ns),
            total_ns: Nanoseconds::new(self.total_ns.ns() + other.total_ns.ns()),
            histogram: sum(&self.histogram, &other.histogram),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLOCK: TickRate = TickRate::from_hz(2_600_000_000).unwrap();
    const MICROSECOND: u64 = 2_600;
    const THRESHOLD: Nanoseconds = Nanoseconds::new(25_000);

    fn mpps(millions: f64) -> PacketRate {
        PacketRate::new(millions * 1e6).unwrap()
    }

    /// A loop of 0.1 µs an iteration with one interruption of `microseconds`, on a ring of `descriptors`.
    fn interrupted_for(microseconds: u64, descriptors: u16) -> HiccupRecorder {
        let mut recorder = HiccupRecorder::new(CLOCK, THRESHOLD, descriptors, 0);
        let mut now = 0;
        for iteration in 1..=1000u64 {
            now += if iteration == 500 { microseconds * MICROSECOND } else { 260 };
            recorder.observe(now);
        }
        recorder
    }

    #[test]
    fn a_hiccup_of_a_millisecond_is_found_with_its_length() {
        let report = interrupted_for(1000, 1024).report(None);
        assert_eq!((report.count, report.longest_ns, report.total_ns), (1, Nanoseconds::new(1_000_000), Nanoseconds::new(1_000_000)));
        assert_eq!((report.histogram.len(), report.threshold_ns), (1, THRESHOLD));
        assert!(report.histogram[0].below_ns > Nanoseconds::new(1_000_000));
    }

    #[test]
    fn a_ring_absorbs_its_descriptors_without_one_batch_that_the_driver_holds_back() {
        assert_eq!(absorbed_for(256, mpps(32.0)), Nanoseconds::new(6_000));
        assert_eq!(absorbed_for(4096, mpps(32.0)), Nanoseconds::new(126_000));
        // Half of a ring that is smaller than two batches.
        assert_eq!(absorbed_for(64, mpps(32.0)), Nanoseconds::new(1_000));
        assert_eq!(absorbed_for(256, PacketRate::default()), Nanoseconds::new(3_600_000_000_000));
    }

    #[test]
    fn ten_microseconds_overflow_a_ring_of_256_at_32_mpps_and_not_one_of_4096() {
        for (descriptors, overflows) in [(256, 1), (4096, 0)] {
            let absorbed = absorbed_for(descriptors, mpps(32.0));
            let report = interrupted_for(10, descriptors).report(Some(absorbed));
            assert_eq!((report.count, report.longer_than(absorbed)), (overflows, overflows), "{descriptors}: {report:?}");
        }
        // The small ring at a rate that it can buffer for 192 µs.
        let absorbed = absorbed_for(256, mpps(1.0));
        assert_eq!(interrupted_for(10, 256).report(Some(absorbed)).count, 0);
    }

    #[test]
    fn waiting_for_the_start_is_no_hiccup() {
        let mut recorder = HiccupRecorder::new(CLOCK, THRESHOLD, 1024, 0);
        recorder.resume(1 << 40);
        recorder.observe((1 << 40) + 100);
        assert_eq!(recorder.report(None), HiccupReport { threshold_ns: THRESHOLD, ..HiccupReport::default() });
    }

    #[test]
    fn a_queue_without_a_poll_loop_does_not_set_the_threshold_of_the_sum() {
        let of = |threshold| HiccupReport { threshold_ns: Nanoseconds::new(threshold), ..HiccupReport::default() };
        let sum = |one, other| of(one).plus(&of(other)).threshold_ns.ns();
        assert_eq!([sum(25_000, 0), sum(0, 25_000), sum(25_000, 9_000), sum(0, 0)], [25_000, 25_000, 9_000, 0]);
    }

    proptest! {
        #[test]
        fn hiccups_are_exactly_the_iterations_above_the_threshold(start: u64, lengths in prop::collection::vec(0u64..200_000, 0..200)) {
            let mut recorder = HiccupRecorder::new(CLOCK, THRESHOLD, 1024, start);
            let mut now = start;
            for length in &lengths {
                now = now.wrapping_add(*length);
                recorder.observe(now);
            }
            let long: Vec<u64> = lengths.iter().copied().filter(|length| *length > 65_000).collect();
            let report = recorder.report(None);
            prop_assert_eq!(report.count, long.len() as u64);
            prop_assert_eq!(report.longest_ns, CLOCK.nanoseconds(long.iter().copied().max().unwrap_or(0)));
            prop_assert_eq!(report.total_ns, CLOCK.nanoseconds(long.iter().sum()));
            prop_assert_eq!(report.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), report.count);
        }

        #[test]
        fn no_iteration_that_could_overflow_the_ring_is_left_out(
            lengths in prop::collection::vec(1u64..100_000, 1..100), descriptors in 64u16..8192, millions in 1.0f64..100.0,
        ) {
            let mut recorder = HiccupRecorder::new(CLOCK, THRESHOLD, descriptors, 0);
            let mut now = 0;
            for length in &lengths {
                now += length;
                recorder.observe(now);
            }
            let absorbed = absorbed_for(descriptors, mpps(millions));
            let report = recorder.report(Some(absorbed));
            let overflowing = lengths.iter().filter(|length| CLOCK.nanoseconds(**length) > absorbed).count() as u64;
            prop_assert!(report.longer_than(absorbed) >= overflowing, "{:?}", report);
            let absorbed_all = lengths.iter().all(|length| CLOCK.nanoseconds(*length) <= absorbed);
            prop_assert!(!absorbed_all || report.longer_than(absorbed) == 0, "{:?}", report);
            prop_assert!(report.threshold_ns <= absorbed.max(Nanoseconds::new(1)) || report.threshold_ns == THRESHOLD);
            prop_assert_eq!(report.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), report.count);
        }
    }
}
