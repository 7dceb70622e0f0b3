//! The time-stamp counter, and its frequency as measured against the kernel's raw clock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use nix::time::clock_gettime;
use serde::{Deserialize, Serialize};

use crate::pace::TickRate;

/// Ticks of the CPU's time-stamp counter (x86: TSC; Arm: CNTVCT).
#[inline(always)]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: RDTSC reads a counter and has no other effect; every x86-64 CPU has it.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(target_arch = "aarch64")]
    {
        let ticks: u64;
        // SAFETY: CNTVCT_EL0 is readable from user space on Linux and reading it has no effect.
        unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        ticks
    }
}

/// Which clock a machine's ticks are of: two ends with the same one may subtract each other's.
///
/// It is the kernel's boot id (random(4)): one boot of one kernel has one time-stamp counter, which the calibration at the start of DPDK has seen to run with the
/// kernel's raw clock. A guest and its host share memory and no boot id, and the guest's counter has an offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClockId(String);

impl ClockId {
    /// This machine's; `None` where the kernel does not say.
    pub fn of_this_machine() -> Option<ClockId> {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| ClockId(id.trim().to_owned()))
    }
}

impl fmt::Display for ClockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClockId {
    type Err = std::convert::Infallible;

    /// Whatever is no machine's clock is refused where it is compared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(ClockId(text.trim().to_owned()))
    }
}

/// One instant on both clocks.
#[derive(Debug, Clone, Copy)]
struct Instant {
    ticks: u64,
    raw_ns: u64,
}

impl Instant {
    /// The tightest of a few readings: CLOCK_MONOTONIC_RAW between two readings of the counter.
    fn now() -> Option<Instant> {
        let readings = (0..32).filter_map(|_| {
            let before = ticks();
            let raw = clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC_RAW).ok()?;
            let after = ticks();
            let width = after.wrapping_sub(before);
            let raw_ns = u64::try_from(Duration::from(raw).as_nanos()).ok()?;
            Some((width, Instant { ticks: before.wrapping_add(width / 2), raw_ns }))
        });
        readings.min_by_key(|(width, _)| *width).map(|(_, instant)| instant)
    }
}

/// The start of a calibration; the longer ago, the better the rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calibration {
    begin: Option<Instant>,
}

impl Calibration {
    /// Shortest time to calibrate over: a reading is good to about 30 ns, so 200 ms are good to a fraction of 1 ppm.
    const SHORTEST: Duration = Duration::from_millis(200);

    /// Begins now.
    pub(crate) fn begin() -> Self {
        Calibration { begin: Instant::now() }
    }

    /// Ticks a second from the beginning until now, waiting until [`SHORTEST`](Self::SHORTEST) has passed. None where the kernel has no
    /// raw clock or the counter stood still.
    pub(crate) fn rate(&self) -> Option<TickRate> {
        let begin = self.begin?;
        let mut now = Instant::now()?;
        let short = Self::SHORTEST.saturating_sub(Duration::from_nanos(now.raw_ns.saturating_sub(begin.raw_ns)));
        if !short.is_zero() {
            std::thread::sleep(short);
            now = Instant::now()?;
        }
        let ns = u128::from(now.raw_ns.checked_sub(begin.raw_ns)?);
        let ticks = u128::from(now.ticks.wrapping_sub(begin.ticks));
        let hz = (ticks * 1_000_000_000 + ns / 2).checked_div(ns)?;
        TickRate::from_hz(u64::try_from(hz).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_runs_as_the_raw_clock_does() {
        let rate = Calibration::begin().rate().unwrap();
        let (begin, start) = (ticks(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let ticked = rate.nanoseconds(ticks() - begin);
        // What a busy machine puts between two statements only ever adds to the later reading.
        let passed = start.elapsed();
        assert!(ticked.ns() >= 20_000_000 && ticked.ns() <= passed.as_nanos() as u64 + 50_000, "{ticked:?} {passed:?}");
    }
}
