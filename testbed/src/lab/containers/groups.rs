//! Control groups with a CPU set and a memory limit, of version 1 or 2 (cgroups(7)).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::super::error::LabError;

/// How long the processes of a group may take to be gone after they were killed.
const REMOVAL_LIMIT: Duration = Duration::from_secs(5);

/// Control groups that were made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Their folders, one for each hierarchy.
    pub(super) folders: Vec<PathBuf>,
    /// Whether memory is limited.
    pub(super) limits_memory: bool,
}

/// Makes the groups of a container in every hierarchy that has a controller for it. What the machine has no controller for is left out: the CPU
/// set then is the affinity of each program, and memory is not limited.
pub(super) fn create(name: &str, cpus: &[u32], memory_mib: u64) -> Result<Made, LabError> {
    create_in(&Hierarchies::of_this_machine(), name, cpus, memory_mib)
}

/// Removes the groups of a container. Those that do not exist are no error.
pub(super) fn remove(name: &str) -> Result<(), LabError> {
    remove_from(&Hierarchies::of_this_machine(), name)
}

/// Where groups with a controller can be made.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hierarchies {
    cpuset: Option<PathBuf>,
    memory: Option<PathBuf>,
}

impl Hierarchies {
    fn of_this_machine() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        Hierarchies::of_mounts(&mounts, |root| fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default())
    }

    /// `for_children` gives the controllers that groups below a root of version 2 have. The root's setting belongs to the machine and is not changed.
    fn of_mounts(mounts: &str, for_children: impl Fn(&Path) -> String) -> Self {
        let mut found = Hierarchies::default();
        for line in mounts.lines() {
            let [_, place, kind, options, ..] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
            let controllers: Vec<String> = match kind {
                "cgroup" => options.split(',').map(str::to_owned).collect(),
                "cgroup2" => for_children(Path::new(place)).split_whitespace().map(str::to_owned).collect(),
                _ => continue,
            };
            let root = || Some(PathBuf::from(place));
            let has = |controller: &str| controllers.iter().any(|one| one == controller);
            if has("cpuset") {
                found.cpuset = found.cpuset.or_else(root);
            }
            if has("memory") {
                found.memory = found.memory.or_else(root);
            }
        }
        found
    }

    /// The folders of a group, each once.
    fn folders(&self, name: &str) -> Vec<PathBuf> {
        let mut roots: Vec<&PathBuf> = self.cpuset.iter().chain(&self.memory).collect();
        roots.dedup();
        roots.into_iter().map(|root| root.join(name)).collect()
    }
}

fn create_in(hierarchies: &Hierarchies, name: &str, cpus: &[u32], memory_mib: u64) -> Result<Made, LabError> {
    let folders = hierarchies.folders(name);
    for folder in &folders {
        fs::create_dir(folder).map_err(failure("make the control group", folder))?;
    }
    if let Some(root) = &hierarchies.cpuset {
        let group = root.join(name);
        // Version 1: a group takes no process before it has memory nodes (cpuset(7)).
        let nodes = fs::read_to_string(root.join("cpuset.mems")).unwrap_or_default();
        if !nodes.trim().is_empty() {
            set(&group.join("cpuset.mems"), nodes.trim())?;
        }
        let list = cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        set(&group.join("cpuset.cpus"), &list)?;
    }
    if let Some(root) = &hierarchies.memory {
        let group = root.join(name);
        let of_version_1 = group.join("memory.limit_in_bytes");
        let limit = if of_version_1.exists() { of_version_1 } else { group.join("memory.max") };
        set(&limit, &(memory_mib << 20).to_string())?;
    }
    Ok(Made { limits_memory: hierarchies.memory.is_some(), folders })
}

fn remove_from(hierarchies: &Hierarchies, name: &str) -> Result<(), LabError> {
    for folder in hierarchies.folders(name) {
        let deadline = Instant::now() + REMOVAL_LIMIT;
        loop {
            match fs::remove_dir(&folder) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                // EBUSY: a process that was killed is not gone yet.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(failure("remove the control group", &folder)(error)),
            }
        }
    }
    Ok(())
}

fn set(file: &Path, value: &str) -> Result<(), LabError> {
    fs::write(file, value).map_err(failure("set the limit", file))
}

fn failure(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LabError + use<> {
    let path = path.to_owned();
    move |source| LabError::ControlGroup { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_made_where_a_controller_is_and_nowhere_else() {
        let of = |mounts: &str, children: &str| Hierarchies::of_mounts(mounts, |_| children.to_owned());
        let version_1 = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n\
                         cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let both = of(version_1, "");
        assert_eq!(both.folders("x"), [PathBuf::from("/sys/fs/cgroup/cpuset/x"), PathBuf::from("/sys/fs/cgroup/memory/x")]);
        let version_2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        assert_eq!(of(version_2, "cpuset cpu memory pids\n").folders("x"), [PathBuf::from("/sys/fs/cgroup/x")]);
        let without_cpus = of(version_2, "memory pids\n");
        assert!(without_cpus.cpuset.is_none() && without_cpus.memory.is_some());
        assert_eq!(of(version_2, ""), Hierarchies::default());
        assert!(of(version_2, "").folders("x").is_empty());
    }

    #[test]
    fn limits_are_written_and_a_group_that_does_not_exist_is_removed_without_an_error() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("cpuset.mems"), "0\n").unwrap();
        let hierarchies = Hierarchies { cpuset: Some(root.path().to_owned()), memory: Some(root.path().to_owned()) };
        let made = create_in(&hierarchies, "x", &[1, 3], 16).unwrap();
        assert_eq!(made, Made { folders: vec![root.path().join("x")], limits_memory: true });
        let read = |file: &str| std::fs::read_to_string(root.path().join("x").join(file)).unwrap();
        assert_eq!(
            (read("cpuset.cpus"), read("cpuset.mems"), read("memory.max")),
            ("1,3".to_owned(), "0".to_owned(), "16777216".to_owned())
        );
        assert!(create_in(&hierarchies, "x", &[1], 16).is_err(), "a group that nobody of this lab made is not taken over");
        assert!(remove_from(&hierarchies, "y").is_ok());
    }
}
