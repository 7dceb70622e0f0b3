use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Keeps the path of a socket in the lab's directory far below the 107 bytes of unix(7).
const LONGEST: usize = 24;

/// The name of a lab.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

impl LabName {
    /// A name that no other lab has: six random hexadecimal digits.
    pub fn random() -> Self {
        let random = RandomState::new().build_hasher().finish();
        LabName(format!("{:06x}", random & 0xff_ffff))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text cannot name a lab.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot name a lab: use 1 to {LONGEST} small letters, digits and `-`, starting with a letter or a digit")]
pub struct NotALabName(String);

impl TryFrom<String> for LabName {
    type Error = NotALabName;

    fn try_from(name: String) -> Result<Self, NotALabName> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = (1..=LONGEST).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-');
        if good { Ok(LabName(name)) } else { Err(NotALabName(name)) }
    }
}

impl FromStr for LabName {
    type Err = NotALabName;

    fn from_str(name: &str) -> Result<Self, NotALabName> {
        LabName::try_from(name.to_owned())
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> String {
        name.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
