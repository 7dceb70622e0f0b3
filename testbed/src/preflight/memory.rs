use super::check::{Check, CheckLevel};
use super::machine::Machine;

/// A pair of agents with their mempools takes about this much, in KiB.
const COMFORTABLE_KIB: u64 = 1024 * 1024;
const LEAST_KIB: u64 = 256 * 1024;

pub(super) fn check(machine: &Machine) -> Vec<Check> {
    let info = machine.files.text("proc/meminfo").unwrap_or_default();
    let figure = |name: &str| -> Option<u64> {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.split_whitespace().next()?.parse().ok()
    };
    let huge =
        huge_pages(figure("HugePages_Free").unwrap_or(0), figure("HugePages_Total").unwrap_or(0), figure("Hugepagesize").unwrap_or(0));
    let huge = Check { fix: huge.fix.map(|command| where_to_run(&command, machine)), ..huge };
    [Some(huge), figure("MemAvailable").map(available), transparent(machine)].into_iter().flatten().collect()
}

/// The huge pages of a container are those of its machine, whose settings it usually cannot write.
fn where_to_run(command: &str, machine: &Machine) -> String {
    if machine.is_container() { format!("on the machine of the container: {command}") } else { command.to_owned() }
}

fn huge_pages(free: u64, total: u64, size_kib: u64) -> Check {
    let seen = format!("{free} of {total} free, {size_kib} KiB each");
    if free * size_kib >= COMFORTABLE_KIB / 2 {
        return Check::ok("huge pages", seen);
    }
    let why = "without 512 MiB of them DPDK runs on ordinary pages (--no-huge): more misses of the translation cache, lower rates, and most physical ports cannot be opened";
    let pages = (COMFORTABLE_KIB / 2).checked_div(size_kib).unwrap_or(256).max(1);
    Check::found(CheckLevel::Warning, "huge pages", seen, why)
        .fixed_by(format!("echo {} | sudo tee /proc/sys/vm/nr_hugepages", total - free.min(total) + pages))
}

fn available(kib: u64) -> Check {
    let seen = format!("{} MiB available", kib / 1024);
    let why = "packet buffers of both ends, and the kernel's socket buffers, must fit";
    match kib {
        0..LEAST_KIB => Check::found(CheckLevel::Problem, "memory", seen, why),
        LEAST_KIB..COMFORTABLE_KIB => Check::found(CheckLevel::Warning, "memory", seen, why),
        _ => Check::ok("memory", seen),
    }
}

fn transparent(machine: &Machine) -> Option<Check> {
    let setting = machine.files.text("sys/kernel/mm/transparent_hugepage/enabled")?;
    let chosen =
        setting.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or(setting.as_str(), |(chosen, _)| chosen).to_owned();
    Some(if chosen == "always" {
        let why = "the kernel stops processes for a moment to merge their pages";
        let fix = "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled";
        Check::found(CheckLevel::Note, "transparent huge pages", chosen, why).fixed_by(fix)
    } else {
        Check::ok("transparent huge pages", chosen)
    })
}
