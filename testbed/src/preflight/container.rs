//! What a container lacks that DPDK needs, and what its engine must be told to give it.

use super::check::{Check, CheckLevel};
use super::machine::Machine;
use super::processor::allowed_and_online;

/// Number of CAP_IPC_LOCK in the mask of proc_pid_status(5) (linux/capability.h).
const IPC_LOCK: u32 = 14;
/// What the packet buffers of an endpoint need, in bytes.
const LEAST_BYTES: u64 = 512 << 20;

/// Nothing on a machine that is not a container.
pub(super) fn check(machine: &Machine) -> Vec<Check> {
    if !machine.is_container() {
        return Vec::new();
    }
    let checks = [Some(pinned_memory(machine)), cpus(machine), huge_pages(machine), memory(machine)];
    checks.into_iter().flatten().collect()
}

fn pinned_memory(machine: &Machine) -> Check {
    let subject = "container: CAP_IPC_LOCK";
    let status = machine.files.text("proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if mask.unwrap_or(0) & (1 << IPC_LOCK) != 0 {
        return Check::ok(subject, "yes");
    }
    let why = "DPDK cannot pin memory beyond the limit of the container (ulimit -l), and ports of vfio and AF_XDP do not open";
    Check::found(CheckLevel::Warning, subject, "missing", why)
        .fixed_by("start the container with --cap-add IPC_LOCK (Kubernetes: securityContext.capabilities.add), or with --privileged")
}

/// The CPUs of the machine that are not in the container's set.
fn cpus(machine: &Machine) -> Option<Check> {
    let subject = "container: CPUs";
    let (allowed, online) = allowed_and_online(machine)?;
    let outside: Vec<String> = online.difference(&allowed).map(ToString::to_string).collect();
    let inside: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    Some(match outside.is_empty() {
        true => Check::ok(subject, "all of the machine"),
        false => {
            let seen = format!("{} of the {} of the machine: {}", allowed.len(), online.len(), inside.join(", "));
            let why = "poll loops run on these only, one for each queue";
            Check::found(CheckLevel::Note, subject, seen, why)
                .fixed_by("start the container with --cpuset-cpus and the CPUs of its poll loops")
        }
    })
}

/// The machine's huge pages, as far as the control group of the container may use them. They need no mount, because linerate's memory has no files
/// (EAL's --in-memory).
fn huge_pages(machine: &Machine) -> Option<Check> {
    let subject = "container: huge pages";
    let info = machine.files.text("proc/meminfo")?;
    let total: u64 = info.lines().find_map(|line| line.strip_prefix("HugePages_Total:"))?.trim().parse().ok()?;
    // Control groups of version 2, then of version 1; the controller is absent on many machines.
    let limits = ["sys/fs/cgroup/hugetlb.2MB.max", "sys/fs/cgroup/hugetlb/hugetlb.2MB.limit_in_bytes"];
    let limit = limits.iter().find_map(|file| machine.files.number::<u64>(file)).filter(|bytes| *bytes < LEAST_BYTES);
    let why = "DPDK runs on ordinary pages, at lower rates, and most physical ports cannot be opened";
    if total == 0 {
        // The check of the machine's memory reports that.
        return None;
    }
    Some(match limit {
        Some(limit) => Check::found(
            CheckLevel::Warning,
            subject,
            format!("{total} on the machine, and the container may use {} MiB", limit >> 20),
            why,
        )
        .fixed_by("give the container 512 MiB of them or more (Kubernetes: resources.limits.hugepages-2Mi)"),
        None => Check::ok(subject, format!("{total} on the machine, without a limit for the container")),
    })
}

fn memory(machine: &Machine) -> Option<Check> {
    let subject = "container: memory";
    let limits = ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"];
    // `max`, or a number near 2^63: no limit.
    let limit = limits.iter().find_map(|file| machine.files.number::<u64>(file)).filter(|bytes| *bytes < 1 << 60)?;
    let seen = format!("limited to {} MiB", limit >> 20);
    Some(match limit < LEAST_BYTES {
        true => Check::found(CheckLevel::Warning, subject, seen, "the kernel ends a process that needs more for its packet buffers")
            .fixed_by("start the container with --memory 1g or more"),
        false => Check::ok(subject, seen),
    })
}
