use std::path::PathBuf;

use super::namespace::NamespaceName;

/// A program joins control groups by writing its process number into the file of each (cgroups(7)): the arguments before `--` are the folders.
/// It starts what follows only in all of them.
const JOIN: &str = r#"while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 126; shift; done; shift; exec "$@""#;

/// A network namespace with a CPU set and a memory limit: what a container engine makes, without the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// The network namespace.
    pub namespace: NamespaceName,
    /// The CPUs that programs may use.
    pub cpus: Vec<u32>,
    /// The folders of the control groups that they join. One for each hierarchy; none where the machine has no controller for them.
    pub groups: Vec<PathBuf>,
}

impl Confinement {
    /// The words before a program that joins the control groups. They must run before `ip netns exec`, which hides /sys/fs/cgroup.
    pub(super) fn join_words(&self) -> Vec<String> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let mut words: Vec<String> = ["/bin/sh", "-c", JOIN, "join"].map(str::to_owned).to_vec();
        words.extend(self.groups.iter().map(|group| group.display().to_string()));
        words.push("--".to_owned());
        words
    }

    /// The CPU set as `taskset` reads it.
    pub(super) fn cpu_list(&self) -> String {
        self.cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_joins_every_group_before_it_starts_and_does_not_start_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let groups: Vec<PathBuf> = ["cpuset", "memory"].map(|name| folder.path().join(name)).to_vec();
        groups.iter().for_each(|group| std::fs::create_dir(group).unwrap());
        let confinement = Confinement { namespace: "x".parse().unwrap(), cpus: vec![0, 2], groups: groups.clone() };
        assert_eq!(confinement.cpu_list(), "0,2");
        let run = |confinement: &Confinement| {
            let mut words = confinement.join_words();
            words.extend(["printf", "%s", "a b", "--"].map(str::to_owned));
            std::process::Command::new(&words[0]).args(&words[1..]).output().unwrap()
        };
        assert_eq!(run(&confinement).stdout, b"a b--");
        for group in &groups {
            let joined = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
            assert!(joined.trim().parse::<u32>().is_ok(), "{joined}");
        }
        let gone = Confinement { groups: vec![folder.path().join("gone")], ..confinement };
        let refused = run(&gone);
        assert_eq!((refused.status.code(), refused.stdout), (Some(126), Vec::new()));
    }
}
