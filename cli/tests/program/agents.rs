//! The agents of a run on this machine.

use std::time::Duration;

/// Process IDs of the agents that a process started, in the order of their start.
pub fn agents_of(parent: u32) -> Vec<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks
            .flat_map(|task| {
                std::fs::read_to_string(task.path().join("children"))
                    .unwrap_or_default()
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .filter_map(|pid| pid.parse().ok())
            .collect()
    };
    children(parent)
        .into_iter()
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains("linerate\0agent"))
        })
        .collect()
}

/// Processor time in user mode of the busiest thread of a process (proc_pid_stat(5), field 14).
pub fn busiest_thread(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let ticks = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        // Field 3 is the first behind the name in brackets.
        stat.get(stat.rfind(')')? + 1..)?.split_whitespace().nth(14 - 3)?.parse::<u64>().ok()
    });
    // USER_HZ is 100 on every machine that DPDK is for.
    Duration::from_millis(ticks.max().unwrap_or(0) * 10)
}
