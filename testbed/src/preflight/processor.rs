use std::collections::BTreeSet;

use dataplane::{CpuId, TickSource};

use super::check::{Check, CheckLevel};
use super::machine::Machine;

pub(super) fn check(machine: &Machine) -> Vec<Check> {
    let info = machine.files.text("proc/cpuinfo").unwrap_or_default();
    let flags: BTreeSet<&str> =
        info.lines().find_map(|line| line.strip_prefix("flags")).map(|flags| flags.split_whitespace().collect()).unwrap_or_default();
    let checks = [
        count(machine),
        governor(machine),
        isolation(machine),
        siblings(machine),
        virtualised(&flags),
        clock(machine, &flags),
        mitigations(machine),
    ];
    checks.into_iter().flatten().collect()
}

fn count(machine: &Machine) -> Option<Check> {
    let (allowed, online) = allowed_and_online(machine)?;
    let usable = allowed.len();
    // The set of a container is reported by itself; one poll loop needs one CPU of it.
    if machine.is_container() && usable < online.len() {
        return None;
    }
    let seen = if usable < online.len() { format!("{usable} of {} may be used", online.len()) } else { format!("{usable}") };
    let subject = "processors";
    Some(match usable {
        0 | 1 => Check::found(
            CheckLevel::Problem,
            subject,
            seen,
            "generator and sink need a core each: two poll loops on one core measure the scheduler",
        ),
        2 | 3 => Check::found(
            CheckLevel::Note,
            subject,
            seen,
            "generator and sink take one each, and little is left for the kernel and everything else",
        ),
        _ if usable < online.len() => {
            Check::found(CheckLevel::Note, subject, seen, "the CPUs of this process are limited, by taskset or by a container")
        }
        _ => Check::ok(subject, seen),
    })
}

fn governor(machine: &Machine) -> Option<Check> {
    let cpus = machine.files.names("sys/devices/system/cpu").into_iter();
    let governors: BTreeSet<String> =
        cpus.filter_map(|cpu| machine.files.text(&format!("sys/devices/system/cpu/{cpu}/cpufreq/scaling_governor"))).collect();
    let seen = governors.iter().cloned().collect::<Vec<_>>().join(", ");
    Some(if governors.is_empty() {
        Check::ok("frequency", "the kernel does not scale it here")
    } else if governors.iter().all(|governor| governor == "performance") {
        Check::ok("frequency", "governor performance")
    } else {
        let why = "the clock rises and falls with the load, and the first seconds of a trial are slower than the last";
        Check::found(CheckLevel::Warning, "frequency", format!("governor {seen}"), why)
            .fixed_by("sudo cpupower frequency-set -g performance")
    })
}

fn isolation(machine: &Machine) -> Option<Check> {
    let list = |name: &str| {
        machine.files.text(&format!("sys/devices/system/cpu/{name}")).filter(|list| list.starts_with(|c: char| c.is_ascii_digit()))
    };
    Some(match (list("isolated"), list("nohz_full")) {
        (Some(isolated), Some(tickless)) => Check::ok("isolation", format!("isolated: {isolated}; without tick: {tickless}")),
        (isolated, tickless) => {
            let seen =
                format!("isolated: {}; without tick: {}", isolated.as_deref().unwrap_or("none"), tickless.as_deref().unwrap_or("none"));
            let why = "the scheduler and the timer tick interrupt poll loops for microseconds, which shows in the highest percentiles";
            Check::found(CheckLevel::Note, "isolation", seen, why).fixed_by(
                "add isolcpus=CPUS nohz_full=CPUS rcu_nocbs=CPUS to the kernel's command line, for the cores that poll, and reboot",
            )
        }
    })
}

fn siblings(machine: &Machine) -> Option<Check> {
    let active = machine.files.text("sys/devices/system/cpu/smt/active")?;
    Some(if active == "1" {
        let why = "two poll loops on the two threads of one core share its execution units; pin them to different cores (lscpu -e)";
        Check::found(CheckLevel::Note, "hyper-threading", "on", why).fixed_by("echo off | sudo tee /sys/devices/system/cpu/smt/control")
    } else {
        Check::ok("hyper-threading", "off")
    })
}

fn virtualised(flags: &BTreeSet<&str>) -> Option<Check> {
    Some(if flags.contains("hypervisor") {
        let why = "other machines share the hardware: compare figures within one run, and do not quote them as figures of the hardware";
        Check::found(CheckLevel::Note, "virtual machine", "yes", why)
    } else {
        Check::ok("virtual machine", "no sign of one")
    })
}

/// On Arm the counter that DPDK reads is the architecture's and always constant; on x86 the processor says whether it is.
fn clock(machine: &Machine, flags: &BTreeSet<&str>) -> Option<Check> {
    let source = machine.files.text("sys/devices/system/clocksource/clocksource0/current_clocksource");
    let source = source.as_deref().unwrap_or("unknown");
    let missing = TickSource::missing_flags(|flag| flags.contains(flag));
    Some(if !flags.contains("tsc") {
        Check::ok("clock", format!("no TSC; clock source {source}"))
    } else if !missing.is_empty() {
        let why = "times are taken from the time stamp counter, which may change its rate or stop";
        Check::found(CheckLevel::Warning, "clock", format!("the processor does not guarantee {}", missing.join(" and ")), why)
    } else if !matches!(source, "tsc" | "kvm-clock" | "unknown") {
        let why = "the kernel does not trust the time stamp counter here, and times are taken from it; `dmesg | grep -i tsc` says why";
        Check::found(CheckLevel::Warning, "clock", format!("clock source {source}"), why)
    } else {
        Check::ok("clock", format!("constant TSC; clock source {source}"))
    })
}

fn mitigations(machine: &Machine) -> Option<Check> {
    const PATH: &str = "sys/devices/system/cpu/vulnerabilities";
    let active = machine
        .files
        .names(PATH)
        .into_iter()
        .filter(|flaw| machine.files.text(&format!("{PATH}/{flaw}")).is_some_and(|state| state.starts_with("Mitigation")));
    let active: Vec<String> = active.collect();
    Some(if active.is_empty() {
        Check::ok("mitigations", "none active")
    } else {
        let why = "they make system calls slower: kernel figures include that cost, poll-mode figures almost none; they are recorded with each run";
        Check::found(CheckLevel::Note, "mitigations", active.join(", "), why)
    })
}

/// The CPUs that this process may use, and those of the machine.
pub(super) fn allowed_and_online(machine: &Machine) -> Option<(BTreeSet<u32>, BTreeSet<u32>)> {
    let status = machine.files.text("proc/self/status")?;
    let allowed = cpu_list(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?);
    let online = cpu_list(&machine.files.text("sys/devices/system/cpu/online")?);
    Some((allowed.intersection(&online).copied().collect(), online))
}

/// Reads `0-3,8` (cpuset(7), "List format").
pub(super) fn cpu_list(text: &str) -> BTreeSet<u32> {
    CpuId::read_list(text).into_iter().map(CpuId::number).collect()
}
