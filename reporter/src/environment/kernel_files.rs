use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// `/proc` and `/sys`, or an imitation of them.
#[derive(Debug, Clone)]
pub struct KernelFiles {
    root: PathBuf,
}

impl KernelFiles {
    /// Those below `root`, which is `/` outside tests.
    pub fn below(root: &Path) -> Self {
        KernelFiles { root: root.to_owned() }
    }

    /// The path of a file below the root.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A file's text without surrounding space; `None` if it cannot be read or holds nothing. Some attributes of a device that has
    /// no such property can be opened and not read.
    pub fn text(&self, path: &str) -> Option<String> {
        let text = fs::read(self.path(path)).ok()?;
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// A decimal number.
    pub fn number<T: FromStr>(&self, path: &str) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// A number written as `0x15b3`.
    pub fn hexadecimal(&self, path: &str) -> Option<u32> {
        u32::from_str_radix(self.text(path)?.trim_start_matches("0x"), 16).ok()
    }

    /// The names in a folder, sorted.
    pub fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The last part of what a link points to, such as a driver's name.
    pub fn link_name(&self, path: &str) -> Option<String> {
        fs::read_link(self.path(path)).ok()?.file_name()?.to_str().map(str::to_owned)
    }

    /// Whether there is such a file.
    pub fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }
}
