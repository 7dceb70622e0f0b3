use std::fs;

use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for a later one with the same number: the kernel gives numbers out again, but not in the same tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process number.
    pub pid: u32,
    /// When it started, in clock ticks since boot (proc_pid_stat(5), field 22).
    pub started_ticks: u64,
}

impl ProcessIdentity {
    /// The calling process.
    pub fn current() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// The process that has this number now; `None` if there is none.
    pub fn of(pid: u32) -> Option<Self> {
        stat(pid).map(|stat| ProcessIdentity { pid, started_ticks: stat.started_ticks })
    }

    /// Whether the process still exists. One that has ended but was not waited for (a zombie) does not.
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started_ticks == self.started_ticks && !stat.ended)
    }

    /// All processes that descend from this one, itself left out.
    pub(crate) fn descendants(self) -> Vec<ProcessIdentity> {
        let everyone: Vec<(u32, Stat)> = process_numbers().filter_map(|pid| Some((pid, stat(pid)?))).collect();
        let mut family = vec![self.pid];
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            for (pid, stat) in everyone.iter().filter(|(pid, stat)| stat.parent == parent && !family.contains(pid)).collect::<Vec<_>>() {
                family.push(*pid);
                found.push(ProcessIdentity { pid: *pid, started_ticks: stat.started_ticks });
            }
            next += 1;
        }
        found
    }
}

/// The numbers of all processes that `/proc` shows.
pub(crate) fn process_numbers() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    started_ticks: u64,
    ended: bool,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The program's name stands in brackets and may itself hold brackets and spaces: what follows the last one counts.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    // `fields` starts with field 3, the state; field 4 is the parent, field 22 the start time.
    Some(Stat {
        ended: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        started_ticks: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let text = "42 (a) (b c)) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 1 1 1";
        assert_eq!(parse_stat(text), Some(Stat { parent: 7, started_ticks: 987_654, ended: false }));
        assert_eq!(parse_stat("42 (a"), None);
    }

    #[test]
    fn this_process_is_alive_and_its_number_with_another_start_is_not() {
        let me = ProcessIdentity::current().unwrap();
        assert!(me.is_alive());
        assert!(!ProcessIdentity { started_ticks: me.started_ticks + 1, ..me }.is_alive());
    }
}
