//! Frames that are late against their schedule: what happens to them, and how late they were.

use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::tick_rate::TickRate;

/// What happens to frames that are late because the poll loop stalled or the port did not accept them in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatePolicy {
    /// Send them as fast as possible while they are less than `bound` late. Frames later than that are skipped.
    CatchUp {
        /// The maximum lateness.
        bound: Nanoseconds,
    },
    /// Skip every frame that is one frame gap late or more, so that the rate is never exceeded.
    Skip,
    /// End the run at the first frame that is later than `bound`.
    Abort {
        /// The maximum lateness.
        bound: Nanoseconds,
    },
}

/// How many frames to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Release {
    /// Frames to send.
    pub frames: u32,
    /// Frames skipped since the last release, according to the policy.
    pub skipped: u64,
}

/// A frame was later than [`LatePolicy::Abort`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("frame {frame} was {late} late, and the late policy is to abort: lower the rate, raise the bound, or choose catch-up or skip")]
pub struct TooLate {
    /// The frame's number in the schedule, from 0.
    pub frame: u64,
    /// How late it was.
    pub late: Nanoseconds,
}

/// [`LatePolicy`] in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateBound {
    /// Frames that are this late or more are not sent.
    pub(crate) ticks: u64,
    /// Whether such a frame ends the run.
    pub(crate) aborts: bool,
}

impl LateBound {
    /// The bound of `policy` for frames that are `gap` ticks apart.
    pub(crate) fn new(policy: LatePolicy, gap: u64, ticks: TickRate) -> LateBound {
        let (bound, aborts) = match policy {
            LatePolicy::CatchUp { bound } => (ticks.ticks(bound), false),
            LatePolicy::Skip => (gap, false),
            LatePolicy::Abort { bound } => (ticks.ticks(bound), true),
        };
        LateBound { ticks: bound.max(1), aborts }
    }
}

/// What a schedule has released and skipped, and how late. A release more than 1 µs late counts as late.
#[derive(Debug, Clone)]
pub struct ReleaseLog {
    released: u64,
    skipped: u64,
    ticks: TickRate,
    threshold: u64,
    releases: u64,
    late: u64,
    longest: u64,
    total: u128,
}

impl ReleaseLog {
    pub(crate) fn new(ticks: TickRate) -> ReleaseLog {
        ReleaseLog {
            released: 0,
            skipped: 0,
            ticks,
            threshold: ticks.ticks(Nanoseconds::new(1000)),
            releases: 0,
            late: 0,
            longest: 0,
            total: 0,
        }
    }

    /// Frames released so far.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Frames skipped so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Frames that have left the schedule, one way or the other.
    pub fn past(&self) -> u64 {
        self.released + self.skipped
    }

    /// Adds frames that were released and skipped.
    #[inline(always)]
    pub(crate) fn add(&mut self, release: Release) -> Release {
        self.released += u64::from(release.frames);
        self.skipped += release.skipped;
        release
    }

    /// The error of a policy that ends the run at a frame which is `late` ticks late.
    pub(crate) fn too_late(&self, late: u64) -> TooLate {
        TooLate { frame: self.past(), late: self.ticks.nanoseconds(late) }
    }

    /// Records a release whose first frame was `late` ticks late.
    #[inline(always)]
    pub(crate) fn note(&mut self, late: u64) {
        self.releases += 1;
        self.late += u64::from(late > self.threshold);
        self.longest = self.longest.max(late);
        self.total += u128::from(late);
    }

    /// The lateness of all releases.
    pub fn lateness(&self) -> LatenessReport {
        let mean_ticks = if self.releases == 0 { 0.0 } else { self.total as f64 / self.releases as f64 };
        LatenessReport {
            late_bursts: self.late,
            threshold_ns: self.ticks.nanoseconds(self.threshold),
            max_ns: self.ticks.nanoseconds(self.longest),
            mean_ns: mean_ticks * 1e9 / self.ticks.hz() as f64,
            bursts: self.releases,
        }
    }
}

/// How late bursts were against the schedule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatenessReport {
    /// Bursts that started more than `threshold_ns` after they were due.
    pub late_bursts: u64,
    /// What counts as late.
    pub threshold_ns: Nanoseconds,
    /// The latest.
    pub max_ns: Nanoseconds,
    /// The mean over all bursts, in nanoseconds.
    pub mean_ns: f64,
    /// How many bursts there were.
    pub bursts: u64,
}

impl LatenessReport {
    /// The sum of two loops, each with its own schedule.
    pub(crate) fn plus(&self, other: &LatenessReport) -> LatenessReport {
        let bursts = self.bursts + other.bursts;
        let total = self.mean_ns * self.bursts as f64 + other.mean_ns * other.bursts as f64;
        LatenessReport {
            late_bursts: self.late_bursts + other.late_bursts,
            threshold_ns: self.threshold_ns.max(other.threshold_ns),
            max_ns: self.max_ns.max(other.max_ns),
            mean_ns: if bursts == 0 { 0.0 } else { total / bursts as f64 },
            bursts,
        }
    }
}
