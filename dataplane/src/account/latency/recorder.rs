use hdrhistogram::Histogram;
use methodology::units::Nanoseconds;

use crate::time::TickRate;

/// Sub-buckets a power of two has: values are kept to 1 in 2048, so that a report of 3 significant digits has an error to spare
/// for the step from ticks to nanoseconds.
const SUB_BITS: u32 = 11;
const SUB: u64 = 1 << SUB_BITS;

/// The longest time with a bucket of its own: 2^38 ticks, 105 s at 2.6 GHz.
const MOST_BITS: u32 = 38;
const MOST: u64 = (1 << MOST_BITS) - 1;

/// Linear up to 2·SUB, then SUB buckets an octave.
const BUCKETS: usize = ((MOST_BITS - SUB_BITS + 1) as u64 * SUB) as usize;

/// A histogram of tick counts with the bucket layout of HdrHistogram: linear, then the same number of buckets in every octave.
///
/// Recording takes a leading-zero count, a shift and two additions. Conversion and percentiles are computed for the report only.
#[derive(Debug, Clone)]
pub struct RttRecorder {
    ticks: TickRate,
    min: u64,
    max: u64,
    total: u128,
    too_long: u64,
    counts: Box<[u64]>,
}

impl RttRecorder {
    /// An empty recorder of times by a clock of `ticks`.
    pub fn new(ticks: TickRate) -> RttRecorder {
        RttRecorder { ticks, min: u64::MAX, max: 0, total: 0, too_long: 0, counts: vec![0; BUCKETS].into_boxed_slice() }
    }

    /// Records one time. Times above 2^38 ticks are counted in the last bucket and as [`too_long`](Self::too_long).
    #[inline(always)]
    pub fn record(&mut self, ticks: u64) {
        self.record_burst([ticks]);
    }

    /// Records the times of a burst: what is the same for all of them stays in registers.
    #[inline(always)]
    pub fn record_burst(&mut self, times: impl IntoIterator<Item = u64>) {
        let (mut min, mut max, mut total) = (self.min, self.max, self.total);
        let counts = &mut self.counts[..];
        for ticks in times {
            min = min.min(ticks);
            max = max.max(ticks);
            total += u128::from(ticks);
            let told_apart = if ticks > MOST {
                self.too_long += 1;
                MOST
            } else {
                ticks
            };
            let at = index(told_apart);
            debug_assert!(at < counts.len());
            // SAFETY: index() of a value of at most MOST is below BUCKETS, the length of `counts` (proven over all octaves by a test).
            unsafe { *counts.get_unchecked_mut(at) += 1 };
        }
        (self.min, self.max, self.total) = (min, max, total);
    }

    /// Records one time that `count` frames have in common.
    #[inline(always)]
    pub fn record_many(&mut self, ticks: u64, count: u64) {
        if count == 0 {
            return;
        }
        self.min = self.min.min(ticks);
        self.max = self.max.max(ticks);
        self.total += u128::from(ticks) * u128::from(count);
        self.too_long += if ticks > MOST { count } else { 0 };
        if let Some(bucket) = self.counts.get_mut(index(ticks.min(MOST))) {
            *bucket += count;
        }
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many times were longer than can be told apart.
    pub fn too_long(&self) -> u64 {
        self.too_long
    }

    /// The clock that the ticks are of.
    pub fn ticks(&self) -> TickRate {
        self.ticks
    }

    /// Shortest and longest, exact; `None` while nothing is recorded.
    pub fn range(&self) -> Option<(Nanoseconds, Nanoseconds)> {
        (self.min <= self.max).then(|| (self.ticks.nanoseconds(self.min), self.ticks.nanoseconds(self.max)))
    }

    /// Arithmetic mean in nanoseconds, exact to the float; `None` while nothing is recorded.
    pub fn mean_ns(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.total as f64 / count as f64 * 1e9 / self.ticks.hz() as f64)
    }

    /// Adds what another recorder of the same clock saw.
    pub fn merge(&mut self, other: &RttRecorder) {
        debug_assert_eq!(self.ticks, other.ticks);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.total += other.total;
        self.too_long += other.too_long;
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// The time that a share of `numerator`/`denominator` of all recorded times does not exceed, by the nearest-rank rule;
    /// `None` while nothing is recorded.
    pub fn percentile(&self, numerator: u64, denominator: u64) -> Option<Nanoseconds> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (u128::from(count) * u128::from(numerator)).div_ceil(u128::from(denominator.max(1))).max(1);
        let mut seen = 0u128;
        for (at, &here) in self.counts.iter().enumerate() {
            seen += u128::from(here);
            if seen >= rank {
                return Some(self.ticks.nanoseconds(self.bucket_value(at)));
            }
        }
        Some(self.ticks.nanoseconds(self.max))
    }

    /// The same times in nanoseconds, to 3 significant digits.
    pub fn histogram(&self) -> Result<Histogram<u64>, hdrhistogram::CreationError> {
        let mut histogram = Histogram::new_with_max(self.ticks.nanoseconds(MOST).ns().max(2), 3)?;
        for (at, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            histogram.saturating_record_n(self.ticks.nanoseconds(self.bucket_value(at)).ns(), count);
        }
        Ok(histogram)
    }

    /// The middle of a bucket, but never outside what was seen.
    fn bucket_value(&self, at: usize) -> u64 {
        let (first, width) = bucket_range(at);
        (first + (width - 1) / 2).clamp(self.min, self.max)
    }
}

/// The bucket of a value of at most [`MOST`].
#[inline(always)]
fn index(ticks: u64) -> usize {
    let shift = (63 - SUB_BITS) - (ticks | SUB).leading_zeros();
    // `ticks >> shift` is from SUB to 2·SUB − 1, or below where the value is in the first, linear part.
    ((u64::from(shift) << SUB_BITS) + (ticks >> shift)) as usize
}

/// First value and number of values of a bucket.
fn bucket_range(at: usize) -> (u64, u64) {
    let at = at as u64;
    if at < 2 * SUB {
        return (at, 1);
    }
    let shift = (at >> SUB_BITS) - 1;
    ((SUB + (at & (SUB - 1))) << shift, 1 << shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLOCK: TickRate = TickRate::from_hz(2_600_000_000).unwrap();

    #[test]
    fn every_bucket_begins_where_the_one_before_ends_and_the_last_holds_the_most() {
        let mut next = 0;
        for at in 0..BUCKETS {
            let (first, width) = bucket_range(at);
            assert_eq!(first, next, "bucket {at}");
            assert_eq!((index(first), index(first + width - 1)), (at, at));
            next = first + width;
        }
        assert_eq!(next, MOST + 1);
    }

    #[test]
    fn nothing_recorded_is_nothing_reported() {
        let empty = RttRecorder::new(CLOCK);
        assert_eq!((empty.count(), empty.range(), empty.mean_ns(), empty.percentile(1, 2)), (0, None, None, None));
    }

    #[test]
    fn a_time_too_long_to_tell_is_counted_as_such_and_lost_nowhere() {
        let mut recorder = RttRecorder::new(CLOCK);
        recorder.record(u64::MAX);
        recorder.record(26);
        assert_eq!((recorder.count(), recorder.too_long()), (2, 1));
        assert_eq!(recorder.percentile(1, 2), Some(Nanoseconds::new(10)));
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_times_to_3_digits(mut times in prop::collection::vec(1u64..1 << 37, 1..300), per_mille in 1u64..=1000) {
            let mut recorder = RttRecorder::new(CLOCK);
            times.iter().for_each(|&ticks| recorder.record(ticks));
            times.sort_unstable();
            let rank = (times.len() as u64 * per_mille).div_ceil(1000).max(1);
            let exact = times[rank as usize - 1] as f64 / 2.6;
            let found = recorder.percentile(per_mille, 1000).unwrap().ns() as f64;
            prop_assert!((found - exact).abs() <= exact * 5e-4 + 1.0, "{found} for {exact}");
            prop_assert_eq!(recorder.count(), times.len() as u64);
        }

        #[test]
        fn merging_is_recording_both(a in prop::collection::vec(any::<u64>(), 0..50), b in prop::collection::vec(0u64..1 << 30, 0..50)) {
            let record = |times: &[u64]| times.iter().fold(RttRecorder::new(CLOCK), |mut r, &t| { r.record(t); r });
            let mut merged = record(&a);
            merged.merge(&record(&b));
            let both = record(&[a, b].concat());
            prop_assert_eq!(&merged.counts, &both.counts);
            prop_assert_eq!((merged.range(), merged.mean_ns(), merged.too_long()), (both.range(), both.mean_ns(), both.too_long()));
        }

        #[test]
        fn what_many_frames_share_counts_as_often(times in prop::collection::vec((1u64..1 << 40, 0u64..70), 1..50)) {
            let (mut each, mut shared) = (RttRecorder::new(CLOCK), RttRecorder::new(CLOCK));
            for (ticks, count) in times {
                shared.record_many(ticks, count);
                each.record_burst(std::iter::repeat_n(ticks, count as usize));
            }
            prop_assert_eq!((shared.range(), shared.count(), shared.too_long()), (each.range(), each.count(), each.too_long()));
            prop_assert_eq!((shared.mean_ns(), shared.percentile(1, 2)), (each.mean_ns(), each.percentile(1, 2)));
        }

        #[test]
        fn the_hdr_histogram_has_the_same_count_and_percentiles(times in prop::collection::vec(1u64..1 << 37, 1..300)) {
            let mut recorder = RttRecorder::new(CLOCK);
            times.iter().for_each(|&ticks| recorder.record(ticks));
            let histogram = recorder.histogram().unwrap();
            prop_assert_eq!(histogram.len(), recorder.count());
            let (ours, theirs) = (recorder.percentile(99, 100).unwrap().ns() as f64, histogram.value_at_quantile(0.99) as f64);
            prop_assert!((ours - theirs).abs() <= ours * 2e-3 + 2.0, "{ours} and {theirs}");
        }
    }
}
