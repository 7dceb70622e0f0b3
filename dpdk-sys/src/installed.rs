//! Which DPDKs this machine has, by the names of their libraries.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A DPDK that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Installed {
    /// The number behind `librte_eal.so.`.
    abi: u32,
    directory: PathBuf,
}

impl Installed {
    /// The DPDKs as an error names them.
    pub(crate) fn list(all: &[Installed]) -> String {
        let shown = |dpdk: &Installed| {
            let path = dpdk.directory.join(format!("librte_eal.so.{}", dpdk.abi));
            // ABI n is that of (n - 1).11 to n.07 (DPDK ABI policy).
            format!("DPDK {}.11 to {}.07 ({})", dpdk.abi.saturating_sub(1), dpdk.abi, path.display())
        };
        if all.is_empty() { "none".to_owned() } else { all.iter().map(shown).collect::<Vec<_>>().join(", ") }
    }
}

/// The DPDKs in the directories of LD_LIBRARY_PATH and in those of the system.
pub(crate) fn installed() -> Vec<Installed> {
    let from_environment = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&from_environment).collect();
    let machine = std::env::consts::ARCH;
    for root in ["/usr/local/lib", "/usr/lib", "/lib", "/opt/mellanox/dpdk/lib"] {
        directories.extend([PathBuf::from(root), PathBuf::from(format!("{root}/{machine}-linux-gnu"))]);
    }
    directories.extend(["/usr/lib64", "/usr/local/lib64"].map(PathBuf::from));
    in_directories(&directories)
}

fn in_directories(directories: &[PathBuf]) -> Vec<Installed> {
    let mut all = BTreeSet::new();
    // /lib is a link to /usr/lib on most systems.
    let directories: BTreeSet<PathBuf> = directories.iter().filter_map(|directory| directory.canonicalize().ok()).collect();
    for directory in directories {
        for file in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let abi = name.strip_prefix("librte_eal.so.").and_then(|rest| rest.split('.').next()?.parse().ok());
            all.extend(abi.map(|abi| Installed { abi, directory: directory.clone() }));
        }
    }
    all.into_iter().collect()
}

/// The directories of DPDK's libraries in this process, without those of drivers, which EAL loads from a folder of their own.
pub(crate) fn directories_in_use() -> BTreeSet<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    directories_in(&maps)
}

fn directories_in(maps: &str) -> BTreeSet<PathBuf> {
    let files = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let is_core = |file: &&Path| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        CORE.iter().any(|library| name.starts_with(&format!("librte_{library}.so")))
    };
    files.filter(is_core).filter_map(|file| file.parent().map(Path::to_owned)).collect()
}

/// The libraries that the shim needs.
const CORE: [&str; 5] = ["eal", "ethdev", "mempool", "mbuf", "kvargs"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dpdk_is_found_by_the_name_of_its_library() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        assert_eq!(Installed::list(&in_directories(std::slice::from_ref(&folder))), "none");
        for name in ["librte_eal.so", "librte_eal.so.25", "librte_eal.so.25.0", "librte_ethdev.so.24", "other"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let listed = Installed::list(&in_directories(&[folder.clone(), folder.clone()]));
        assert_eq!(listed, format!("DPDK 24.11 to 25.07 ({})", folder.join("librte_eal.so.25").display()));
    }

    #[test]
    fn directories_are_those_of_the_libraries_that_are_mapped() {
        let maps = "7f00 r-xp 0 00:00 1  /usr/lib/x86_64-linux-gnu/librte_eal.so.23.0\n\
                    7f01 r-xp 0 00:00 1  /opt/my dpdk/lib/librte_ethdev.so.23.0\n\
                    7f02 r-xp 0 00:00 1  /usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_null.so.23.0\n\
                    7f03 rw-p 0 00:00 0\n";
        let directories: Vec<String> = directories_in(maps).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(directories, ["/opt/my dpdk/lib", "/usr/lib/x86_64-linux-gnu"]);
    }
}
