use std::fmt;

use super::confinement::Confinement;
use super::container::Container;
use super::namespace::NamespaceName;
use super::ssh::SshTarget;

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Directly on this machine.
    Here,
    /// On this machine, inside a named network namespace (`ip netns exec`).
    Namespace(NamespaceName),
    /// On this machine, inside a named network namespace, with a CPU set and a memory limit.
    Confined(Confinement),
    /// On another machine.
    Ssh(SshTarget),
    /// In a container or a pod.
    Container(Container),
}

impl Location {
    /// The network namespace of this machine, where it is not that of this process.
    pub fn namespace(&self) -> Option<&NamespaceName> {
        match self {
            Location::Namespace(name) => Some(name),
            Location::Confined(confinement) => Some(&confinement.namespace),
            Location::Here | Location::Ssh(_) | Location::Container(_) => None,
        }
    }

    /// The machine: `None` for this one, however it is entered.
    pub fn machine(&self) -> Option<String> {
        match self {
            Location::Here | Location::Namespace(_) | Location::Confined(_) => None,
            Location::Ssh(_) | Location::Container(_) => Some(self.to_string()),
        }
    }

    /// Whether programs there are processes of this machine that this process can see, signal and wait for.
    pub fn is_here(&self) -> bool {
        matches!(self, Location::Here | Location::Namespace(_) | Location::Confined(_))
    }

    /// Whether a command can be run there without a new login.
    pub(crate) fn is_connected(&self) -> bool {
        match self {
            Location::Here | Location::Namespace(_) | Location::Confined(_) | Location::Container(_) => true,
            Location::Ssh(target) => target.is_connected(),
        }
    }

    /// The words that go before each command there, to run it as another user. None on this machine.
    pub fn become_words(&self) -> &[String] {
        match self {
            Location::Here | Location::Namespace(_) | Location::Confined(_) => &[],
            Location::Ssh(target) => &target.r#become,
            Location::Container(container) => &container.r#become,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Here => f.write_str("this machine"),
            Location::Namespace(name) => write!(f, "network namespace {name}"),
            Location::Confined(confinement) => write!(f, "network namespace {}", confinement.namespace),
            Location::Ssh(target) => target.fmt(f),
            Location::Container(container) => container.fmt(f),
        }
    }
}
