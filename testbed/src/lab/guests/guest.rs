use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reporter::record::EndpointId;
use serde::{Deserialize, Serialize};

use super::super::directory::directory;
use super::super::name::LabName;
use crate::process::{Location, NamespaceName, SshTarget};

/// How long the connection to a guest may take: an emulated processor needs seconds for the keys alone.
const CONNECT_LIMIT: Duration = Duration::from_secs(60);

/// A virtual machine of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabGuest {
    /// The endpoint that it is.
    pub endpoint: EndpointId,
    /// Its address for ssh, on a card that no measurement uses.
    pub management: Ipv4Addr,
    /// The kernel interface that has the endpoint's address.
    pub interface: String,
    /// The PCI address of the card for DPDK.
    pub port: String,
    /// The socket of that card, on which QEMU listens, where vhost-user carries its frames and not a tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vhost_user: Option<PathBuf>,
    /// The CPUs of its poll loops.
    pub cpus: Vec<u32>,
    /// What runs it: QEMU's version, and whether the processor is emulated.
    pub machine: GuestMachine,
}

/// What runs the virtual machines of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestMachine {
    /// QEMU's version.
    pub version: String,
    /// What executes the guest's instructions.
    pub accelerator: Accelerator,
    /// Whether the host's kernel carries the frames of the kernel's card (vhost-net); otherwise QEMU does.
    pub vhost_net: bool,
}

/// What executes a guest's instructions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Accelerator {
    /// The processor, through KVM.
    Kvm,
    /// QEMU, instruction by instruction.
    Emulation {
        /// Why KVM is not used.
        reason: String,
    },
}

impl GuestMachine {
    /// What it is, for reports.
    pub fn describe(&self) -> String {
        let Self { version, accelerator, vhost_net } = self;
        let network = if *vhost_net { "vhost-net" } else { "virtio-net of QEMU, without vhost-net" };
        match accelerator {
            Accelerator::Kvm => format!("{version} with KVM, {network}"),
            Accelerator::Emulation { reason } => format!("{version}, software emulation ({reason}), {network}"),
        }
    }

    /// What makes the guests slower than they could be, and what to do about it: one line each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Accelerator::Emulation { reason } = &self.accelerator {
            notes.push(format!("the guests are emulated, and their speed is not judged: {reason}"));
        }
        if !self.vhost_net {
            notes.push(
                "/dev/vhost-net cannot be opened, and QEMU carries the frames of the kernel's card itself: sudo modprobe vhost_net"
                    .to_owned(),
            );
        }
        notes
    }

    /// Whether the figures say anything about speed.
    pub fn is_emulated(&self) -> bool {
        self.accelerator != Accelerator::Kvm
    }
}

impl LabGuest {
    /// How it is reached: ssh from the namespace of its host, with the keys of this lab.
    pub(crate) fn location(&self, lab: &LabName, host: &NamespaceName) -> Location {
        let mut target = SshTarget::new(format!("root@{}", self.management));
        target.options = ssh_options(&directory(lab));
        target.connect_timeout = CONNECT_LIMIT;
        target.from = Some(host.clone());
        Location::Ssh(target)
    }

    /// The command that opens a shell in it.
    pub fn shell_command(&self, lab: &LabName, host: &NamespaceName) -> String {
        format!("sudo ip netns exec {host} ssh {} root@{}", ssh_options(&directory(lab)).join(" "), self.management)
    }
}

/// The key of a lab, and the host keys of its guests.
pub(super) fn key_file(lab: &Path) -> PathBuf {
    lab.join("key")
}

/// The host keys of the guests, as ssh reads them.
pub(super) fn known_hosts(lab: &Path) -> PathBuf {
    lab.join("known_hosts")
}

/// The socket of a guest's card for DPDK.
pub(super) fn vhost_user_socket(lab: &Path, endpoint: &EndpointId) -> PathBuf {
    lab.join(format!("{endpoint}.vhost"))
}

fn ssh_options(lab: &Path) -> Vec<String> {
    let mut options = vec!["-i".to_owned(), key_file(lab).display().to_string()];
    for setting in [
        "IdentitiesOnly=yes".to_owned(),
        format!("UserKnownHostsFile={}", known_hosts(lab).display()),
        "StrictHostKeyChecking=yes".to_owned(),
    ] {
        options.extend(["-o".to_owned(), setting]);
    }
    options
}
