use std::thread;
use std::time::{Duration, Instant};

use reporter::kernel_tools::{CpuSnapshot, ProcStatError};
use reporter::record::CoreUse;

use super::check::{Check, CheckLevel};
use super::machine::Machine;

/// Long enough for fifty timer ticks of the slowest kernel (HZ=100).
const SAMPLE: Duration = Duration::from_millis(500);
/// From this share on another process is at work on a core.
const BUSY: f64 = 0.25;
/// From this share on time taken by the hypervisor shows in results.
const STOLEN: f64 = 0.01;

pub(super) fn check(machine: &Machine) -> Vec<Check> {
    let look = || CpuSnapshot::parse(&machine.files.text("proc/stat").unwrap_or_default());
    let (before, began) = (look(), Instant::now());
    thread::sleep(SAMPLE);
    let cores = between(before, look(), began.elapsed());
    vec![busy(&cores), stolen(&cores)]
}

/// What each core did between two readings of `/proc/stat`; nothing where one cannot be read.
fn between(before: Result<CpuSnapshot, ProcStatError>, after: Result<CpuSnapshot, ProcStatError>, wall: Duration) -> Vec<CoreUse> {
    after.and_then(|after| after.cost_since(&before?, wall)).map(|cost| cost.by_core).unwrap_or_default()
}

fn busy(cores: &[CoreUse]) -> Check {
    let at_work = cores.iter().filter(|core| core.busy >= BUSY);
    let at_work: Vec<String> = at_work.map(|core| format!("cpu{} {:.0} %", core.core, core.busy * 100.0)).collect();
    if at_work.is_empty() {
        return Check::ok("load", "no core is busy");
    }
    let why = "a poll loop that shares its core is not scheduled for milliseconds at a time, and loses frames";
    Check::found(CheckLevel::Warning, "load", at_work.join(", "), why).fixed_by("top -1 (find the process, and wait for it or end it)")
}

fn stolen(cores: &[CoreUse]) -> Check {
    let most = cores.iter().map(|core| core.steal).fold(0.0, f64::max);
    if most < STOLEN {
        return Check::ok("stolen time", format!("{:.1} %", most * 100.0));
    }
    let why = "the hypervisor runs other machines on these cores: trials have hiccups and become invalid";
    Check::found(CheckLevel::Warning, "stolen time", format!("{:.1} % of a core", most * 100.0), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 0 100 1000 50 0 10 5 0 0\ncpu1 100 0 100 1000 50 0 10 5 0 0\nintr 7\n";

    /// Fifty clock ticks later.
    fn later(after: &str) -> Vec<CoreUse> {
        between(CpuSnapshot::parse(BEFORE), CpuSnapshot::parse(after), Duration::from_millis(500))
    }

    #[test]
    fn a_busy_core_is_named_and_an_idle_one_is_not() {
        // cpu0: 30 of 50 ticks at work; cpu1: 5 of 50, the rest idle or waiting.
        let cores = later("cpu0 120 0 110 1020 50 0 10 5 0 0\ncpu1 105 0 100 1040 55 0 10 5 0 0\n");
        let check = busy(&cores);
        assert_eq!((check.severity, check.seen.as_str()), (CheckLevel::Warning, "cpu0 60 %"));
        assert_eq!(stolen(&cores).severity, CheckLevel::Ok);
    }

    #[test]
    fn time_that_the_hypervisor_took_is_not_load() {
        let cores = later("cpu0 100 0 100 1040 50 0 10 15 0 0\ncpu1 100 0 100 1050 50 0 10 5 0 0\n");
        assert_eq!(busy(&cores).severity, CheckLevel::Ok);
        let check = stolen(&cores);
        assert_eq!((check.severity, check.seen.as_str()), (CheckLevel::Warning, "20.0 % of a core"));
    }

    #[test]
    fn equal_or_unreadable_readings_are_no_load() {
        assert_eq!(busy(&later(BEFORE)).severity, CheckLevel::Ok);
        assert_eq!(later("cpu0 1 2\n"), []);
    }
}
