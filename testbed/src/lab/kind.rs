use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the endpoints of a lab are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabKind {
    /// Four network namespaces that stand for two hosts with a SmartNIC each.
    #[default]
    Smartnic,
    /// Two containers, and two network namespaces that stand for their hosts.
    Container,
    /// Two virtual machines of this machine.
    Vm,
}

impl LabKind {
    /// All of them.
    pub const ALL: [LabKind; 3] = [LabKind::Smartnic, LabKind::Container, LabKind::Vm];

    /// The name on the command line and in records.
    pub const fn name(self) -> &'static str {
        match self {
            LabKind::Smartnic => "smartnic",
            LabKind::Container => "container",
            LabKind::Vm => "vm",
        }
    }
}

impl fmt::Display for LabKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text does not name a kind of lab.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of lab: use one of smartnic, container, vm")]
pub struct NotALabKind(String);

impl FromStr for LabKind {
    type Err = NotALabKind;

    fn from_str(text: &str) -> Result<Self, NotALabKind> {
        LabKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| NotALabKind(text.to_owned()))
    }
}

/// What joins the DPDK cards of a lab's virtual machines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestPath {
    /// A tap for each card, and a bridge of the kernel.
    #[default]
    Bridge,
    /// Memory that QEMU shares with testpmd on the host: vhost-user.
    VhostUser,
}

impl GuestPath {
    /// All of them.
    pub const ALL: [GuestPath; 2] = [GuestPath::Bridge, GuestPath::VhostUser];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            GuestPath::Bridge => "bridge",
            GuestPath::VhostUser => "vhost-user",
        }
    }
}

/// The text does not name what joins the cards of virtual machines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot join the DPDK cards of a lab's virtual machines: use bridge or vhost-user")]
pub struct NotAGuestPath(String);

impl FromStr for GuestPath {
    type Err = NotAGuestPath;

    fn from_str(text: &str) -> Result<Self, NotAGuestPath> {
        GuestPath::ALL.into_iter().find(|path| path.name() == text).ok_or_else(|| NotAGuestPath(text.to_owned()))
    }
}

/// What makes the containers of a lab.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerChoice {
    /// Podman where it can start a container; otherwise network namespaces with control groups.
    #[default]
    Best,
    /// Podman, and an error where it cannot start a container.
    Podman,
    /// Network namespaces with control groups.
    Namespaces,
}

impl fmt::Display for ContainerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContainerChoice::Best => "podman where it can start a container",
            ContainerChoice::Podman => "podman",
            ContainerChoice::Namespaces => "namespaces",
        })
    }
}

/// The text does not name what makes containers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot make the containers of a lab: use podman or namespaces")]
pub struct NotAContainerChoice(String);

impl FromStr for ContainerChoice {
    type Err = NotAContainerChoice;

    fn from_str(text: &str) -> Result<Self, NotAContainerChoice> {
        match text {
            "podman" => Ok(ContainerChoice::Podman),
            "namespaces" => Ok(ContainerChoice::Namespaces),
            other => Err(NotAContainerChoice(other.to_owned())),
        }
    }
}
