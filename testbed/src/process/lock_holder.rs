use std::fs::{self, File};
use std::os::linux::fs::MetadataExt;

use nix::sys::stat::{major, minor};

/// The most of a run's name that is shown: a command line can be anybody's.
const LONGEST: usize = 160;

/// A process that holds a lock (flock(2)) on an open file, by `/proc/locks` (proc_locks(5)), with the run that started it. None where it cannot be seen.
pub(crate) fn lock_holder(file: &File) -> Option<String> {
    let metadata = file.metadata().ok()?;
    // Small inode numbers are those of many file systems: the device is compared, too.
    let own = format!("{:02x}:{:02x}:{}", major(metadata.st_dev()), minor(metadata.st_dev()), metadata.st_ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        // 1: FLOCK ADVISORY WRITE 708 08:01:2490405 0 EOF
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = words[..] else { return None };
        (place == own).then(|| pid.to_owned())
    })?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = command.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let run = words.iter().position(|word| word == "--for").and_then(|at| words.get(at + 1));
    Some(match run {
        Some(run) => format!("of {}, process {pid} there", run.chars().take(LONGEST).flat_map(char::escape_debug).collect::<String>()),
        None => format!("process {pid} there"),
    })
}
