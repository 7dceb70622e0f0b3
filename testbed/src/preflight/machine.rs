use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reporter::environment::KernelFiles;

use crate::process::{CommandSpec, Location, run};

/// No program that is asked for its version or for a setting takes this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// What a program answered: its standard output followed by its standard error. `None`: it is not installed, or gave no answer.
type Ask = dyn Fn(&[&str]) -> Option<String> + Send + Sync;

/// The machine that is checked: its `/proc` and `/sys`, and what its programs answer.
pub struct Machine {
    root: PathBuf,
    pub(super) files: KernelFiles,
    ask: Box<Ask>,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        Machine::imitated(Path::new("/"), ask_program)
    }

    /// An imitation: the trees below `root`, and a function that answers for the programs.
    pub fn imitated(root: &Path, ask: impl Fn(&[&str]) -> Option<String> + Send + Sync + 'static) -> Self {
        Machine { root: root.to_owned(), files: KernelFiles::below(root), ask: Box::new(ask) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this process is in a container: the files that Podman, Docker and Kubernetes make there, or the variable `container` of the first process,
    /// which Podman, LXC and systemd-nspawn set.
    ///
    /// Docker's file counts only where the root is not a disk of the machine: the disks of some virtual machines are made from images of containers.
    pub(super) fn is_container(&self) -> bool {
        let files = ["run/.containerenv", "run/secrets/kubernetes.io", "var/run/secrets/kubernetes.io"];
        let environment = self.files.text("proc/1/environ").unwrap_or_default();
        files.iter().any(|file| self.files.exists(file))
            || environment.split('\0').any(|variable| variable.starts_with("container="))
            || (self.files.exists(".dockerenv") && !self.root_is_a_disk())
    }

    fn root_is_a_disk(&self) -> bool {
        let mounts = self.files.text("proc/self/mounts").unwrap_or_default();
        let mut roots = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|fields| fields.get(1) == Some(&"/"));
        roots.any(|fields| fields.first().is_some_and(|device| device.starts_with("/dev/") && !device.contains("docker")))
    }

    pub(super) fn ask(&self, command: &[&str]) -> Option<String> {
        (self.ask)(command)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("root", &self.root).finish_non_exhaustive()
    }
}

fn ask_program(command: &[&str]) -> Option<String> {
    let output = run(&CommandSpec::new(Location::Here, command.iter().copied()).with_timeout(ANSWER_LIMIT)).ok()?;
    Some(output.stdout_text() + &output.stderr_text())
}
