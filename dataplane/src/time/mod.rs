//! Time in ticks of the CPU's time-stamp counter: their rate, schedules, and the clocks of devices beside them.

mod boot_id;
mod calibration;
mod clock_map;
mod lateness;
mod schedule;
mod tick_rate;
mod ticks;

pub use boot_id::BootId;
pub use lateness::{LatePolicy, LatenessReport, Release, ReleaseLog, TooLate};
pub use schedule::{PaceError, Schedule};
pub use tick_rate::TickRate;
pub use ticks::TickSource;

pub(crate) use calibration::TickCalibration;
pub(crate) use clock_map::{ClockMap, Reading};
pub(crate) use lateness::LateBound;
pub(crate) use ticks::ticks;

#[cfg(test)]
mod tests;
