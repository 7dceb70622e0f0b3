use methodology::units::LinkSpeed;
use serde::Serialize;

/// A kernel interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// The link's speed, where it is up and says.
    pub speed: Option<LinkSpeed>,
    /// Its MTU in bytes.
    pub mtu: Option<u32>,
    /// Whether the default route leaves through it.
    pub has_default_route: bool,
}
