use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
