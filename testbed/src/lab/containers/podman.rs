//! Containers of Podman. They have the files of this machine, above which each writes to a layer of its own, so that no image is needed.

use std::time::Duration;

use super::super::error::LabError;
use super::super::layout::LabEndpoint;
use super::super::name::LabName;
use super::container::{LabContainer, MEMORY_MIB, MadeBy, name_of};
use crate::process::{CommandSpec, Location, Output, ProcessError, find_program, run};

const PROGRAM: &str = "podman";

/// No command of Podman takes a tenth of this.
const LIMIT: Duration = Duration::from_secs(60);

/// Runtimes in the order in which they are tried; none is Podman's own choice. crun does not start a container where the machine has no version 2 of
/// control groups with systemd; runc does.
const RUNTIMES: [Option<&str>; 2] = [None, Some("runc")];

/// Starts the containers.
pub(super) fn start(lab: &LabName, planned: &[(LabEndpoint, Vec<u32>)]) -> Result<Vec<LabContainer>, LabError> {
    if find_program(PROGRAM).is_none() {
        return Err(LabError::NoPodman);
    }
    let version = podman(["--version"])?.stdout_text();
    let version = version.trim().replace("podman version", "podman");
    let names: Vec<String> = planned.iter().map(|(endpoint, _)| name_of(lab, endpoint)).collect();
    let mut refused = String::new();
    for runtime in RUNTIMES {
        match start_with(runtime, planned, &names)? {
            None => return described(&version, planned, names),
            Some(why) if refused.is_empty() => refused = why,
            Some(_) => {}
        }
        // A container that was created and did not start.
        remove(&names);
    }
    Err(LabError::ContainerRefused { message: refused })
}

/// Starts all containers with a runtime; otherwise gives why one did not start.
fn start_with(runtime: Option<&str>, planned: &[(LabEndpoint, Vec<u32>)], names: &[String]) -> Result<Option<String>, LabError> {
    for ((endpoint, cpus), name) in planned.iter().zip(names) {
        let output = podman(run_words(runtime, name, endpoint, cpus))?;
        if !output.success() {
            return Ok(Some(output.ending()));
        }
    }
    Ok(None)
}

fn run_words(runtime: Option<&str>, name: &str, endpoint: &LabEndpoint, cpus: &[u32]) -> Vec<String> {
    let mut words: Vec<String> = runtime.iter().flat_map(|runtime| ["--runtime", *runtime]).map(str::to_owned).collect();
    // DPDK needs raw access to ports, pinned memory and, for AF_XDP, BPF. The limits are those that any machine allows: Podman's own defaults can be
    // above those of its caller.
    words.extend(["run", "--detach", "--privileged", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"].map(str::to_owned));
    let cpu_list = cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let network = format!("ns:{}", endpoint.namespace.path().display());
    let memory = format!("{MEMORY_MIB}m");
    words.extend(["--name", name, "--network", &network, "--cpuset-cpus", &cpu_list, "--memory", &memory].map(str::to_owned));
    let sockets = endpoint.socket_dir.display();
    words.extend(["--volume".to_owned(), format!("{sockets}:{sockets}")]);
    // The program can be on another file system than the root.
    if let Ok(program) = std::env::current_exe() {
        let program = program.display();
        words.extend(["--volume".to_owned(), format!("{program}:{program}:ro")]);
    }
    words.extend(["--rootfs", "/:O", "/bin/sleep", "infinity"].map(str::to_owned));
    words
}

fn described(version: &str, planned: &[(LabEndpoint, Vec<u32>)], names: Vec<String>) -> Result<Vec<LabContainer>, LabError> {
    let asked = podman(["inspect", "--format", "{{.OCIRuntime}}"].map(str::to_owned).into_iter().chain(names.iter().take(1).cloned()))?;
    let runtime = asked.stdout_text();
    let version = match runtime.trim().rsplit('/').next() {
        Some(runtime) if !runtime.is_empty() && asked.success() => format!("{version} with {runtime}"),
        _ => version.to_owned(),
    };
    let containers = planned.iter().zip(names).map(|((endpoint, cpus), name)| LabContainer {
        endpoint: endpoint.id.clone(),
        name,
        cpus: cpus.clone(),
        memory_mib: Some(MEMORY_MIB),
        made_by: MadeBy::Podman { version: version.clone() },
    });
    Ok(containers.collect())
}

/// Removes containers, with the processes in them. Those that do not exist are no error: Podman is not asked where it is not installed.
pub(super) fn remove(names: &[String]) {
    if find_program(PROGRAM).is_none() {
        return;
    }
    let words = ["rm", "--force", "--ignore", "--time", "0"].map(str::to_owned);
    // What stays has a process in the lab's namespace, and then the namespace stays, with an error.
    let _ = podman(words.into_iter().chain(names.iter().cloned()));
}

fn podman<Word: Into<String>>(words: impl IntoIterator<Item = Word>) -> Result<Output, ProcessError> {
    let words = std::iter::once(PROGRAM.to_owned()).chain(words.into_iter().map(Into::into));
    run(&CommandSpec::new(Location::Here, words).with_timeout(LIMIT))
}
