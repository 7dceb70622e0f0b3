//! The frequency of the time-stamp counter.

use std::num::NonZeroU64;

use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

/// Ticks per second of the time-stamp counter: the TSC, or the generic timer on Arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TickRate(NonZeroU64);

impl TickRate {
    /// A clock of `hz` ticks per second; `None` for 0.
    pub const fn from_hz(hz: u64) -> Option<TickRate> {
        match NonZeroU64::new(hz) {
            Some(hz) => Some(TickRate(hz)),
            None => None,
        }
    }

    /// Ticks per second.
    pub const fn hz(self) -> u64 {
        self.0.get()
    }

    /// `ticks` as a time, rounded to the nearest nanosecond.
    pub fn nanoseconds(self, ticks: u64) -> Nanoseconds {
        let hz = u128::from(self.hz());
        Nanoseconds::new(u64::try_from((u128::from(ticks) * 1_000_000_000 + hz / 2) / hz).unwrap_or(u64::MAX))
    }

    /// A time as ticks, rounded to the nearest.
    pub fn ticks(self, time: Nanoseconds) -> u64 {
        let ticks = (u128::from(time.ns()) * u128::from(self.hz()) + 500_000_000) / 1_000_000_000;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}
