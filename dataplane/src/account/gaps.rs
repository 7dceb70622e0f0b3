//! Times between the starts of successive bursts, compared with a schedule.

use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

use super::histogram::{Bucket, bucket, buckets, sum};
use crate::time::{Schedule, TickRate};

/// Two buckets for each power of two: bucket bounds are 1, 1.5, 2, 3, 4, 6 … ticks.
const BUCKETS: usize = 2 * 64;

/// Records the times between the starts of successive bursts, and their deviation from the schedule.
#[derive(Debug, Clone)]
pub struct GapRecorder {
    ticks: TickRate,
    tolerance: u64,
    last: Option<BurstStart>,
    count: u64,
    off: u64,
    off_explained: u64,
    off_ticks: u128,
    longest: u64,
    histogram: Box<[u64; BUCKETS]>,
}

#[derive(Debug, Clone, Copy)]
struct BurstStart {
    started: u64,
    due: u64,
    /// Whether a stall of the loop delayed it.
    delayed: bool,
}

impl GapRecorder {
    /// A recorder by a clock of `ticks`. A gap that differs by more than 1 µs from the intended one counts as off.
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

    /// Records a burst that started at `now` and whose first frame was released at `due` ([`Schedule::next_release`] before the release).
    /// Without a schedule pass `now` for both; no gap is off then. `stalled_until` is the end of the last iteration of the loop that took
    /// longer than 1 µs: it delays every burst that was due before, and every burst that was due while a delayed one still waited.
    #[inline(always)]
    pub fn observe(&mut self, now: u64, due: u64, stalled_until: u64) {
        let due_until = |tick: u64| due.wrapping_sub(tick).cast_signed() <= 0;
        let delayed = due_until(stalled_until) || self.last.is_some_and(|last| last.delayed && due_until(last.started));
        if let Some(last) = self.last.replace(BurstStart { started: now, due, delayed }) {
            let gap = now.wrapping_sub(last.started);
            let intended = due.wrapping_sub(last.due);
            let off = gap.abs_diff(intended);
            self.count += 1;
            self.off += u64::from(off > self.tolerance);
            self.off_explained += u64::from(off > self.tolerance && (delayed || last.delayed));
            self.off_ticks += u128::from(off);
            self.longest = self.longest.max(gap);
            self.histogram[bucket(gap)] += 1;
        }
    }

    /// The report. `schedule` gives the intended gap, where there was a schedule.
    pub fn report(&self, schedule: Option<&Schedule>) -> GapReport {
        GapReport {
            intended_ns: schedule.map(Schedule::gap_ns),
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
    /// The schedule's gap between frames, in nanoseconds; `None` at maximum load.
    pub intended_ns: Option<f64>,
    /// Number of gaps.
    pub count: u64,
    /// Gaps that differ by more than 1 µs from what the schedule intended between the two bursts.
    pub off_by_1us: u64,
    /// Those of them that stalls explain: one of the two bursts was due before the end of an iteration of the poll loop that took longer than
    /// 1 µs, because the loop was scheduled out or in the driver, or it was due while a burst delayed in this way still waited.
    #[serde(default)]
    pub off_explained: u64,
    /// Mean deviation from the intended gap, in nanoseconds.
    pub mean_off_ns: f64,
    /// The longest gap.
    pub longest_ns: Nanoseconds,
    /// Gaps by length.
    pub histogram: Vec<Bucket>,
}

impl GapReport {
    /// The sum of two loops, each with its own schedule.
    pub(crate) fn plus(&self, other: &GapReport) -> GapReport {
        let count = self.count + other.count;
        let off = self.mean_off_ns * self.count as f64 + other.mean_off_ns * other.count as f64;
        GapReport {
            intended_ns: self.intended_ns.or(other.intended_ns),
            count,
            off_by_1us: self.off_by_1us + other.off_by_1us,
            off_explained: self.off_explained + other.off_explained,
            mean_off_ns: if count == 0 { 0.0 } else { off / count as f64 },
            longest_ns: self.longest_ns.max(other.longest_ns),
            histogram: sum(&self.histogram, &other.histogram),
        }
    }
}

#[cfg(test)]
mod tests {
    use methodology::units::PacketRate;
    use proptest::prelude::*;

    use super::*;
    use crate::time::LatePolicy;

    fn clock(hz: u64) -> TickRate {
        TickRate::from_hz(hz).unwrap()
    }

    #[test]
    fn gaps_are_compared_with_what_the_schedule_intended_between_the_same_bursts() {
        let ticks = clock(1_000_000_000);
        let mut gaps = GapRecorder::new(ticks);
        // Due every 1000 ticks; the third burst is 1500 late and the fourth on time again.
        for (now, due) in [(1000, 1000), (2000, 2000), (4500, 3000), (5000, 5000)] {
            gaps.observe(now, due, 0);
        }
        let report = gaps.report(None);
        assert_eq!((report.count, report.off_by_1us, report.longest_ns), (3, 2, Nanoseconds::new(2500)));
        assert_eq!(report.off_explained, 0, "the loop never stalled");
        assert_eq!(
            report.histogram.iter().map(|bucket| (bucket.below_ns.ns(), bucket.count)).collect::<Vec<_>>(),
            [(512, 1), (1024, 1), (3072, 1)]
        );
    }

    /// A loop of turns of these lengths on a schedule of one frame in 2 µs; the gaps it reports. Turns that are `blind` do not look at the schedule,
    /// as while a full port is offered the same burst again.
    fn gaps_of(turns: impl IntoIterator<Item = (u64, bool)>) -> GapReport {
        gaps_ahead(0, turns)
    }

    /// The same of a schedule that releases each frame `lead` ticks before it is due, and begins later by as much.
    fn gaps_ahead(lead: u64, turns: impl IntoIterator<Item = (u64, bool)>) -> GapReport {
        let ticks = clock(1_000_000_000);
        let late = LatePolicy::CatchUp { bound: Nanoseconds::new(u64::MAX) };
        let mut schedule = Schedule::new(ticks, PacketRate::new(500_000.0).unwrap(), lead, late).unwrap().ahead_by(lead);
        let mut gaps = GapRecorder::new(ticks);
        let (mut now, mut stalled_until) = (0, 0);
        for (length, blind) in turns {
            now += length;
            if length > 1000 {
                stalled_until = now;
            }
            let due = schedule.next_release();
            if !blind && schedule.due(now, 4).unwrap().frames > 0 {
                gaps.observe(now, due, stalled_until);
            }
        }
        gaps.report(Some(&schedule))
    }

    #[test]
    fn a_planted_absence_explains_every_gap_that_it_put_off() {
        // 100 ns a turn, but turn 5000 takes 40 µs: the burst after it is late, and four more until the backlog of 20 frames has gone.
        let absence = || (0..10_000).map(|turn| (if turn == 5000 { 40_000 } else { 100 }, false));
        let report = gaps_of(absence());
        assert_eq!((report.off_by_1us, report.off_explained), (6, 6), "{report:?}");
        assert_eq!(gaps_ahead(200_000, absence()), report, "it puts them off just so where frames are released long before they are due");
        let undisturbed = gaps_of((0..10_000).map(|_| (100, false)));
        assert_eq!((undisturbed.off_by_1us, undisturbed.off_explained), (0, 0));
    }

    #[test]
    fn what_is_late_though_the_loop_turned_is_not_explained() {
        let report = gaps_of((0..10_000).map(|turn| (100, (5000..5400).contains(&turn))));
        assert!(report.off_by_1us > 0 && report.off_explained == 0, "{report:?}");
        // An absence before it has nothing to do with it.
        let report = gaps_of((0..10_000).map(|turn| (if turn == 3000 { 40_000 } else { 100 }, (5000..5400).contains(&turn))));
        assert!(report.off_explained == 6 && report.off_by_1us > 6, "{report:?}");
    }

    proptest! {
        #[test]
        fn absences_explain_all_gaps_of_a_loop_that_does_nothing_but_wait_and_be_away(
            turns in prop::collection::vec(prop_oneof![9 => 50u64..500, 1 => 1001u64..60_000], 1..2000)
        ) {
            let report = gaps_of(turns.into_iter().map(|length| (length, false)));
            prop_assert_eq!(report.off_by_1us, report.off_explained);
        }
    }
}
