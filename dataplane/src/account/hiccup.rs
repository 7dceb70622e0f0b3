//! Hiccups: iterations of a poll loop that take too long, because the loop was scheduled out, interrupted, or blocked in a call.
//!
//! A receive ring buffers frames only for a limited time. A longer hiccup loses frames that the device under test did not lose. Every loop
//! therefore measures all its iterations: a sample would miss the one that matters.

use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

use super::histogram::{Bucket, bucket, buckets, sum};
use crate::time::TickRate;

/// Records the hiccups of one poll loop.
#[derive(Debug, Clone)]
pub struct HiccupRecorder {
    last: u64,
    threshold: u64,
    ticks: TickRate,
    count: u64,
    longest: u64,
    total: u64,
    histogram: Box<[u64; 128]>,
}

impl HiccupRecorder {
    /// A recorder for a loop that begins at `now`. Iterations longer than `threshold` are hiccups.
    pub fn new(ticks: TickRate, threshold: Nanoseconds, now: u64) -> HiccupRecorder {
        let threshold = ticks.ticks(threshold);
        HiccupRecorder { last: now, threshold, ticks, count: 0, longest: 0, total: 0, histogram: Box::new([0; 128]) }
    }

    /// Ends an iteration at `now` and returns its length in ticks. Costs a subtraction and a comparison unless it was a hiccup.
    #[inline(always)]
    pub fn observe(&mut self, now: u64) -> u64 {
        let length = now.wrapping_sub(self.last);
        self.last = now;
        if length > self.threshold {
            self.note(length);
        }
        length
    }

    /// Begins an iteration at `now` and keeps the counts: the time before, such as waiting for the start, is not a hiccup.
    pub fn resume(&mut self, now: u64) {
        self.last = now;
    }

    /// How many hiccups there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The report.
    pub fn report(&self) -> HiccupReport {
        HiccupReport {
            threshold_ns: self.ticks.nanoseconds(self.threshold),
            count: self.count,
            longest_ns: self.ticks.nanoseconds(self.longest),
            total_ns: self.ticks.nanoseconds(self.total),
            histogram: buckets(&self.histogram[..], self.ticks),
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, length: u64) {
        // A clock that went backwards looks like a hiccup of centuries: it is recorded, and the total saturates.
        self.count += 1;
        self.longest = self.longest.max(length);
        self.total = self.total.saturating_add(length);
        self.histogram[bucket(length)] += 1;
    }
}

/// Hiccups of a poll loop: it was scheduled out, interrupted, or blocked in a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiccupReport {
    /// Iterations longer than this are hiccups.
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
    /// The sum of two loops.
    pub(crate) fn plus(&self, other: &HiccupReport) -> HiccupReport {
        HiccupReport {
            threshold_ns: self.threshold_ns.max(other.threshold_ns),
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

    #[test]
    fn a_hiccup_of_a_millisecond_is_found_with_its_length() {
        let mut loop_gaps = HiccupRecorder::new(CLOCK, Nanoseconds::new(20_000), 0);
        let mut now = 0;
        for iteration in 1..=1000u64 {
            now += if iteration == 500 { 2_600_000 } else { 260 };
            loop_gaps.observe(now);
        }
        let report = loop_gaps.report();
        assert_eq!((report.count, report.longest_ns, report.total_ns), (1, Nanoseconds::new(1_000_000), Nanoseconds::new(1_000_000)));
        assert_eq!(report.histogram.len(), 1);
        assert!(report.histogram[0].below_ns > Nanoseconds::new(1_000_000));
    }

    #[test]
    fn waiting_for_the_start_is_no_hiccup() {
        let mut loop_gaps = HiccupRecorder::new(CLOCK, Nanoseconds::new(20_000), 0);
        loop_gaps.resume(1 << 40);
        loop_gaps.observe((1 << 40) + 100);
        assert_eq!(loop_gaps.report(), HiccupReport { threshold_ns: Nanoseconds::new(20_000), ..HiccupReport::default() });
    }

    proptest! {
        #[test]
        fn hiccups_are_exactly_the_iterations_above_the_threshold(start: u64, lengths in prop::collection::vec(0u64..200_000, 0..200)) {
            let mut recorder = HiccupRecorder::new(CLOCK, Nanoseconds::new(20_000), start);
            let mut now = start;
            for length in &lengths {
                now = now.wrapping_add(*length);
                recorder.observe(now);
            }
            let long: Vec<u64> = lengths.iter().copied().filter(|length| *length > 52_000).collect();
            let report = recorder.report();
            prop_assert_eq!(report.count, long.len() as u64);
            prop_assert_eq!(report.longest_ns, CLOCK.nanoseconds(long.iter().copied().max().unwrap_or(0)));
            prop_assert_eq!(report.total_ns, CLOCK.nanoseconds(long.iter().sum()));
            prop_assert_eq!(report.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), report.count);
        }
    }
}
