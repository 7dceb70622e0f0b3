//! A port's own clock, followed beside the CPU's.

use std::time::Duration;

use dpdk_sys as sys;
use methodology::units::Nanoseconds;

use super::device::Device;
use crate::error::DataplaneError;
use crate::time::{ClockMap, Reading, TickRate, ticks};

/// Time between the first two readings. An error of one microsecond in each is 20 ppm of it.
const FIRST_INTERVAL: Duration = Duration::from_millis(50);

/// How often the clock is read afterwards.
const INTERVAL: Nanoseconds = Nanoseconds::new(100_000_000);

/// A reading that took longer than this was interrupted and is discarded.
const INTERRUPTED: Nanoseconds = Nanoseconds::new(20_000);

/// A port's clock, followed beside the CPU's.
pub(crate) struct PortClock<'p> {
    device: &'p Device,
    map: ClockMap,
    next: u64,
    interval: u64,
    interrupted: u64,
}

impl<'p> PortClock<'p> {
    /// Reads the clock twice. An error where the port has no clock, or where it stands still.
    pub(super) fn new(device: &'p Device, rate: TickRate) -> Result<PortClock<'p>, DataplaneError> {
        let refuse = |errno: i32| device.error("reading the clock", errno, "Do not use times of the port: they need its clock");
        // Of several readings the one that took the shortest time.
        let reading = || -> Result<Reading, DataplaneError> {
            let first = read(device).map_err(refuse)?;
            let more = (1..8).filter_map(|_| read(device).ok());
            Ok(more.fold(first, |best, next| if next.0 < best.0 { next } else { best }).1)
        };
        let first = reading()?;
        std::thread::sleep(FIRST_INTERVAL);
        let second = reading()?;
        let map = ClockMap::new(first, second).ok_or_else(|| refuse(0))?;
        let interval = rate.ticks(INTERVAL);
        Ok(PortClock { device, map, next: second.ticks.wrapping_add(interval), interval, interrupted: rate.ticks(INTERRUPTED) })
    }

    /// Reads the clock again if the interval is over.
    #[inline(always)]
    pub(crate) fn follow(&mut self, now: u64) {
        if now.wrapping_sub(self.next) as i64 >= 0 {
            self.read_again(now);
        }
    }

    pub(crate) fn map(&self) -> &ClockMap {
        &self.map
    }

    #[cold]
    fn read_again(&mut self, now: u64) {
        self.next = now.wrapping_add(self.interval);
        if let Ok((width, reading)) = read(self.device)
            && width < self.interrupted
        {
            self.map.follow(reading);
        }
    }
}

/// Reads both clocks, and returns how many ticks that took.
fn read(device: &Device) -> Result<(u64, Reading), i32> {
    let mut clock = 0;
    let before = ticks();
    // SAFETY: the port exists as long as its device does; drivers lock a clock that several threads read.
    let error = unsafe { sys::lr_read_clock(device.id(), &mut clock) };
    let width = ticks().wrapping_sub(before);
    if error == 0 { Ok((width, Reading { ticks: before.wrapping_add(width / 2), clock })) } else { Err(error) }
}
