use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

use super::{Schedule, TickRate};

/// Two buckets for each power of two: bucket bounds are 1, 1.5, 2, 3, 4, 6 … ticks.
const BUCKETS: usize = 2 * 64;

/// Times between the starts of successive bursts, and how far they are from what the schedule wants.
#[derive(Debug, Clone)]
pub struct GapRecorder {
    ticks: TickRate,
    tolerance: u64,
    last: Option<Burst>,
    count: u64,
    off: u64,
    off_explained: u64,
    off_ticks: u128,
    longest: u64,
    histogram: Box<[u64; BUCKETS]>,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    started: u64,
    due: u64,
    /// Whether it waited for a loop that was away.
    waited: bool,
}

impl GapRecorder {
    /// A recorder by a clock of `ticks`; a gap more than 1 µs away from the intended one counts as off.
    pub fn new(ticks: TickRate) -> GapRecorder {
        GapRecorder {
            ticks,
            tolerance: ticks.ticks(Nanoseconds::new(1000)),
            last: None,
            count: 0,
            off: 0,
            off_explained: 0,
            off_ticks: 0,
            longest: 0,
            histogram: Box::new([0; BUCKETS]),
        }
    }

    /// Notes that a burst started at `now` whose first frame could go from `due` on ([`Schedule::next_release`] before the release). Without
    /// a schedule give `now` for both: no gap is off then. `away_until` is the end of the last turn of the loop that took longer than 1 µs:
    /// a burst that was due before it could not be on time, and neither could one that was due while such a one was still waiting.
    #[inline(always)]
    pub fn observe(&mut self, now: u64, due: u64, away_until: u64) {
        let due_until = |tick: u64| due.wrapping_sub(tick).cast_signed() <= 0;
        let waited = due_until(away_until) || self.last.is_some_and(|last| last.waited && due_until(last.started));
        if let Some(last) = self.last.replace(Burst { started: now, due, waited }) {
            let gap = now.wrapping_sub(last.started);
            let intended = due.wrapping_sub(last.due);
            let off = gap.abs_diff(intended);
            self.count += 1;
            self.off += u64::from(off > self.tolerance);
            self.off_explained += u64::from(off > self.tolerance && (waited || last.waited));
            self.off_ticks += u128::from(off);
            self.longest = self.longest.max(gap);
            self.histogram[bucket(gap)] += 1;
        }
    }

    /// What was seen. `schedule` says what was intended, where there was one.
    pub fn report(&self, schedule: Option<&Schedule>) -> GapReport {
        GapReport {
            intended_ns: schedule.map(|schedule| schedule.gap_ticks() as f64 * 1e9 / self.ticks.hz() as f64),
            count: self.count,
            off_by_1us: self.off,
            off_explained: self.off_explained,
            mean_off_ns: if self.count == 0 { 0.0 } else { self.off_ticks as f64 / self.count as f64 * 1e9 / self.ticks.hz() as f64 },
            longest_ns: self.ticks.nanoseconds(self.longest),
            histogram: buckets(&self.histogram[..], self.ticks),
        }
    }
}

/// Times between the starts of successive bursts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GapReport {
    /// What the schedule wants between frames, in nanoseconds; none at maximum load.
    pub intended_ns: Option<f64>,
    /// How many gaps were seen.
    pub count: u64,
    /// Gaps more than 1 µs away from what the schedule wanted between those two bursts.
    pub off_by_1us: u64,
    /// Those of them that absences explain: one of the two bursts was due before the end of a turn of the poll loop that took longer than
    /// 1 µs, because the loop was scheduled out or in the driver, or it was due behind a burst that was still waiting for that reason.
    #[serde(default)]
    pub off_explained: u64,
    /// How far gaps were from it on average, in nanoseconds.
    pub mean_off_ns: f64,
    /// The longest gap.
    pub longest_ns: Nanoseconds,
    /// Gap counts; each bucket ends below its bound.
    pub histogram: Vec<Bucket>,
}

impl GapReport {
    /// Those of two loops, each with a schedule of its own.
    pub(crate) fn and(&self, other: &GapReport) -> GapReport {
        let count = self.count + other.count;
        let off = self.mean_off_ns * self.count as f64 + other.mean_off_ns * other.count as f64;
        GapReport {
            intended_ns: self.intended_ns.or(other.intended_ns),
            count,
            off_by_1us: self.off_by_1us + other.off_by_1us,
            off_explained: self.off_explained + other.off_explained,
            mean_off_ns: if count == 0 { 0.0 } else { off / count as f64 },
            longest_ns: self.longest_ns.max(other.longest_ns),
            histogram: added(&self.histogram, &other.histogram),
        }
    }
}

/// How many values were below a bound and not below the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The bound.
    pub below_ns: Nanoseconds,
    /// How many.
    pub count: u64,
}

/// Two histograms of the same bounds in one.
pub(crate) fn added(a: &[Bucket], b: &[Bucket]) -> Vec<Bucket> {
    let mut sum = std::collections::BTreeMap::new();
    a.iter().chain(b).for_each(|bucket| *sum.entry(bucket.below_ns).or_default() += bucket.count);
    sum.into_iter().map(|(below_ns, count)| Bucket { below_ns, count }).collect()
}

/// Index of the half-octave that `ticks` lies in.
#[inline(always)]
pub(crate) fn bucket(ticks: u64) -> usize {
    let ticks = ticks | 1;
    let octave = 63 - ticks.leading_zeros();
    // The bit below the leading one: the upper or the lower half of the octave.
    let upper = ticks << 1 >> octave & 1;
    (octave * 2) as usize + upper as usize
}

/// The filled buckets of a half-octave histogram, in nanoseconds.
pub(crate) fn buckets(histogram: &[u64], ticks: TickRate) -> Vec<Bucket> {
    let below = |index: usize| {
        let (octave, upper) = (index / 2, index % 2);
        let bound = if upper == 0 { (1u128 << octave) + (1u128 << octave) / 2 } else { 2u128 << octave };
        ticks.nanoseconds(u64::try_from(bound.max(2)).unwrap_or(u64::MAX))
    };
    let filled = histogram.iter().enumerate().filter(|(_, count)| **count > 0);
    filled.map(|(index, &count)| Bucket { below_ns: below(index), count }).collect()
}
