use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where `ip netns` keeps its named namespaces (ip-netns(8)).
const NAMESPACES: &str = "/run/netns";

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
