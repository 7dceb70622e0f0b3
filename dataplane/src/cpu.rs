use std::fmt;
use std::str::FromStr;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// A logical CPU by the kernel's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CpuId(u32);

impl CpuId {
    /// The CPU that the kernel calls `number`.
    pub const fn new(number: u32) -> Self {
        CpuId(number)
    }

    /// The kernel's number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The CPUs that this process may run on, as `taskset` or a container left them (`sched_getaffinity(2)`), in ascending order.
    pub fn allowed() -> Vec<CpuId> {
        let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
        (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).filter_map(|cpu| u32::try_from(cpu).ok()).map(CpuId).collect()
    }

    /// Pins the calling thread to this CPU.
    pub(crate) fn pin_current_thread(self) -> Result<(), nix::Error> {
        let mut set = CpuSet::new();
        set.set(usize::try_from(self.0).map_err(|_| nix::Error::EINVAL)?)?;
        sched_setaffinity(Pid::from_raw(0), &set)
    }
}

impl fmt::Display for CpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a CPU number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a CPU: write its number, such as 1")]
pub struct CpuIdError {
    text: String,
}

impl FromStr for CpuId {
    type Err = CpuIdError;

    fn from_str(text: &str) -> Result<Self, CpuIdError> {
        text.trim().parse().map(CpuId).map_err(|_| CpuIdError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_use_at_least_the_cpu_it_runs_on() {
        assert!(!CpuId::allowed().is_empty());
        assert_eq!(" 3".parse::<CpuId>().unwrap(), CpuId::new(3));
        assert!("-1".parse::<CpuId>().unwrap_err().to_string().contains("`-1`"));
    }
}
