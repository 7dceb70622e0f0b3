use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::record::{CoreUse, EndCost};

/// `/proc/stat` counts in these, a second: `USER_HZ`, 100 on every Linux ABI that DPDK runs on (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// The processor times of one machine at one moment, from `/proc/stat`.
///
/// The tools' own CPU figures count their process only. Most of the kernel's work for a packet happens in softirq, in no
/// process: only the times of the whole machine hold all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuSnapshot {
    cores: BTreeMap<u32, Ticks>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    /// user + nice + system + irq + softirq; guest time is part of user (proc(5)).
    busy: u64,
    softirq: u64,
    steal: u64,
}

/// The text is not `/proc/stat`.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ProcStatError {
    /// No line of a single CPU.
    #[error("no `cpuN` line in this text: give the whole of /proc/stat")]
    NoCpus,
    /// A line holds something else than numbers.
    #[error("`{0}` is not a line of CPU times: give /proc/stat as the kernel prints it")]
    BadLine(String),
    /// No time between the two snapshots.
    #[error("no time passed between the two snapshots of /proc/stat: take one before and one after the measurement")]
    NoTime,
    /// A CPU would have worked longer than the time between the two snapshots.
    #[error("CPU {core} worked {busy:.2} of the time between the two snapshots of /proc/stat: they do not enclose the measurement")]
    TooBusy {
        /// The CPU.
        core: u32,
        /// The share of the time.
        busy: f64,
    },
}

impl CpuSnapshot {
    /// Reads `/proc/stat`.
    pub fn parse(text: &str) -> Result<Self, ProcStatError> {
        let mut cores = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(core) = words.next().and_then(|word| word.strip_prefix("cpu")).and_then(|number| number.parse::<u32>().ok()) else {
                continue;
            };
            let bad = || ProcStatError::BadLine(super::outcome::shortened(line));
            let ticks: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
            let [user, nice, system, _idle, _iowait, irq, softirq, rest @ ..] = ticks.as_slice() else { return Err(bad()) };
            let busy = [user, nice, system, irq, softirq].into_iter().fold(0_u64, |sum, &ticks| sum.saturating_add(ticks));
            cores.insert(core, Ticks { busy, softirq: *softirq, steal: rest.first().copied().unwrap_or(0) });
        }
        if cores.is_empty() { Err(ProcStatError::NoCpus) } else { Ok(CpuSnapshot { cores }) }
    }

    /// What the machine spent between an earlier snapshot and this one, `wall` apart: in cores, by core.
    ///
    /// CPUs that came or went in between are left out. Counters that ran backwards (the kernel allows it for idle machines) count as nothing.
    pub fn cost_since(&self, before: &CpuSnapshot, wall: Duration) -> Result<EndCost, ProcStatError> {
        if wall.is_zero() {
            return Err(ProcStatError::NoTime);
        }
        let share = |after: u64, before: u64| after.saturating_sub(before) as f64 / TICKS_PER_SECOND / wall.as_secs_f64();
        let by_core: Vec<CoreUse> = self
            .cores
            .iter()
            .filter_map(|(&core, after)| {
                let before = before.cores.get(&core)?;
                Some(CoreUse {
                    core,
                    busy: share(after.busy, before.busy),
                    softirq: share(after.softirq, before.softirq),
                    steal: share(after.steal, before.steal),
                })
            })
            .collect();
        // Each of the five counters can gain a tick that began before, and the snapshots are not taken at one moment.
        let most = 1.0 + 8.0 / TICKS_PER_SECOND / wall.as_secs_f64();
        if let Some(core) = by_core.iter().find(|core| core.busy > most) {
            return Err(ProcStatError::TooBusy { core: core.core, busy: core.busy });
        }
        let sum = |part: fn(&CoreUse) -> f64| Some(by_core.iter().map(part).sum());
        Ok(EndCost {
            cores: sum(|core| core.busy),
            softirq_cores: sum(|core| core.softirq),
            steal_cores: sum(|core| core.steal),
            by_core,
            ..EndCost::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  300 0 100 1000 0 0 50 10 0 0\ncpu0 100 0 50 500 0 0 50 10 0 0\ncpu1 200 0 50 500 0 0 0 0 0 0\nintr 1\n";
    const AFTER: &str = "cpu  400 0 200 1000 0 0 150 20 0 0\ncpu0 150 0 100 500 0 0 150 20 0 0\ncpu1 250 0 100 500 0 0 0 0 0 0\nintr 2\n";

    #[test]
    fn softirq_is_part_of_the_cost_and_steal_is_not() {
        let (before, after) = (CpuSnapshot::parse(BEFORE).unwrap(), CpuSnapshot::parse(AFTER).unwrap());
        let cost = after.cost_since(&before, Duration::from_secs(2)).unwrap();
        // cpu0: 50 user + 50 system + 100 softirq ticks in 2 s; cpu1: 100 ticks.
        assert_eq!((cost.cores, cost.softirq_cores, cost.steal_cores), (Some(1.5), Some(0.5), Some(0.05)));
        assert_eq!(cost.by_core[0], CoreUse { core: 0, busy: 1.0, softirq: 0.5, steal: 0.05 });
        assert!(after.cost_since(&before, Duration::ZERO).is_err());
        // 200 ticks of cpu0 in less than 2 s: a window that does not enclose them.
        let error = after.cost_since(&before, Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, ProcStatError::TooBusy { core: 0, .. }), "{error}");
    }

    #[test]
    fn text_that_is_not_proc_stat_is_refused() {
        assert_eq!(CpuSnapshot::parse("hello"), Err(ProcStatError::NoCpus));
        assert!(matches!(CpuSnapshot::parse("cpu0 1 2 x"), Err(ProcStatError::BadLine(_))));
        assert!(matches!(CpuSnapshot::parse("cpu0 1 2"), Err(ProcStatError::BadLine(_))));
    }
}
