//! The drivers that a build of DPDK has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::str::FromStr;

/// Drivers as meson names them, such as `net/null`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DriverList(BTreeSet<String>);

impl DriverList {
    /// What every DPDK for linerate needs: the mempool of its ports, and the bus of drivers without a device.
    const ALWAYS: [&str; 2] = ["bus/vdev", "mempool/ring"];

    /// For meson's `-Denable_drivers`.
    pub(crate) fn for_meson(&self) -> String {
        let always = Self::ALWAYS.iter().copied().filter(|driver| !self.0.contains(*driver));
        always.chain(self.0.iter().map(String::as_str)).collect::<Vec<_>>().join(",")
    }

    /// Those that have no library below `prefix`. meson leaves a driver out without an error if something that it needs is missing.
    pub(crate) fn missing_below(&self, prefix: &Path) -> Vec<String> {
        let mut built = Vec::new();
        collect(&prefix.join("lib"), &mut built);
        let is_missing = |driver: &&String| {
            let start = format!("librte_{}.", driver.replace('/', "_"));
            !driver.contains('*') && !built.iter().any(|file| file.starts_with(&start))
        };
        self.0.iter().filter(is_missing).cloned().collect()
    }
}

fn collect(folder: &Path, names: &mut Vec<String>) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&file.path(), names);
        }
        names.push(file.file_name().to_string_lossy().into_owned());
    }
}

impl FromStr for DriverList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: BTreeSet<String> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let wrong = names.iter().find(|name| name.split('/').count() != 2 || name.contains(char::is_whitespace));
        match wrong {
            Some(wrong) => Err(format!("{wrong:?} is not a driver: write CLASS/NAME, such as net/mlx5")),
            None if names.is_empty() => Err("no driver is named: write CLASS/NAME, such as net/mlx5".to_owned()),
            None => Ok(DriverList(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_class_and_name_and_those_that_linerate_needs_are_added() {
        let drivers: DriverList = "net/null, net/ring,mempool/ring".parse().unwrap();
        assert_eq!(drivers.for_meson(), "bus/vdev,mempool/ring,net/null,net/ring");
        for wrong in ["", "null", "net/a/b", "net/a b"] {
            assert!(wrong.parse::<DriverList>().unwrap_err().contains("CLASS/NAME"), "{wrong}");
        }
    }

    #[test]
    fn a_driver_that_was_not_built_is_found() {
        let prefix = tempfile::tempdir().unwrap();
        let folder = prefix.path().join("lib/dpdk/pmds-23.0");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("librte_net_null.so.23.0"), "").unwrap();
        fs::write(prefix.path().join("lib/librte_net_ring.a"), "").unwrap();
        let drivers: DriverList = "net/null,net/ring,net/mlx5,net/ri,common/*".parse().unwrap();
        assert_eq!(drivers.missing_below(prefix.path()), ["net/mlx5", "net/ri"]);
    }
}
