use std::fmt;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

use methodology::units::Seconds;
use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
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

    /// The CPUs in this process's affinity, which `taskset` or a container may have reduced (`sched_getaffinity(2)`), in ascending order.
    pub fn allowed() -> Vec<CpuId> {
        let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
        (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).filter_map(|cpu| u32::try_from(cpu).ok()).map(CpuId).collect()
    }

    /// [`allowed`](Self::allowed), best first for a poll loop of a device on NUMA node `node`: the CPUs of that node before others, and
    /// the highest numbers first, because the first CPU serves most interrupts.
    pub fn allowed_near(node: Option<u32>) -> Vec<CpuId> {
        CpuId::ordered(CpuId::allowed(), &node.map(CpuId::of_node).unwrap_or_default())
    }

    fn ordered(allowed: Vec<CpuId>, near: &[CpuId]) -> Vec<CpuId> {
        let (on_node, elsewhere): (Vec<CpuId>, Vec<CpuId>) = allowed.into_iter().rev().partition(|cpu| near.contains(cpu));
        on_node.into_iter().chain(elsewhere).collect()
    }

    /// The CPUs of a NUMA node (sysfs-devices-node, `cpulist`); empty where the kernel does not report them.
    pub fn of_node(node: u32) -> Vec<CpuId> {
        fs::read_to_string(format!("/sys/devices/system/node/node{node}/cpulist")).map_or(Vec::new(), |list| CpuId::read_list(&list))
    }

    /// Reads a list of CPUs as sysfs writes it, such as `0-3,8-11`. Parts that are not numbers are left out.
    pub fn read_list(list: &str) -> Vec<CpuId> {
        let range = |part: &str| {
            let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
            Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
        };
        list.split(',').filter_map(range).flatten().map(CpuId).collect()
    }

    /// The CPU that the calling thread runs on now.
    pub(crate) fn current() -> Option<CpuId> {
        sched_getcpu().ok().and_then(|cpu| u32::try_from(cpu).ok()).map(CpuId)
    }

    /// The NUMA node of this CPU, from its directory in /sys; `None` where the kernel has no nodes.
    pub(crate) fn numa_node(self) -> Option<u32> {
        let entries = fs::read_dir(format!("/sys/devices/system/cpu/cpu{self}")).ok()?;
        entries.flatten().find_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
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

/// Steal time of a CPU since the machine started, in the kernel's ticks: time that the hypervisor gave to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steal(u64);

/// /proc/stat counts in these: `USER_HZ` is 100 on every Linux ABI that DPDK runs on (proc(5)).
const TICK: Duration = Duration::from_millis(10);

impl Steal {
    /// The steal time of one CPU now; `None` where the kernel does not report it.
    pub(crate) fn of(cpu: CpuId) -> Option<Steal> {
        Steal::read(&fs::read_to_string("/proc/stat").ok()?, cpu)
    }

    /// The eighth figure of the CPU's line (proc(5), /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal).
    fn read(stat: &str, cpu: CpuId) -> Option<Steal> {
        let name = format!("cpu{cpu}");
        let mut figures =
            stat.lines().map(str::split_ascii_whitespace).find_map(|mut words| (words.next() == Some(&name)).then_some(words))?;
        figures.nth(7)?.parse().ok().map(Steal)
    }

    /// The steal time since an earlier reading.
    pub(crate) fn since(self, before: Steal) -> Seconds {
        let ticks = u32::try_from(self.0.saturating_sub(before.0)).unwrap_or(u32::MAX);
        Seconds::from(TICK.saturating_mul(ticks))
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
    fn steal_is_read_for_one_cpu_and_none_where_the_kernel_does_not_report_it() {
        let stat = |second: u64| format!("cpu  9 9 9 9 9 9 9 99 9 9\ncpu1 1 2 3 4 5 6 7 {second} 0 0\ncpu11 1 2 3 4 5 6 7 8 0 0\nintr 1\n");
        let at = |second, cpu| Steal::read(&stat(second), CpuId::new(cpu));
        assert_eq!((at(70, 1), at(70, 11), at(70, 2)), (Some(Steal(70)), Some(Steal(8)), None));
        assert_eq!(at(95, 1).unwrap().since(at(70, 1).unwrap()), Seconds::from(Duration::from_millis(250)));
        // Kernels before 2.6.11 have seven figures.
        assert_eq!(Steal::read("cpu0 1 2 3 4 5 6 7\n", CpuId::new(0)), None);
    }

    #[test]
    fn cpus_of_the_devices_numa_node_come_first_and_high_numbers_before_low_ones() {
        let cpus = |numbers: &[u32]| numbers.iter().copied().map(CpuId::new).collect::<Vec<_>>();
        assert_eq!(CpuId::read_list("0-2,8-9,11\n"), cpus(&[0, 1, 2, 8, 9, 11]));
        assert_eq!(CpuId::read_list("\n"), []);
        let near = CpuId::read_list("0-3");
        assert_eq!(CpuId::ordered(cpus(&[1, 2, 6, 7]), &near), cpus(&[2, 1, 7, 6]));
        assert_eq!(CpuId::ordered(cpus(&[1, 2, 6, 7]), &[]), cpus(&[7, 6, 2, 1]));
    }

    #[test]
    fn a_process_may_use_at_least_the_cpu_it_runs_on() {
        assert!(!CpuId::allowed().is_empty());
        assert_eq!(" 3".parse::<CpuId>().unwrap(), CpuId::new(3));
        assert!("-1".parse::<CpuId>().unwrap_err().to_string().contains("`-1`"));
    }
}
