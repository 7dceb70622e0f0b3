//! The forms of DPDK's libraries.

use std::fmt;
use std::path::{Path, PathBuf};

/// In which form DPDK's libraries are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Linkage {
    /// Loaded at run time.
    Shared,
    /// Part of the program, with every driver.
    Static,
}

impl Linkage {
    /// The forms of the libraries in a directory, the preferred one first.
    pub(crate) fn of_directory(directory: &Path) -> Vec<Linkage> {
        [Linkage::Shared, Linkage::Static].into_iter().filter(|form| form.file(directory, "rte_eal").is_file()).collect()
    }

    pub(crate) fn file(self, directory: &Path, library: &str) -> PathBuf {
        let ending = match self {
            Linkage::Shared => "so",
            Linkage::Static => "a",
        };
        directory.join(format!("lib{library}.{ending}"))
    }
}

impl fmt::Display for Linkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Linkage::Shared => "shared",
            Linkage::Static => "static",
        })
    }
}
