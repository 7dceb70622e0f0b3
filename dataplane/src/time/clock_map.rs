/// Two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The CPU's time-stamp counter.
    pub(crate) ticks: u64,
    /// The other clock, in its own units.
    pub(crate) clock: u64,
}

/// Converts between ticks and a device's clock: a straight line through the readings of both.
///
/// The line passes through the latest reading, so that an error does not grow with time. Its slope is that over all readings, so that the
/// error of a single reading (a microsecond over PCIe) matters little.
#[derive(Debug, Clone)]
pub(crate) struct ClockMap {
    first: Reading,
    last: Reading,
    /// Units of the device's clock in one tick.
    slope: f64,
}

/// No oscillator changes its slope by more than this: the clock was set (a real-time clock, by PTP).
const LARGEST_DRIFT: f64 = 1e-3;

impl ClockMap {
    /// The line through two readings; `None` where the device's clock stood still or ran backwards between them.
    pub(crate) fn new(first: Reading, second: Reading) -> Option<ClockMap> {
        Some(ClockMap { first, last: second, slope: slope(first, second)? })
    }

    /// Adds a reading.
    pub(crate) fn follow(&mut self, reading: Reading) {
        match slope(self.first, reading) {
            Some(slope) if (slope / self.slope - 1.0).abs() < LARGEST_DRIFT => self.slope = slope,
            // The clock was set: earlier readings still give its slope, but not its value.
            _ => self.first = reading,
        }
        self.last = reading;
    }

    /// The device's clock at a tick.
    pub(crate) fn clock_at(&self, ticks: u64) -> u64 {
        let since = ticks.wrapping_sub(self.last.ticks) as i64;
        self.last.clock.wrapping_add_signed((since as f64 * self.slope).round() as i64)
    }

    /// The tick at which the device's clock has this value.
    pub(crate) fn ticks_at(&self, clock: u64) -> u64 {
        let since = clock.wrapping_sub(self.last.clock) as i64;
        self.last.ticks.wrapping_add_signed((since as f64 / self.slope).round() as i64)
    }
}

fn slope(from: Reading, to: Reading) -> Option<f64> {
    let (ticks, clock) = (to.ticks.wrapping_sub(from.ticks) as i64, to.clock.wrapping_sub(from.clock) as i64);
    (ticks > 0 && clock > 0).then(|| clock as f64 / ticks as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A device's clock that runs at `slope` units a tick, by exact arithmetic in thousand millionths.
    fn reading(ticks: u64, offset: u64, billionths: u64) -> Reading {
        Reading { ticks, clock: offset + (u128::from(ticks) * u128::from(billionths) / 1_000_000_000) as u64 }
    }

    /// Readings each tenth of a second of a 2.6 GHz counter, and the clock asked for between and a little beyond them.
    const TENTH: u64 = 260_000_000;

    proptest! {
        /// A clock is converted with an error of at most two units, however long it is followed and whatever its slope.
        #[test]
        fn a_steady_clock_is_converted_exactly(billionths in 1_000_000_u64..2_000_000_000, offset in 0..u64::MAX / 4, readings in 2..2000_u64, beyond in 0..TENTH) {
            let at = |ticks| reading(ticks, offset, billionths);
            let mut map = ClockMap::new(at(0), at(TENTH / 2)).unwrap();
            (1..readings).for_each(|n| map.follow(at(n * TENTH)));
            let ticks = (readings - 1) * TENTH + beyond;
            prop_assert!(map.clock_at(ticks).abs_diff(at(ticks).clock) <= 2);
            // One unit of a slow clock is many ticks.
            let unit = 1_000_000_000 / billionths + 1;
            prop_assert!(map.ticks_at(at(ticks).clock).abs_diff(ticks) <= 2 * unit);
        }

        /// With readings that have errors of up to a microsecond, the error is bounded and does not grow with time.
        #[test]
        fn errors_of_readings_do_not_add_up(errors in prop::collection::vec(0..1000_u64, 20..200)) {
            let at = |n: u64, error: u64| { let exact = reading(n * TENTH, 1 << 40, 384_615_385); Reading { clock: exact.clock + error, ..exact } };
            let mut map = ClockMap::new(at(0, errors[0]), at(1, errors[1])).unwrap();
            for (n, error) in (2..).zip(&errors[2..]) {
                map.follow(at(n, *error));
            }
            let n = errors.len() as u64;
            let exact = at(n, 0).clock;
            prop_assert!(map.clock_at(n * TENTH).abs_diff(exact) <= 1000 + 1000 / (n - 1) + 2);
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_from_there() {
        let at = |n: u64, offset: u64| reading(n * TENTH, offset, 384_615_385);
        let mut map = ClockMap::new(at(0, 0), at(1, 0)).unwrap();
        (2..5).for_each(|n| map.follow(at(n, 0)));
        (5..8).for_each(|n| map.follow(at(n, 1 << 50)));
        assert!(map.clock_at(8 * TENTH).abs_diff(at(8, 1 << 50).clock) <= 2);
    }

    #[test]
    fn a_clock_that_stands_still_has_no_map() {
        let still = |ticks| Reading { ticks, clock: 7 };
        assert!(ClockMap::new(still(0), still(TENTH)).is_none());
    }
}
