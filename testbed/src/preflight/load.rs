use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::check::{Check, Severity};
use super::machine::Machine;

/// Long enough for fifty timer ticks of the slowest kernel (HZ=100).
const SAMPLE: Duration = Duration::from_millis(500);
/// From this share on somebody else is at work on a core.
const BUSY: f64 = 0.25;
/// From this share on the hypervisor takes time that shows.
const STOLEN: f64 = 0.01;

pub(super) fn check(machine: &Machine) -> Vec<Check> {
    let look = || parse(&machine.files.text("proc/stat").unwrap_or_default());
    let before = look();
    thread::sleep(SAMPLE);
    let after = look();
    vec![busy(&before, &after), stolen(&before, &after)]
}

/// One core's time in clock ticks (proc_stat(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    idle: u64,
    stolen: u64,
    all: u64,
}

impl Times {
    /// Shares of the time between: at work, and stolen.
    fn since(self, before: Times) -> Option<(f64, f64)> {
        let all = self.all.checked_sub(before.all).filter(|&all| all > 0)? as f64;
        let idle = self.idle.saturating_sub(before.idle) as f64 / all;
        let stolen = self.stolen.saturating_sub(before.stolen) as f64 / all;
        Some(((1.0 - idle - stolen).max(0.0), stolen))
    }
}

fn busy(before: &BTreeMap<String, Times>, after: &BTreeMap<String, Times>) -> Check {
    let at_work = shares(before, after).filter(|(_, (work, _))| *work >= BUSY);
    let at_work: Vec<String> = at_work.map(|(cpu, (work, _))| format!("{cpu} {:.0} %", work * 100.0)).collect();
    if at_work.is_empty() {
        return Check::ok("load", "no core is busy");
    }
    let why = "a poll loop that shares its core is away for milliseconds at a time, and loses frames";
    Check::found(Severity::Warning, "load", at_work.join(", "), why).mended_by("top -1 (find out who, and wait or end it)")
}

fn stolen(before: &BTreeMap<String, Times>, after: &BTreeMap<String, Times>) -> Check {
    let most = shares(before, after).map(|(_, (_, stolen))| stolen).fold(0.0, f64::max);
    if most < STOLEN {
        return Check::ok("stolen time", format!("{:.1} %", most * 100.0));
    }
    let why = "the hypervisor runs others on these cores: trials will have hiccups, and be marked invalid for them";
    Check::found(Severity::Warning, "stolen time", format!("{:.1} % of a core", most * 100.0), why)
}

fn shares<'a>(before: &'a BTreeMap<String, Times>, after: &'a BTreeMap<String, Times>) -> impl Iterator<Item = (&'a String, (f64, f64))> {
    after.iter().filter_map(|(cpu, times)| Some((cpu, times.since(*before.get(cpu)?)?)))
}

/// The cores of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. What follows (guest time) is contained in these.
fn parse(stat: &str) -> BTreeMap<String, Times> {
    let core = |line: &str| -> Option<(String, Times)> {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|name| name.starts_with("cpu") && name.len() > 3)?;
        let ticks: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
        let &[_, _, _, idle, waiting, _, _, stolen] = ticks.as_slice() else { return None };
        Some((name.to_owned(), Times { idle: idle + waiting, stolen, all: ticks.iter().sum() }))
    };
    stat.lines().filter_map(core).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 0 100 1000 50 0 10 5 0 0\ncpu1 100 0 100 1000 50 0 10 5 0 0\nintr 7\n";

    #[test]
    fn a_busy_core_is_named_and_an_idle_one_is_not() {
        // cpu0: 30 of 50 ticks at work; cpu1: 5 of 50, the rest idle or waiting.
        let after = parse("cpu0 120 0 110 1020 50 0 10 5 0 0\ncpu1 105 0 100 1040 55 0 10 5 0 0\n");
        let check = busy(&parse(BEFORE), &after);
        assert_eq!((check.severity, check.seen.as_str()), (Severity::Warning, "cpu0 60 %"));
        assert_eq!(stolen(&parse(BEFORE), &after).severity, Severity::Ok);
    }

    #[test]
    fn time_that_the_hypervisor_took_is_not_load() {
        let after = parse("cpu0 100 0 100 1040 50 0 10 15 0 0\ncpu1 100 0 100 1050 50 0 10 5 0 0\n");
        assert_eq!(busy(&parse(BEFORE), &after).severity, Severity::Ok);
        let check = stolen(&parse(BEFORE), &after);
        assert_eq!((check.severity, check.seen.as_str()), (Severity::Warning, "20.0 % of a core"));
    }

    #[test]
    fn no_time_between_the_looks_is_no_load() {
        assert_eq!(busy(&parse(BEFORE), &parse(BEFORE)).severity, Severity::Ok);
        assert_eq!(parse("cpu0 1 2\n"), BTreeMap::new());
    }
}
