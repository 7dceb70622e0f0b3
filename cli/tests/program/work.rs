//! A folder with a plan, and the run of it.

use std::path::PathBuf;
use std::process::Command;

use super::linerate;

/// A temporary folder with a plan; the run directory is in it.
pub struct Work {
    pub folder: tempfile::TempDir,
}

impl Work {
    pub fn new(plan: &str) -> Work {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
        Work { folder }
    }

    /// The run directory.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// The arguments of a run of the plan into the run directory, with these too.
    pub fn arguments(&self, more: &[&str]) -> Vec<String> {
        let [plan, out] = [self.folder.path().join("plan.toml"), self.out()].map(|path| path.display().to_string());
        [&["run"], more, &["--plan", &plan, "--out", &out]].concat().into_iter().map(str::to_owned).collect()
    }

    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = linerate();
        command.args(self.arguments(more));
        command
    }
}
