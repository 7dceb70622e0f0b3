//! Whether two machines have the same time-stamp counter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kernel's boot id (random(4)). Two ends with the same boot id read the same time-stamp counter, so their ticks can be subtracted.
///
/// One boot of one kernel has one time-stamp counter, which the calibration has compared with the kernel's raw clock. A guest and its host
/// share memory but not the boot id, and the guest's counter has an offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(String);

impl BootId {
    /// The boot id of this machine; `None` where the kernel gives none.
    pub fn of_this_machine() -> Option<BootId> {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| BootId(id.trim().to_owned()))
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BootId {
    type Err = std::convert::Infallible;

    /// Accepts any text: a wrong one is found when it is compared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(BootId(text.trim().to_owned()))
    }
}
