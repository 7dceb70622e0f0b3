use std::io;
use std::path::PathBuf;

use super::name::LabName;
use crate::process::{NamespaceName, ProcessError};

/// A lab could not be made, found or taken down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// This process lacks the rights to make namespaces.
    #[error(
        "a lab needs the rights to make network namespaces and interfaces, but this process lacks {missing}: run it with sudo, or as root in a container that has {missing}"
    )]
    NotPermitted {
        /// The capabilities that are missing (capabilities(7)).
        missing: String,
    },
    /// A lab of this name is up.
    #[error("lab {name} already exists: choose another name, or take it down with `linerate lab down --name {name}`")]
    NameTaken {
        /// The name.
        name: LabName,
    },
    /// A namespace of the name exists, and no lab made it.
    #[error(
        "the network namespace {namespace} exists and no lab made it: choose another name for the lab, or remove it yourself with `ip netns delete {namespace}`"
    )]
    NamespaceTaken {
        /// The namespace.
        namespace: NamespaceName,
    },
    /// There is no lab of this name.
    #[error("lab {name} does not exist: {}", known_labs(.known))]
    NoSuchLab {
        /// The name.
        name: LabName,
        /// The labs that there are.
        known: Vec<String>,
    },
    /// A living process uses the lab.
    #[error("lab {name} is in use by process {process}: end that first, or use `linerate lab down --name {name} --force`")]
    InUse {
        /// The lab.
        name: LabName,
        /// The process that made it.
        process: u32,
    },
    /// A command measures in the lab.
    #[error(
        "lab {name} is used by another command (`fuser -v {}` shows its process): wait for its end, or use `linerate lab down --name {name} --force`", .directory.display()
    )]
    Used {
        /// The lab.
        name: LabName,
        /// The directory that the command has locked.
        directory: PathBuf,
    },
    /// The lab is being taken down.
    #[error("lab {name} is being taken down by another command: make a lab with `linerate lab up`")]
    BeingRemoved {
        /// The lab.
        name: LabName,
    },
    /// The user ended it.
    #[error("interrupted while lab {name} was being made; the lab was removed again")]
    Interrupted {
        /// The lab.
        name: LabName,
    },
    /// The lab is not whole.
    #[error("lab {name} cannot be used, {reason}: take it down with `linerate lab down --name {name}` and make it again")]
    Broken {
        /// The lab.
        name: LabName,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that the lab needs could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// iproute2 refused.
    #[error("cannot {what}: ip reports: {message}")]
    Refused {
        /// What was being done.
        what: String,
        /// What `ip` wrote.
        message: String,
    },
    /// A bridge did not start to forward.
    #[error("the bridges of lab {name} do not forward after {waited_s} s: `bridge -n {namespace} link` shows the state of the ports")]
    NotForwarding {
        /// The lab.
        name: LabName,
        /// Where the bridge is.
        namespace: NamespaceName,
        /// Seconds waited.
        waited_s: u64,
    },
    /// Podman is not installed.
    #[error("a lab of containers needs podman, which is not installed: sudo apt-get install podman")]
    NoPodman,
    /// Podman could not start a container.
    #[error("podman cannot start a container on this machine: {message}")]
    ContainerRefused {
        /// What it reported.
        message: String,
    },
    /// QEMU is not installed.
    #[error("a lab of virtual machines needs QEMU, which is not installed: sudo apt-get install qemu-system-x86 mmdebstrap")]
    NoQemu,
    /// testpmd is not installed.
    #[error("a lab of virtual machines joined by vhost-user needs dpdk-testpmd, which is not installed: sudo apt-get install dpdk")]
    NoTestpmd,
    /// A guest could not be made or started.
    #[error("the virtual machines of the lab could not be started: {message}")]
    NoGuests {
        /// What was reported.
        message: String,
    },
    /// A control group could not be made, set or removed.
    #[error("cannot {what} {}: {source}", .path.display())]
    ControlGroup {
        /// What was being done.
        what: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// IPv6 could not be turned off in a namespace.
    #[error("cannot turn off IPv6 in {namespace}: {source}")]
    Ipv6 {
        /// The namespace.
        namespace: NamespaceName,
        /// Why.
        source: io::Error,
    },
    /// The list of labs cannot be read or written.
    #[error("cannot {what} {}: {source}; labs are registered there, and only root may write to it", .path.display())]
    Register {
        /// What was being done.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something of a lab could not be removed.
    #[error("lab {name} could not be removed, the namespace {namespace} stays: {message}; `ip netns delete {namespace}` may say more")]
    Stays {
        /// The lab.
        name: LabName,
        /// The namespace.
        namespace: NamespaceName,
        /// What `ip` wrote.
        message: String,
    },
}

fn known_labs(known: &[String]) -> String {
    match known {
        [] => "none is up; `linerate lab up` makes one".to_owned(),
        names => format!("these are up: {}", names.join(", ")),
    }
}
