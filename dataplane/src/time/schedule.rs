//! When frames are due: an open-loop schedule in ticks.
//!
//! The schedule does not depend on what happened to earlier frames (open loop) and does not round gaps: frame *n* of a rate is due at exactly
//! ⌈n·hz/rate⌉ ticks, with the remainder carried along. Rounding gaps to whole ticks causes the 0.4 % error of other generators at high
//! rates.

use std::sync::Arc;

use methodology::units::{PacketRate, Seconds};
use thiserror::Error;

use super::lateness::{LateBound, LatePolicy, Release, ReleaseLog, TooLate};
use super::tick_rate::TickRate;

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
    /// The gaps of frames that differ in size; `None` where all gaps are `gap`.
    sized: Option<SizedGaps>,
    rate: PacketRate,
    /// How long before they are due frames are released, in ticks.
    lead: u64,
    bound: LateBound,
    late_policy: LatePolicy,
    log: ReleaseLog,
    ticks: TickRate,
}

/// Gaps in proportion to the wire time of each frame, in the repeated order of the frames.
#[derive(Debug, Clone)]
struct SizedGaps {
    /// Bytes of wire time of each frame.
    wire_bytes: Arc<[u32]>,
    /// The gap before each frame, as ticks and as 1/`numerator` ticks less.
    each: Vec<(u64, u64)>,
    /// The frame that is due next.
    next: usize,
}

impl SizedGaps {
    /// The gap of the frame after the next one, which becomes the next.
    #[inline(always)]
    fn advance(&mut self) -> (u64, u64) {
        self.next = if self.next + 1 == self.each.len() { 0 } else { self.next + 1 };
        self.each[self.next]
    }

    fn bytes_of_a_round(&self) -> u64 {
        self.wire_bytes.iter().map(|bytes| u64::from(*bytes)).sum()
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
        let (numerator, shift) = reduced(rate.pps());
        let denominator = u128::from(ticks.hz()) << shift;
        let gap = u64::try_from(denominator.div_ceil(u128::from(numerator))).map_err(|_| refuse())?;
        let gap_fraction = (u128::from(gap) * u128::from(numerator) - denominator) as u64;
        Ok(Schedule {
            due: start.wrapping_add(gap),
            fraction: gap_fraction,
            gap,
            gap_fraction,
            numerator,
            sized: None,
            rate,
            lead: 0,
            bound: LateBound::new(policy, gap, ticks),
            late_policy: policy,
            log: ReleaseLog::new(ticks),
            ticks,
        })
    }

    /// A schedule of `rate` on average whose gaps are in proportion to the frames' `wire_bytes`, which repeat: each frame is due one wire time
    /// of its own after the frame before, so that the bit rate on the wire is the same all the time.
    pub fn sized(ticks: TickRate, rate: PacketRate, start: u64, policy: LatePolicy, wire_bytes: Arc<[u32]>) -> Result<Schedule, PaceError> {
        let even = Schedule::new(ticks, rate, start, policy)?;
        let round: u64 = wire_bytes.iter().map(|bytes| u64::from(*bytes)).sum();
        if round == 0 {
            return Ok(even);
        }
        // Bytes a second. The product is rounded to 53 bits, which is a tick in the time of 2^52 ticks.
        let (numerator, shift) = reduced(rate.pps() * round as f64 / wire_bytes.len() as f64);
        let denominator = u128::from(ticks.hz()) << shift;
        let gap = |bytes: u32| {
            let exact = u128::from(bytes) * denominator;
            let gap = exact.div_ceil(u128::from(numerator));
            // The difference is less than the numerator, which has 64 bits.
            (gap as u64, (gap * u128::from(numerator) - exact) as u64)
        };
        let each: Vec<(u64, u64)> = wire_bytes.iter().map(|bytes| gap(*bytes)).collect();
        let (first, fraction) = each[0];
        Ok(Schedule { due: start.wrapping_add(first), fraction, numerator, sized: Some(SizedGaps { wire_bytes, each, next: 0 }), ..even })
    }

    /// Releases each frame `lead` ticks before it is due, for a port that holds it until then. Only frames released after they were due are
    /// late.
    #[must_use]
    pub fn ahead_by(self, lead: u64) -> Schedule {
        Schedule { lead, ..self }
    }

    /// Changes the rate at the tick `start`: the next frame is due one new gap later. Counts and lateness are kept.
    pub fn change_rate(&mut self, rate: PacketRate, start: u64) -> Result<(), PaceError> {
        let next = match &self.sized {
            None => Schedule::new(self.ticks, rate, start, self.late_policy)?,
            Some(sized) => Schedule::sized(self.ticks, rate, start, self.late_policy, Arc::clone(&sized.wire_bytes))?,
        };
        *self = Schedule { lead: self.lead, log: self.log.clone(), ..next };
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

    /// Ticks between frames, rounded up to whole ones; on average where gaps differ.
    pub fn gap_ticks(&self) -> u64 {
        self.gap
    }

    /// Nanoseconds between frames, not rounded to ticks; on average where gaps differ.
    pub fn gap_ns(&self) -> f64 {
        1e9 / self.rate.pps()
    }

    /// Whether gaps differ, so that each belongs to its frame.
    pub fn is_sized(&self) -> bool {
        self.sized.is_some()
    }

    /// How many frames are due within `time` of the start.
    pub fn frames_within(&self, time: Seconds) -> u64 {
        let frames = time.seconds() * self.rate.pps();
        let Some(sized) = &self.sized else { return frames.round() as u64 };
        let in_a_round = sized.wire_bytes.len() as f64;
        let rounds = (frames / in_a_round + 1e-9).floor();
        // A frame counts if all but half a byte of its wire time is within the time.
        let mut left = (frames - rounds * in_a_round) / in_a_round * sized.bytes_of_a_round() as f64 + 0.5;
        let fits = |bytes: &&u32| {
            left -= f64::from(**bytes);
            left >= 0.0
        };
        rounds as u64 * sized.wire_bytes.len() as u64 + sized.wire_bytes.iter().take_while(fits).count() as u64
    }

    /// From the start until the last of the first `frames` frames is due.
    pub fn time_of(&self, frames: u64) -> Seconds {
        let Some(sized) = &self.sized else { return self.rate.time_of(frames) };
        let in_a_round = sized.wire_bytes.len() as u64;
        let rest: u64 = sized.wire_bytes.iter().take((frames % in_a_round) as usize).map(|bytes| u64::from(*bytes)).sum();
        let of_a_round = rest as f64 / sized.bytes_of_a_round() as f64;
        Seconds::from_whole(1) * (((frames / in_a_round) as f64 + of_a_round) * in_a_round as f64 / self.rate.pps())
    }

    /// What was released and skipped so far.
    pub fn log(&self) -> &ReleaseLog {
        &self.log
    }

    #[inline]
    fn release(&mut self, until: u64, late: u64, room: u32) -> Result<Release, TooLate> {
        self.log.note(late);
        let mut skipped = 0;
        if late >= self.bound.ticks {
            if self.bound.aborts {
                return Err(self.log.too_late(late));
            }
            skipped = if self.sized.is_some() { self.skip_late_sized(late) } else { self.skip_late(late) };
        }
        let mut frames = 0;
        while frames < room && until.wrapping_sub(self.due) as i64 >= 0 {
            self.step();
            frames += 1;
        }
        Ok(self.log.add(Release { frames, skipped }))
    }

    #[inline(always)]
    fn step(&mut self) {
        let (gap, gap_fraction) = match &mut self.sized {
            None => (self.gap, self.gap_fraction),
            Some(sized) => sized.advance(),
        };
        self.due = self.due.wrapping_add(gap);
        self.fraction += gap_fraction;
        if self.fraction >= self.numerator {
            self.fraction -= self.numerator;
            self.due = self.due.wrapping_sub(1);
        }
    }

    /// Skips every frame that is `bound` late or more.
    #[cold]
    fn skip_late(&mut self, late: u64) -> u64 {
        // The exact time from the next frame until `bound` ago is (late − bound) + fraction/numerator ticks; every frame in it is too late.
        let span = u128::from(late - self.bound.ticks) * u128::from(self.numerator) + u128::from(self.fraction);
        let frame = u128::from(self.gap) * u128::from(self.numerator) - u128::from(self.gap_fraction);
        let skipped = span / frame + 1;
        // Moves past all of them at once, in 1/numerator ticks from `due`. One frame alone is more than any fraction.
        let exact = skipped * frame - u128::from(self.fraction);
        let ticks = exact.div_ceil(u128::from(self.numerator));
        self.fraction = (ticks * u128::from(self.numerator) - exact) as u64;
        self.due = self.due.wrapping_add(ticks as u64);
        skipped as u64
    }

    /// [`skip_late`](Self::skip_late) where gaps differ: frame by frame.
    #[cold]
    fn skip_late_sized(&mut self, late: u64) -> u64 {
        let too_late = self.due.wrapping_add(late - self.bound.ticks);
        let mut skipped = 0;
        while too_late.wrapping_sub(self.due) as i64 >= 0 {
            self.step();
            skipped += 1;
        }
        skipped
    }
}

/// A positive float as numerator / 2^shift in lowest terms.
fn reduced(value: f64) -> (u64, u32) {
    let (numerator, shift) = fraction(value);
    let common = numerator.trailing_zeros().min(shift);
    (numerator >> common, shift - common)
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
