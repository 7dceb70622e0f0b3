use std::fs;
use std::path::PathBuf;

use nix::unistd::{Gid, Uid, User, geteuid};

/// The user who started this program with `sudo`. ssh runs as this user, with the keys, the known hosts and the agent that the user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokingUser {
    /// The IDs of the user and of the primary group.
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    name: String,
    home: PathBuf,
    /// Where the user's ssh-agent listens. sudo removes it from the environment.
    agent: Option<String>,
}

impl InvokingUser {
    /// From `SUDO_UID`; `None` where this process is not root, or was not started by another user.
    pub fn of_sudo() -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let number = std::env::var("SUDO_UID").ok()?.parse::<u32>().ok().filter(|&uid| uid != 0)?;
        let User { uid, gid, name, dir, .. } = User::from_uid(Uid::from_raw(number)).ok()??;
        let agent = std::env::var("SSH_AUTH_SOCK").ok().or_else(|| of_ancestors("SSH_AUTH_SOCK"));
        Some(InvokingUser { uid, gid, name, home: dir, agent })
    }

    /// Settings of the user's environment that ssh reads.
    pub(super) fn environment(&self) -> Vec<String> {
        let mut set = vec![format!("HOME={}", self.home.display()), format!("USER={}", self.name), format!("LOGNAME={}", self.name)];
        set.extend(self.agent.iter().map(|agent| format!("SSH_AUTH_SOCK={agent}")));
        set
    }
}

/// The value of an environment variable in the nearest ancestor of this process that has it.
fn of_ancestors(variable: &str) -> Option<String> {
    let prefix = format!("{variable}=");
    let mut pid = std::process::id();
    while pid > 1 {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        if let Some(value) = variables.find_map(|variable| variable.strip_prefix(&prefix).map(str::to_owned)) {
            return Some(value);
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        pid = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
    }
    None
}
