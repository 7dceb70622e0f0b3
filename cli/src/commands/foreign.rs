//! Run directories of other users. A run that is continued executes what its plan and its testbed name, often as root: the programs at the endpoints,
//! commands of `become`, options of ssh, the command that resets the device.

use std::fs;
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use reporter::archive::{PLAN_FILE, TESTBED_FILE};

use super::CommandError;

/// Asks before a directory of someone else is executed. Without a terminal it is refused.
pub fn ask_before_executing(directory: &Path) -> Result<(), CommandError> {
    let Some((file, owner)) = foreign(directory) else { return Ok(()) };
    let whose = format!(
        "{} belongs to user {owner}, and continuing the run executes what {PLAN_FILE} and {TESTBED_FILE} name as user {}",
        file.display(),
        geteuid()
    );
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::new(format!(
            "{whose}; read both files, then run this on a terminal, or copy the directory to be its owner"
        )));
    }
    for name in [PLAN_FILE, TESTBED_FILE] {
        let text = fs::read_to_string(directory.join(name)).unwrap_or_default();
        let executed = text.lines().filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            ["command", "program", "become", "reach", "ssh_options"].contains(&key)
        });
        executed.for_each(|line| eprintln!("{name}: {}", line.trim()));
    }
    eprintln!("{whose}. Continue? [y/N]");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(CommandError::new("not continued")),
    }
}

/// The first of the files that are executed which belongs to another user than the one who calls, and that user.
fn foreign(directory: &Path) -> Option<(PathBuf, u32)> {
    let sudo = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    let mine = |uid: u32| uid == geteuid().as_raw() || Some(uid) == sudo || uid == 0;
    let files = std::iter::once(directory.to_owned()).chain([PLAN_FILE, TESTBED_FILE].map(|name| directory.join(name)));
    files.filter_map(|file| Some((file.clone(), fs::symlink_metadata(&file).ok()?.uid()))).find(|(_, uid)| !mine(*uid))
}

/// Gives what a run under sudo made to the user who started it.
pub fn give_back(directory: &Path) {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u32>().ok());
    if let (true, Some(uid), Some(gid)) = (geteuid().is_root(), number("SUDO_UID"), number("SUDO_GID")) {
        give(directory, uid, gid);
    }
}

/// Symbolic links are not followed. A file that cannot be given stays with root.
fn give(path: &Path, uid: u32, gid: u32) {
    let _ = std::os::unix::fs::lchown(path, Some(uid), Some(gid));
    let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    for entry in fs::read_dir(path).into_iter().filter(|_| is_folder).flatten().flatten() {
        give(&entry.path(), uid, gid);
    }
}
