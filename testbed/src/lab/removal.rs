use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::containers;
use super::error::LabError;
use super::kernel;
use super::layout::LabLayout;
use super::name::LabName;
use super::register::Locked;
use crate::process::{NamespaceName, ProcessIdentity, process_numbers};

/// How long processes in a lab have to end by themselves.
const GRACE: Duration = Duration::from_millis(500);
/// How long killed processes may take to be gone.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Removes a lab: the processes inside it, its containers, its namespaces (the links go with them), its directory. `layouts` are what it may have.
pub(super) fn remove(locked: &Locked, name: &LabName, layouts: &[LabLayout]) -> Result<(), LabError> {
    let mut namespaces: Vec<NamespaceName> = layouts.iter().flat_map(LabLayout::namespaces).collect();
    namespaces.sort();
    namespaces.dedup();
    // The engine ends the processes of its containers itself, and at once.
    layouts.iter().for_each(containers::remove_from_engine);
    end_processes(&namespaces);
    layouts.iter().try_for_each(containers::remove_groups)?;
    let message = kernel::delete_namespaces(namespaces.iter().filter(|namespace| namespace.exists()))?;
    match namespaces.into_iter().find(NamespaceName::exists) {
        // The registration stays too, so that it can be tried again.
        Some(namespace) => Err(LabError::Stays { name: name.clone(), namespace, message: message.trim().to_owned() }),
        None => locked.unregister(name),
    }
}

/// The processes whose network namespace this is: what `ip netns pids` lists. The calling process is left out.
pub(super) fn processes_in(namespaces: &[NamespaceName]) -> Vec<ProcessIdentity> {
    let ours: Vec<(u64, u64)> = namespaces.iter().filter_map(|namespace| file_identity(&namespace.path())).collect();
    if ours.is_empty() {
        return Vec::new();
    }
    let inside = |pid: &u32| file_identity(Path::new(&format!("/proc/{pid}/ns/net"))).is_some_and(|identity| ours.contains(&identity));
    process_numbers().filter(|&pid| pid != std::process::id()).filter(inside).filter_map(ProcessIdentity::of).collect()
}

fn end_processes(namespaces: &[NamespaceName]) {
    for (signal, limit) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, KILL_LIMIT)] {
        let deadline = Instant::now() + limit;
        let mut signalled: Vec<ProcessIdentity> = Vec::new();
        loop {
            // Asked again each time: they may have started others.
            let inside: Vec<ProcessIdentity> = processes_in(namespaces).into_iter().filter(|process| process.is_alive()).collect();
            if inside.is_empty() {
                return;
            }
            for process in inside.iter().filter(|process| !signalled.contains(process)) {
                if let Ok(pid) = i32::try_from(process.pid) {
                    let _ = kill(Pid::from_raw(pid), signal);
                }
            }
            signalled.extend(inside);
            if Instant::now() >= deadline {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A namespace is its inode in the kernel's own file system (namespaces(7)).
fn file_identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
