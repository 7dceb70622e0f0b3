use std::path::{Path, PathBuf};

use super::name::LabName;

/// One directory for each lab; in memory, gone with a reboot as the namespaces are.
pub(super) const ROOT: &str = "/run/linerate";

/// The directory of a lab: its registration and its sockets.
pub(super) fn directory(name: &LabName) -> PathBuf {
    Path::new(ROOT).join(name.as_str())
}
