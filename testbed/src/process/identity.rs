use procfs::process::{Process, Stat};
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
        stat(pid).map(|stat| ProcessIdentity { pid, started_ticks: stat.starttime })
    }

    /// Whether the process still exists. One that has ended but was not waited for (a zombie) does not.
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.starttime == self.started_ticks && !has_ended(&stat))
    }

    /// All processes that descend from this one, itself left out.
    pub(crate) fn descendants(self) -> Vec<ProcessIdentity> {
        let everyone: Vec<(u32, Stat)> = process_numbers().filter_map(|pid| Some((pid, stat(pid)?))).collect();
        let mut family = vec![self.pid];
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            for (pid, stat) in
                everyone.iter().filter(|(pid, stat)| u32::try_from(stat.ppid) == Ok(parent) && !family.contains(pid)).collect::<Vec<_>>()
            {
                family.push(*pid);
                found.push(ProcessIdentity { pid: *pid, started_ticks: stat.starttime });
            }
            next += 1;
        }
        found
    }
}

/// The numbers of all processes that `/proc` shows.
pub(crate) fn process_numbers() -> impl Iterator<Item = u32> {
    let processes = procfs::process::all_processes().into_iter().flatten();
    processes.filter_map(|process| u32::try_from(process.ok()?.pid).ok())
}

/// What `/proc/PID/stat` says; `None` if there is no such process.
fn stat(pid: u32) -> Option<Stat> {
    Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()
}

fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_number_with_another_start_is_not() {
        let me = ProcessIdentity::current().unwrap();
        assert!(me.is_alive());
        assert!(!ProcessIdentity { started_ticks: me.started_ticks + 1, ..me }.is_alive());
    }

    #[test]
    fn a_process_with_brackets_and_spaces_in_its_name_is_a_descendant() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a) (b c");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program).arg("60").spawn().unwrap();
        let found = ProcessIdentity::of(child.id()).unwrap();
        assert!(found.is_alive() && ProcessIdentity::current().unwrap().descendants().contains(&found));
        child.kill().unwrap();
        // Killed and not waited for: a zombie.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while found.is_alive() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(!found.is_alive());
        child.wait().unwrap();
    }
}
