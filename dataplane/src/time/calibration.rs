//! The time-stamp counter's frequency, as measured against the kernel's raw clock.

use std::time::Duration;

use nix::time::clock_gettime;

use super::tick_rate::TickRate;
use super::ticks::ticks;

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
