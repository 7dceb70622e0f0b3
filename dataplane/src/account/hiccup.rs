//! Hiccups: times that a poll loop was away, because it was scheduled out, interrupted, or stuck in a call.
//!
//! What a queue holds while its loop is away is bounded; a longer absence loses frames that the wire did not. Every loop therefore
//! measures its own gaps, all of them: sampling would miss the one that mattered.

use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

use super::histogram::{Bucket, added, bucket, buckets};
use crate::time::TickRate;

/// Follows one poll loop.
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
    /// A recorder for a loop that begins at `now`: turns that take longer than `threshold` are hiccups.
    pub fn new(ticks: TickRate, threshold: Nanoseconds, now: u64) -> HiccupRecorder {
        let threshold = ticks.ticks(threshold);
        HiccupRecorder { last: now, threshold, ticks, count: 0, longest: 0, total: 0, histogram: Box::new([0; 128]) }
    }

    /// Notes a turn of the loop: a subtraction and a comparison, unless it was a hiccup. Returns the turn's length in ticks.
    #[inline(always)]
    pub fn observe(&mut self, now: u64) -> u64 {
        let away = now.wrapping_sub(self.last);
        self.last = now;
        if away > self.threshold {
            self.note(away);
        }
        away
    }

    /// Begins anew at `now`, keeping the counts: what lies between, such as waiting for the start signal, is no hiccup.
    pub fn resume(&mut self, now: u64) {
        self.last = now;
    }

    /// How many hiccups there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What was seen.
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
    fn note(&mut self, away: u64) {
        // A clock that went backwards shows as an absence of centuries; it is noted as what it was, but not added up.
        self.count += 1;
        self.longest = self.longest.max(away);
        self.total = self.total.saturating_add(away);
        self.histogram[bucket(away)] += 1;
    }
}

/// Times that a poll loop was away: scheduled out, interrupted, or stuck in a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiccupReport {
    /// What counts as a hiccup: longer than this between two turns of the loop.
    pub threshold_ns: Nanoseconds,
    /// How many.
    pub count: u64,
    /// The longest.
    pub longest_ns: Nanoseconds,
    /// All of them together.
    pub total_ns: Nanoseconds,
    /// Hiccup counts; each bucket ends below its bound, and there are two in every power of two.
    pub histogram: Vec<Bucket>,
}

impl HiccupReport {
    /// Those of two loops.
    pub(crate) fn and(&self, other: &HiccupReport) -> HiccupReport {
        HiccupReport {
            threshold_ns: self.threshold_ns.max(other.threshold_ns),
            count: self.count + other.count,
            longest_ns: self.longest_ns.max(other.longest_ns),
            total_ns: Nanoseconds::new(self.total_ns.ns() + other.total_ns.ns()),
            histogram: added(&self.histogram, &other.histogram),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLOCK: TickRate = TickRate::from_hz(2_600_000_000).unwrap();

    #[test]
    fn an_absence_of_a_millisecond_is_found_with_its_length() {
        let mut loop_gaps = HiccupRecorder::new(CLOCK, Nanoseconds::new(20_000), 0);
        let mut now = 0;
        for turn in 1..=1000u64 {
            now += if turn == 500 { 2_600_000 } else { 260 };
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
        fn hiccups_are_exactly_the_turns_above_the_threshold(start: u64, turns in prop::collection::vec(0u64..200_000, 0..200)) {
            let mut recorder = HiccupRecorder::new(CLOCK, Nanoseconds::new(20_000), start);
            let mut now = start;
            for turn in &turns {
                now = now.wrapping_add(*turn);
                recorder.observe(now);
            }
            let long: Vec<u64> = turns.iter().copied().filter(|turn| *turn > 52_000).collect();
            let report = recorder.report();
            prop_assert_eq!(report.count, long.len() as u64);
            prop_assert_eq!(report.longest_ns, CLOCK.nanoseconds(long.iter().copied().max().unwrap_or(0)));
            prop_assert_eq!(report.total_ns, CLOCK.nanoseconds(long.iter().sum()));
            prop_assert_eq!(report.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), report.count);
        }
    }
}
