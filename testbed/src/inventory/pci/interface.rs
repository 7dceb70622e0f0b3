use methodology::units::LinkSpeed;
use reporter::environment::KernelFiles;
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

/// Interfaces with an IPv4 default route: destination and mask 0 in `/proc/net/route`.
pub(super) fn default_route_interfaces(files: &KernelFiles) -> Vec<String> {
    let table = files.text("proc/net/route").unwrap_or_default();
    let is_default = |fields: &[&str]| fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|fields| is_default(fields)).filter_map(|fields| fields.first().map(|name| (*name).to_owned())).collect()
}
