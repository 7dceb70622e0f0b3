use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::container::Container;
use super::ssh::SshTarget;

/// Where `ip netns` keeps its named namespaces (ip-netns(8)).
const NAMESPACES: &str = "/run/netns";

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Directly on this machine.
    Here,
    /// On this machine, inside a named network namespace (`ip netns exec`).
    Namespace(NamespaceName),
    /// On another machine.
    Ssh(SshTarget),
    /// In a container or a pod.
    Container(Container),
}

impl Location {
    /// The machine: `None` for this one, however it is entered.
    pub fn machine(&self) -> Option<String> {
        match self {
            Location::Here | Location::Namespace(_) => None,
            Location::Ssh(_) | Location::Container(_) => Some(self.to_string()),
        }
    }

    /// Whether programs there are processes of this machine that this process can see, signal and wait for.
    pub fn is_here(&self) -> bool {
        matches!(self, Location::Here | Location::Namespace(_))
    }

    /// Whether a command can be run there without a new login.
    pub(crate) fn is_connected(&self) -> bool {
        match self {
            Location::Here | Location::Namespace(_) | Location::Container(_) => true,
            Location::Ssh(target) => target.is_connected(),
        }
    }

    /// The words that go before each command there, to run it as another user. None on this machine.
    pub fn become_words(&self) -> &[String] {
        match self {
            Location::Here | Location::Namespace(_) => &[],
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
            Location::Ssh(target) => target.fmt(f),
            Location::Container(container) => container.fmt(f),
        }
    }
}

/// The name of a network namespace, as `ip netns` knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamespaceName(String);

impl NamespaceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file that stands for the namespace.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(NAMESPACES).join(&self.0)
    }

    /// Whether the namespace exists on this machine.
    pub fn exists(&self) -> bool {
        self.path().exists()
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<NamespaceName> for String {
    fn from(name: NamespaceName) -> String {
        name.0
    }
}

/// The text cannot name a network namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a network namespace: use letters, digits, `-`, `_` and `.`, not starting with `-` or `.` (`ip netns list` shows those that exist)"
)]
pub struct NotANamespaceName(String);

impl TryFrom<String> for NamespaceName {
    type Error = NotANamespaceName;

    /// Stricter than `ip netns`, so that a name is one word in every shell and cannot leave its directory.
    fn try_from(name: String) -> Result<Self, NotANamespaceName> {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if plain && starts_well && name.len() <= 255 { Ok(NamespaceName(name)) } else { Err(NotANamespaceName(name)) }
    }
}

impl FromStr for NamespaceName {
    type Err = NotANamespaceName;

    fn from_str(name: &str) -> Result<Self, NotANamespaceName> {
        NamespaceName::try_from(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_name_is_one_plain_word() {
        for good in ["lr-1f-a-cpu", "blue", "x.y_z", "_"] {
            assert!(good.parse::<NamespaceName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-all", "a/b", "a b", "a;b", "é"] {
            assert!(bad.parse::<NamespaceName>().is_err(), "{bad}");
        }
    }
}
