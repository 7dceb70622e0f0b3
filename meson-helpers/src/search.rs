//! Which DPDKs this machine has to build with, and which of them is taken.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::OLDEST;
use crate::linkage::Linkage;

/// Where NVIDIA's packages for BlueField and ConnectX install DPDK.
const MELLANOX: &str = "/opt/mellanox/dpdk";

/// Where to look. [`Places::of_environment`] is what a build uses.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The prefix of a DPDK of the user's own (`LINERATE_DPDK`). If it is given, no other DPDK is taken.
    pub own_prefix: Option<PathBuf>,
    /// Directories of PKG_CONFIG_PATH.
    pub pkg_config_path: Vec<PathBuf>,
    /// The prefix of NVIDIA's packages. `None` when the build is for another machine.
    pub mellanox: Option<PathBuf>,
    /// The directories that pkg-config looks in without being asked.
    pub system: Vec<PathBuf>,
}

/// Why a directory is looked in. The order is that of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// `LINERATE_DPDK` names its prefix.
    OwnPrefix,
    /// PKG_CONFIG_PATH names its directory.
    PkgConfigPath,
    /// NVIDIA's packages install there. Its mlx5 driver fits the rdma-core that they install, which the distribution's does not.
    Mellanox,
    /// pkg-config looks there by itself: the distribution's.
    System,
}

/// A DPDK with headers, as its libdpdk.pc describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Such as `22.11.11`.
    pub version: String,
    /// The directory of its libdpdk.pc.
    pub directory: PathBuf,
    /// Why it was found.
    pub origin: Origin,
    /// Which forms of its libraries there are.
    pub forms: Vec<Linkage>,
}

/// What was found. `Display` prints it for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The one that linerate builds with.
    pub taken: Option<Installation>,
    /// The others, in order of preference.
    pub others: Vec<Installation>,
    /// `LINERATE_DPDK`, if it has no usable DPDK.
    pub empty_own_prefix: Option<PathBuf>,
    looked_in: Vec<PathBuf>,
}

impl Places {
    /// Those of this process and of pkg-config.
    pub fn of_environment() -> Self {
        let paths =
            |name: &str| env::var_os(name).map(|value| env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect());
        let is_for_this_machine = match (env::var("TARGET"), env::var("HOST")) {
            (Ok(target), Ok(host)) => target == host,
            _ => true,
        };
        Places {
            own_prefix: env::var_os("LINERATE_DPDK").filter(|prefix| !prefix.is_empty()).map(PathBuf::from),
            pkg_config_path: paths("PKG_CONFIG_PATH").unwrap_or_default(),
            mellanox: is_for_this_machine.then(|| PathBuf::from(MELLANOX)),
            system: paths("PKG_CONFIG_LIBDIR").unwrap_or_else(directories_of_pkg_config),
        }
    }
}

/// The program that PKG_CONFIG names.
pub(crate) fn pkg_config_program() -> String {
    env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned())
}

/// The directories that are built into pkg-config.
fn directories_of_pkg_config() -> Vec<PathBuf> {
    let ask = |arguments: &[&str]| {
        let output = Command::new(pkg_config_program()).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    directories_of_another_target(&ask(&["--dump-personality"])).unwrap_or_else(|| {
        env::split_paths(&ask(&["--variable", "pc_path", "pkg-config"])).filter(|path| !path.as_os_str().is_empty()).collect()
    })
}

/// The directories in the answer of pkgconf's `--dump-personality`, if it is that of another target. `aarch64-linux-gnu-pkg-config` of Debian
/// is pkgconf under another name: its `pc_path` is that of the machine that it runs on, but it looks for files in the directories of the target.
fn directories_of_another_target(personality: &str) -> Option<Vec<PathBuf>> {
    let value = |key: &str| personality.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    value("Triplet:").filter(|&triplet| triplet != "default")?;
    let directories: Vec<PathBuf> = value("DefaultSearchPaths:")?.split_whitespace().map(PathBuf::from).collect();
    (!directories.is_empty()).then_some(directories)
}

impl Search {
    /// Looks in every place. Reads libdpdk.pc only; runs nothing.
    pub fn run(places: &Places) -> Self {
        let in_order = |origin| move |directory| (origin, directory);
        let mut directories: Vec<(Origin, PathBuf)> = Vec::new();
        directories.extend(places.own_prefix.iter().flat_map(|prefix| below(prefix)).map(in_order(Origin::OwnPrefix)));
        directories.extend(places.pkg_config_path.iter().cloned().map(in_order(Origin::PkgConfigPath)));
        directories.extend(places.mellanox.iter().flat_map(|prefix| below(prefix)).map(in_order(Origin::Mellanox)));
        directories.extend(places.system.iter().cloned().map(in_order(Origin::System)));

        let mut seen = BTreeSet::new();
        let mut found: Vec<Installation> = Vec::new();
        for (origin, directory) in &directories {
            let same = directory.canonicalize().unwrap_or_else(|_| directory.clone());
            if seen.insert(same) {
                found.extend(Installation::read(directory, *origin));
            }
        }
        let usable = |dpdk: &Installation| dpdk.is_new_enough() && (places.own_prefix.is_none() || dpdk.origin == Origin::OwnPrefix);
        let taken = found.iter().position(usable).map(|at| found.remove(at));
        let empty_own_prefix = places.own_prefix.clone().filter(|_| taken.is_none());
        Search { taken, others: found, empty_own_prefix, looked_in: directories.into_iter().map(|(_, directory)| directory).collect() }
    }
}

impl Search {
    /// The directories that exist among those that were looked in. The installation of a DPDK in one of them changes its time of modification, also
    /// where a package keeps the old times of its files.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.looked_in.iter().map(PathBuf::as_path).filter(|directory| directory.is_dir())
    }
}

/// The directories of a prefix that may hold libdpdk.pc: meson's default depends on the distribution.
fn below(prefix: &Path) -> Vec<PathBuf> {
    let mut libraries = vec![prefix.join("lib"), prefix.join("lib64")];
    let mut by_machine: Vec<PathBuf> =
        fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten().map(|folder| folder.path()).collect();
    by_machine.sort();
    libraries.extend(by_machine.into_iter().filter(|folder| folder.to_string_lossy().ends_with("-linux-gnu")));
    libraries.into_iter().map(|folder| folder.join("pkgconfig")).collect()
}

impl Installation {
    fn read(directory: &Path, origin: Origin) -> Option<Self> {
        let text = fs::read_to_string(directory.join("libdpdk.pc")).ok()?;
        let version = text.lines().find_map(|line| line.strip_prefix("Version:"))?.trim().to_owned();
        let libraries = directory.parent()?;
        Some(Installation { version, directory: directory.to_owned(), origin, forms: Linkage::of_directory(libraries) })
    }

    /// Whether the shim supports it.
    pub fn is_new_enough(&self) -> bool {
        let number = |version: &str| -> Option<(u32, u32)> {
            let mut parts = version.split('.').map(str::parse);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        };
        number(&self.version) >= number(OLDEST)
    }

    fn forms(&self) -> String {
        match self.forms[..] {
            [] => "no libraries".to_owned(),
            [one] => one.to_string(),
            _ => self.forms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::OwnPrefix => "LINERATE_DPDK names its prefix",
            Origin::PkgConfigPath => "PKG_CONFIG_PATH names its directory",
            Origin::Mellanox => "NVIDIA's packages for BlueField and ConnectX",
            Origin::System => "the distribution's, or a directory that pkg-config looks in by itself",
        })
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DPDK {} ({}; libraries: {}): {}", self.version, self.directory.join("libdpdk.pc").display(), self.forms(), self.origin)
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.taken {
            Some(taken) => writeln!(f, "taken:  {taken}")?,
            None => writeln!(f, "taken:  none")?,
        }
        if let Some(prefix) = &self.empty_own_prefix {
            writeln!(
                f,
                "        LINERATE_DPDK is {}, which has no libdpdk.pc of DPDK {OLDEST} or newer; unset it to use another",
                prefix.display()
            )?;
        }
        for other in &self.others {
            let too_old = if other.is_new_enough() { String::new() } else { format!("; too old: linerate needs {OLDEST} or newer") };
            writeln!(f, "other:  {other}{too_old}")?;
        }
        if self.taken.is_none() && self.others.is_empty() {
            let places: Vec<String> = self.looked_in.iter().map(|directory| directory.display().to_string()).collect();
            writeln!(f, "        no libdpdk.pc in: {}", places.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkgconf_for_another_target_names_the_directories_of_the_target() {
        let arm = "Triplet: aarch64-linux-gnu\nDefaultSearchPaths: /usr/lib/aarch64-linux-gnu/pkgconfig /usr/share/pkgconfig \nSystemIncludePaths: /usr/include \n";
        let expected = ["/usr/lib/aarch64-linux-gnu/pkgconfig", "/usr/share/pkgconfig"].map(PathBuf::from).to_vec();
        assert_eq!(directories_of_another_target(arm), Some(expected));
        // For the machine itself, `pc_path` also has the directories below /usr/local.
        assert_eq!(directories_of_another_target("Triplet: default\nDefaultSearchPaths: /usr/lib/pkgconfig \n"), None);
        // pkg-config before pkgconf does not know the option.
        assert_eq!(directories_of_another_target(""), None);
    }

    /// A prefix with a libdpdk.pc.
    fn dpdk(prefix: &Path, libraries: &str, version: &str, files: &[&str]) -> PathBuf {
        let directory = prefix.join(libraries).join("pkgconfig");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("libdpdk.pc"), format!("prefix={}\n\nName: DPDK\nVersion: {version}\n", prefix.display())).unwrap();
        for file in files {
            fs::write(prefix.join(libraries).join(file), "").unwrap();
        }
        directory
    }

    /// One DPDK in each place.
    fn everywhere(root: &Path) -> Places {
        dpdk(&root.join("own"), "lib64", "25.11.0", &["librte_eal.a"]);
        dpdk(&root.join("mellanox"), "lib/aarch64-linux-gnu", "22.11.2310.5.1", &["librte_eal.so"]);
        Places {
            own_prefix: Some(root.join("own")),
            pkg_config_path: vec![root.join("none"), dpdk(&root.join("path"), "lib", "23.11.1", &["librte_eal.so", "librte_eal.a"])],
            mellanox: Some(root.join("mellanox")),
            system: vec![dpdk(&root.join("usr"), "lib", "24.11.3", &["librte_eal.so"])],
        }
    }

    fn versions(search: &Search) -> (Option<&str>, Vec<&str>) {
        (search.taken.as_ref().map(|dpdk| dpdk.version.as_str()), search.others.iter().map(|dpdk| dpdk.version.as_str()).collect())
    }

    #[test]
    fn the_most_explicit_place_is_taken_and_the_others_are_named() {
        let root = tempfile::tempdir().unwrap();
        let mut places = everywhere(root.path());
        let search = Search::run(&places);
        assert_eq!(versions(&search), (Some("25.11.0"), vec!["23.11.1", "22.11.2310.5.1", "24.11.3"]));
        let text = search.to_string();
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("taken:  DPDK 25.11.0 (") && first.contains("static") && first.contains("LINERATE_DPDK"), "{text}");
        assert!(text.contains("libraries: shared and static): PKG_CONFIG_PATH"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("other:  ")).count(), 3, "{text}");

        places.own_prefix = None;
        assert_eq!(versions(&Search::run(&places)).0, Some("23.11.1"));
        places.pkg_config_path.clear();
        assert_eq!(versions(&Search::run(&places)), (Some("22.11.2310.5.1"), vec!["24.11.3"]));
        places.mellanox = None;
        assert_eq!(versions(&Search::run(&places)), (Some("24.11.3"), vec![]));
        places.system.clear();
        let nothing = Search::run(&Places { pkg_config_path: vec![root.path().join("none")], ..places });
        assert_eq!(versions(&nothing), (None, vec![]));
        assert!(nothing.to_string().contains(&root.path().join("none").display().to_string()), "{nothing}");
    }

    #[test]
    fn an_own_prefix_without_dpdk_is_an_error_and_not_replaced_by_another() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { own_prefix: Some(root.path().join("empty")), ..everywhere(root.path()) };
        let search = Search::run(&places);
        assert_eq!(versions(&search).0, None);
        assert_eq!(search.empty_own_prefix, Some(root.path().join("empty")));
        assert!(search.to_string().contains("unset it"), "{search}");
    }

    #[test]
    fn a_dpdk_that_is_too_old_is_named_and_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let old = dpdk(&root.path().join("old"), "lib", "20.11.9", &[]);
        let places = Places { own_prefix: None, pkg_config_path: vec![old], ..everywhere(root.path()) };
        let search = Search::run(&places);
        assert_eq!(versions(&search), (Some("22.11.2310.5.1"), vec!["20.11.9", "24.11.3"]));
        assert!(search.to_string().contains("too old: linerate needs 21.11 or newer"), "{search}");
    }

    #[test]
    fn a_directory_that_is_named_twice_is_one_dpdk() {
        let root = tempfile::tempdir().unwrap();
        let directory = dpdk(root.path(), "lib", "24.11.3", &[]);
        std::os::unix::fs::symlink(root.path().join("lib"), root.path().join("link")).unwrap();
        let places = Places { system: vec![directory, root.path().join("link/pkgconfig")], ..Places::default() };
        assert_eq!(versions(&Search::run(&places)), (Some("24.11.3"), vec![]));
    }
}
