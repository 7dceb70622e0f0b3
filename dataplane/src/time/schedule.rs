//! When frames are due: an open-loop schedule in ticks.
//!
//! The schedule does not depend on what happened to earlier frames (open loop) and does not round gaps: frame *n* of a rate is due at exactly
//! ⌈n·hz/rate⌉ ticks, with the remainder carried along. Rounding gaps to whole ticks causes the 0.4 % error of other generators at high
//! rates.

use methodology::units::{Nanoseconds, PacketRate};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::tick_rate::TickRate;

/// What happens to frames that were not sent when they were due, because of a hiccup or because the port did not accept them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatePolicy {
    /// Send them as fast as the port accepts them if they are less than `bound` late, and skip them otherwise.
    CatchUp {
        /// The most that a frame can be late.
        bound: Nanoseconds,
    },
    /// Skip every frame that is a whole gap late or more. The rate is never exceeded, not even to catch up.
    Skip,
    /// End the run at the first frame that is later than `bound`.
    Abort {
        /// The most that a frame can be late.
        bound: Nanoseconds,
    },
}

/// How many frames to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Release {
    /// Frames to send.
    pub frames: u32,
    /// Frames that the policy skipped since the last release.
    pub skipped: u64,
}

/// A frame was later than the policy [`LatePolicy::Abort`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("frame {frame} was {late_ticks} ticks late, and the late policy is abort: lower the rate, or use catch-up or skip")]
pub struct TooLate {
    /// The frame's number in the schedule, from 0.
    pub frame: u64,
    /// How late it was.
    pub late_ticks: u64,
}

/// A rate that cannot be scheduled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a rate of {rate} cannot be scheduled: use at least one frame in 1000 s and at most one in each clock tick ({most} frames/s)")]
pub struct PaceError {
    rate: String,
    most: u64,
}

/// An open-loop schedule: frame *n* (from 0) is due at start + ⌈(n+1)·hz/rate⌉ ticks, so that after *t* ticks exactly
/// ⌊t·rate/hz⌋ frames have been due.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Tick at which the next frame is due.
    due: u64,
    /// How far `due` lies above the exact time, in 1/`numerator` ticks: exact time = due − fraction/numerator.
    fraction: u64,
    /// One frame takes gap − gap_fraction/numerator ticks.
    gap: u64,
    gap_fraction: u64,
    numerator: u64,
    /// How long before they are due frames are released, in ticks.
    lead: u64,
    policy: Policy,
    late_policy: LatePolicy,
    released: u64,
    skipped: u64,
    lateness: Lateness,
    ticks: TickRate,
}

/// [`LatePolicy`] in ticks.
#[derive(Debug, Clone, Copy)]
struct Policy {
    bound: u64,
    aborts: bool,
}

#[derive(Debug, Clone, Default)]
struct Lateness {
    releases: u64,
    late: u64,
    longest: u64,
    total: u128,
    threshold: u64,
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

impl Schedule {
    /// A schedule of `rate` that begins at `start`, by a clock of `ticks`. A burst more than 1 µs late counts as late.
    ///
    /// The rate is used exactly: a 64-bit float is a fraction whose denominator is a power of two.
    pub fn new(ticks: TickRate, rate: PacketRate, start: u64, policy: LatePolicy) -> Result<Schedule, PaceError> {
        let refuse = || PaceError { rate: rate.to_string(), most: ticks.hz() };
        if !(0.001..=ticks.hz() as f64).contains(&rate.pps()) {
            return Err(refuse());
        }
        // rate = numerator / 2^shift, exactly; one frame takes hz·2^shift/numerator ticks.
        let (mut numerator, mut shift) = fraction(rate.pps());
        let common = numerator.trailing_zeros().min(shift);
        numerator >>= common;
        shift -= common;
        let denominator = u128::from(ticks.hz()) << shift;
        let gap = u64::try_from(denominator.div_ceil(u128::from(numerator))).map_err(|_| refuse())?;
        let gap_fraction = (u128::from(gap) * u128::from(numerator) - denominator) as u64;
        let late_policy = policy;
        let policy = match policy {
            LatePolicy::CatchUp { bound } => Policy { bound: ticks.ticks(bound), aborts: false },
            LatePolicy::Skip => Policy { bound: gap, aborts: false },
            LatePolicy::Abort { bound } => Policy { bound: ticks.ticks(bound), aborts: true },
        };
        let policy = Policy { bound: policy.bound.max(1), ..policy };
        let lateness = Lateness { threshold: ticks.ticks(Nanoseconds::new(1000)), ..Lateness::default() };
        let due = start.wrapping_add(gap);
        Ok(Schedule {
            due,
            fraction: gap_fraction,
            gap,
            gap_fraction,
            numerator,
            lead: 0,
            policy,
            late_policy,
            released: 0,
            skipped: 0,
            lateness,
            ticks,
        })
    }

    /// Releases each frame `lead` ticks before it is due, for a port that holds it until then. Only frames released after they were due are
    /// late.
    #[must_use]
    pub fn ahead_by(self, lead: u64) -> Schedule {
        Schedule { lead, ..self }
    }

    /// Changes the rate at the tick `start`: the next frame is due one new gap later. Counts and lateness are kept.
    pub fn change_rate(&mut self, rate: PacketRate, start: u64) -> Result<(), PaceError> {
        let next = Schedule::new(self.ticks, rate, start, self.late_policy)?;
        *self = Schedule { lead: self.lead, released: self.released, skipped: self.skipped, lateness: self.lateness.clone(), ..next };
        Ok(())
    }

    /// How many frames to send at `now`, at most `room`. The schedule does not release a frame twice: the caller accounts for frames that the
    /// port does not accept.
    ///
    /// Costs one comparison while no frame is due.
    #[inline(always)]
    pub fn due(&mut self, now: u64, room: u32) -> Result<Release, TooLate> {
        let until = now.wrapping_add(self.lead);
        let beyond = until.wrapping_sub(self.due);
        if beyond as i64 >= 0 && room > 0 { self.release(until, beyond.saturating_sub(self.lead), room) } else { Ok(Release::default()) }
    }

    /// When the next frame is due.
    #[inline(always)]
    pub fn next_due(&self) -> u64 {
        self.due
    }

    /// When the next frame is released: before it is due where frames are released ahead.
    #[inline(always)]
    pub fn next_release(&self) -> u64 {
        self.due.wrapping_sub(self.lead)
    }

    /// Ticks between frames, rounded up to whole ones.
    pub fn gap_ticks(&self) -> u64 {
        self.gap
    }

    /// Frames released so far.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Frames skipped so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The lateness of all releases.
    pub fn lateness(&self) -> LatenessReport {
        let Lateness { releases, late, longest, total, threshold } = self.lateness;
        let mean_ticks = if releases == 0 { 0.0 } else { total as f64 / releases as f64 };
        LatenessReport {
            late_bursts: late,
            threshold_ns: self.ticks.nanoseconds(threshold),
            max_ns: self.ticks.nanoseconds(longest),
            mean_ns: mean_ticks * 1e9 / self.ticks.hz() as f64,
            bursts: releases,
        }
    }

    #[inline]
    fn release(&mut self, until: u64, late: u64, room: u32) -> Result<Release, TooLate> {
        self.lateness.note(late);
        let mut skipped = 0;
        if late >= self.policy.bound {
            if self.policy.aborts {
                return Err(TooLate { frame: self.released + self.skipped, late_ticks: late });
            }
            skipped = self.skip_late(late);
        }
        let mut frames = 0;
        while frames < room && until.wrapping_sub(self.due) as i64 >= 0 {
            self.step();
            frames += 1;
        }
        self.released += u64::from(frames);
        Ok(Release { frames, skipped })
    }

    #[inline(always)]
    fn step(&mut self) {
        self.due = self.due.wrapping_add(self.gap);
        self.fraction += self.gap_fraction;
        if self.fraction >= self.numerator {
            self.fraction -= self.numerator;
            self.due = self.due.wrapping_sub(1);
        }
    }

    /// Skips every frame that is `bound` late or more.
    #[cold]
    fn skip_late(&mut self, late: u64) -> u64 {
        // The exact time from the next frame until `bound` ago is (late − bound) + fraction/numerator ticks; every frame in it is too late.
        let span = u128::from(late - self.policy.bound) * u128::from(self.numerator) + u128::from(self.fraction);
        let frame = u128::from(self.gap) * u128::from(self.numerator) - u128::from(self.gap_fraction);
        let skipped = span / frame + 1;
        // Moves past all of them at once, in 1/numerator ticks from `due`. One frame alone is more than any fraction.
        let exact = skipped * frame - u128::from(self.fraction);
        let ticks = exact.div_ceil(u128::from(self.numerator));
        self.fraction = (ticks * u128::from(self.numerator) - exact) as u64;
        self.due = self.due.wrapping_add(ticks as u64);
        self.skipped += skipped as u64;
        skipped as u64
    }
}

impl Lateness {
    #[inline(always)]
    fn note(&mut self, late: u64) {
        self.releases += 1;
        self.late += u64::from(late > self.threshold);
        self.longest = self.longest.max(late);
        self.total += u128::from(late);
    }
}

/// A positive float as numerator / 2^shift, exactly, for values from 0.001 up to 2^63.
fn fraction(value: f64) -> (u64, u32) {
    let mut shift = 0;
    let mut scaled = value;
    // Doubling a float is exact. At most 53 + 10 doublings: the mantissa has 53 bits and the value is at least 2^-10.
    while scaled.fract() != 0.0 {
        scaled *= 2.0;
        shift += 1;
    }
    (scaled as u64, shift)
}
