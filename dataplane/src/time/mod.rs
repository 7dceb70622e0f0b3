//! Time as the engines count it: ticks of the CPU's counter, their rate, schedules in ticks, and clocks of devices beside it.

mod calibration;
mod clock_id;
mod clock_map;
mod schedule;
mod tick_rate;
mod ticks;

pub use clock_id::ClockId;
pub use schedule::{LatePolicy, LatenessReport, PaceError, Release, Schedule, TooLate};
pub use tick_rate::TickRate;

pub(crate) use calibration::Calibration;
pub(crate) use clock_map::{ClockMap, Reading};
pub(crate) use ticks::ticks;

#[cfg(test)]
mod tests;
