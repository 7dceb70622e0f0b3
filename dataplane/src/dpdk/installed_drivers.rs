//! The drivers that the installed DPDK has: EAL loads every library of one folder.

use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};

use dpdk_sys as sys;

/// The folder that EAL loads drivers from (RTE_EAL_PMD_PATH); `None` where DPDK has none, because drivers are linked in.
fn folder() -> Option<PathBuf> {
    // SAFETY: DPDK is loaded before EAL is started; the text is a literal.
    let text = unsafe { CStr::from_ptr(sys::lr_driver_directory()) }.to_str().unwrap_or_default();
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// Whether DPDK has the driver or bus `name`, such as `net_null` or `bus_auxiliary`.
pub(super) fn has(name: &str) -> bool {
    match sys::static_libraries() {
        Some(libraries) => libraries.contains(&name),
        None => folder().is_none_or(|folder| contains(&folder, name)),
    }
}

/// The sentence for an error where the driver `name` is not installed.
pub(super) fn note_if_missing(name: &str) -> Option<String> {
    // The two drivers of virtio are one library.
    let name = if name == "net_virtio_user" { "net_virtio" } else { name };
    if has(name) {
        return None;
    }
    if sys::static_libraries().is_some() {
        return Some(format!(
            "the DPDK in linerate (static) has no driver {name}: build a DPDK with it (scripts/build-dpdk --drivers) and linerate with that"
        ));
    }
    let folder = folder()?;
    Some(format!(
        "the installed DPDK has no driver {name}: there is no librte_{name}.so in {}. Install DPDK's drivers (on Debian and Ubuntu: apt install dpdk)",
        folder.display()
    ))
}

fn contains(folder: &Path, name: &str) -> bool {
    let start = format!("librte_{name}.so");
    fs::read_dir(folder).into_iter().flatten().flatten().any(|file| file.file_name().to_string_lossy().starts_with(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_a_library_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("librte_net_null.so.23.0"), "").unwrap();
        assert!(contains(folder.path(), "net_null") && !contains(folder.path(), "net_nul") && !contains(folder.path(), "net_ring"));
        assert!(!contains(&folder.path().join("none"), "net_null"));
    }
}
