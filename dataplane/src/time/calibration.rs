//! The time-stamp counter's frequency, as measured against the kernel's raw clock.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::clock_map::Reading;
use super::tick_rate::TickRate;
use super::ticks::ticks;

/// The raw clock, in nanoseconds, beside the counter; `None` where the kernel has no raw clock. Of several readings this is the one that took
/// the shortest time.
fn read_clocks() -> Option<Reading> {
    let readings = (0..32).filter_map(|_| {
        let before = ticks();
        let raw = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).ok()?;
        let after = ticks();
        let width = after.wrapping_sub(before);
        let clock = u64::try_from(Duration::from(raw).as_nanos()).ok()?;
        Some((width, Reading { ticks: before.wrapping_add(width / 2), clock }))
    });
    readings.min_by_key(|(width, _)| *width).map(|(_, reading)| reading)
}

/// The start of a calibration. The rate is more precise the longer ago it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TickCalibration {
    begin: Option<Reading>,
}

impl TickCalibration {
    /// Shortest time to calibrate over: a reading has an error of about 30 ns, which is a fraction of 1 ppm of 200 ms.
    const SHORTEST: Duration = Duration::from_millis(200);

    /// Begins now.
    pub(crate) fn begin() -> Self {
        TickCalibration { begin: read_clocks() }
    }

    /// Ticks per second from the start until now; waits until [`SHORTEST`](Self::SHORTEST) has passed. `None` where the kernel has no raw
    /// clock or the counter stood still.
    pub(crate) fn rate(&self) -> Option<TickRate> {
        let begin = self.begin?;
        let mut now = read_clocks()?;
        let missing = Self::SHORTEST.saturating_sub(Duration::from_nanos(now.clock.saturating_sub(begin.clock)));
        if !missing.is_zero() {
            std::thread::sleep(missing);
            now = read_clocks()?;
        }
        let ns = u128::from(now.clock.checked_sub(begin.clock)?);
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
        let rate = TickCalibration::begin().rate().unwrap();
        let (begin, start) = (ticks(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let ticked = rate.nanoseconds(ticks() - begin);
        // On a busy machine a delay between two statements can only increase the later reading.
        let passed = start.elapsed();
        assert!(ticked.ns() >= 20_000_000 && ticked.ns() <= passed.as_nanos() as u64 + 50_000, "{ticked:?} {passed:?}");
    }
}
