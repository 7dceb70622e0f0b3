//! DPDK's source as a package of the distribution.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

/// The source package of a DPDK, from the archives that this machine's apt already uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePackage {
    name: String,
    version: String,
}

/// Why there is no source package.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A program could not be run.
    #[error("`{program}` cannot be run ({source}): source packages need a Debian or Ubuntu system with apt and dpkg-dev")]
    NotRun {
        /// The program.
        program: &'static str,
        /// Why it did not start.
        source: std::io::Error,
    },
    /// apt offers no libdpdk-dev.
    #[error("apt knows no package libdpdk-dev: run `apt-get update`, or build from a release of https://core.dpdk.org/download/")]
    Unknown,
    /// apt has no archive.
    #[error("apt knows no archive, so no source package can be fetched: run `apt-get update`")]
    NoArchive,
    /// The package could not be fetched or unpacked.
    #[error("source package {name} {version}: {said}")]
    Failed {
        /// The package.
        name: String,
        /// Its version.
        version: String,
        /// The last message of apt.
        said: String,
    },
    /// A file could not be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl SourcePackage {
    /// That of the installed libdpdk-dev; where none is installed, that of the one that apt would install.
    pub fn of_this_system() -> Result<Self, PackageError> {
        let installed = text("dpkg-query", &["-W", "-f", "${source:Package} ${source:Version}", "libdpdk-dev"])?;
        if let Some((name, version)) = installed.trim().split_once(' ') {
            return Ok(SourcePackage { name: name.to_owned(), version: version.to_owned() });
        }
        let offered = text("apt-cache", &["show", "--no-all-versions", "libdpdk-dev"])?;
        Self::in_record(&offered).ok_or(PackageError::Unknown)
    }

    /// From the record of a binary package: `Source:` may add a version of its own.
    fn in_record(record: &str) -> Option<Self> {
        let field = |name: &str| record.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let version = field("Version:")?;
        let source = field("Source:").unwrap_or("dpdk");
        let (name, version) = match source.split_once(" (") {
            Some((name, version)) => (name, version.trim_end_matches(')')),
            None => (source, version),
        };
        Some(SourcePackage { name: name.to_owned(), version: version.to_owned() })
    }

    /// Fetches and unpacks it, with the distribution's patches, and returns the path of the tree. apt's own state does not change.
    pub fn unpack(&self, into: &Path) -> Result<PathBuf, PackageError> {
        let failed = |said: String| PackageError::Failed { name: self.name.clone(), version: self.version.clone(), said };
        let state = into.join("apt");
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            make(&state.join(folder))?;
        }
        let list = state.join("sources.list");
        fs::write(&list, archives()?).map_err(|source| PackageError::File { path: list.clone(), source })?;
        let apt = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command.current_dir(into).args(["-qq", "-o", "Dir::Etc::sourceparts=/dev/null", "-o", "APT::Sandbox::User=root"]);
            for (key, path) in [("Dir::Etc::sourcelist", &list), ("Dir::State", &state.join("state")), ("Dir::Cache", &state.join("cache"))]
            {
                command.arg("-o").arg(format!("{key}={}", path.display()));
            }
            let output = command.args(arguments).output().map_err(|source| PackageError::NotRun { program: "apt-get", source })?;
            let said = String::from_utf8_lossy(&output.stderr).trim().lines().last().unwrap_or("apt-get failed").to_owned();
            if output.status.success() { Ok(()) } else { Err(failed(said)) }
        };
        apt(&["update"])?;
        apt(&["source", "--only-source", &format!("{}={}", self.name, self.version)])?;
        let tree = into.join(self.folder());
        let is_dpdk = tree.join("lib/eal/meson.build").is_file();
        is_dpdk
            .then_some(tree)
            .ok_or_else(|| failed(format!("it was unpacked in {}, but holds no {}/lib/eal/meson.build", into.display(), self.folder())))
    }

    /// The folder that dpkg-source makes: the name and the upstream version, which has neither epoch nor revision. An older version may lie beside it.
    fn folder(&self) -> String {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, version)| version);
        format!("{}-{}", self.name, version.rsplit_once('-').map_or(version, |(upstream, _)| upstream))
    }
}

impl std::fmt::Display for SourcePackage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A sources.list with the sources of the distribution's archives that this machine already uses.
fn archives() -> Result<String, PackageError> {
    const FORMAT: &str = "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)";
    let targets = text("apt-get", &["indextargets", "--format", FORMAT, "Created-By: Packages"])?;
    let lines = sources(&targets, |keyring| Path::new(keyring).is_file());
    if lines.is_empty() { Err(PackageError::NoArchive) } else { Ok(lines.into_iter().collect()) }
}

/// The lines of a sources.list. Archives of other makers have other keys, and no DPDK: the origin that an archive names tells them apart, also where
/// their addresses contain the name of a distribution.
fn sources(targets: &str, is_file: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let source = |line: &str| {
        let (origin, archive) = line.split_once(' ')?;
        let keyring = match origin {
            "Debian" => "/usr/share/keyrings/debian-archive-keyring.gpg",
            "Ubuntu" => "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
            _ => return None,
        };
        let signed = if is_file(keyring) { format!("[signed-by={keyring}] ") } else { String::new() };
        Some(format!("deb-src {signed}{archive}\n"))
    };
    targets.lines().filter_map(source).collect()
}

fn make(folder: &Path) -> Result<(), PackageError> {
    fs::create_dir_all(folder).map_err(|source| PackageError::File { path: folder.to_owned(), source })
}

/// What a program prints; empty if it fails.
fn text(program: &'static str, arguments: &[&str]) -> Result<String, PackageError> {
    let output = Command::new(program).args(arguments).output().map_err(|source| PackageError::NotRun { program, source })?;
    Ok(if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_package_is_read_from_the_record_of_the_binary_package() {
        let package = |record: &str| SourcePackage::in_record(record).map(|package| package.to_string());
        assert_eq!(package("Package: libdpdk-dev\nSource: dpdk\nVersion: 24.11.3-1\n").as_deref(), Some("dpdk 24.11.3-1"));
        assert_eq!(
            package("Package: libdpdk-dev\nSource: dpdk (22.11.11-0)\nVersion: 22.11.11-0+b1\n").as_deref(),
            Some("dpdk 22.11.11-0")
        );
        assert_eq!(package(""), None);
    }

    #[test]
    fn the_tree_of_this_version_is_taken() {
        let folder = |version: &str| SourcePackage { name: "dpdk".to_owned(), version: version.to_owned() }.folder();
        assert_eq!(folder("22.11.11-0+deb12u1"), "dpdk-22.11.11");
        assert_eq!(folder("1:23.11-1build3"), "dpdk-23.11");
        assert_eq!(folder("24.11.3"), "dpdk-24.11.3");
    }

    #[test]
    fn only_the_distributions_own_archives_are_asked_for_sources() {
        let targets = "Debian http://deb.example/debian bookworm main\nDebian http://deb.example/debian bookworm main\n\
                       Docker https://docker.example/linux/debian bookworm stable\n https://doca.example/ubuntu22.04 / \n";
        let found = |has_keyring: bool| sources(targets, |_| has_keyring).into_iter().collect::<Vec<_>>();
        assert_eq!(found(false), ["deb-src http://deb.example/debian bookworm main\n"]);
        let signed = "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.example/debian bookworm main\n";
        assert_eq!(found(true), [signed]);
        assert!(sources("Ubuntu http://a.example/ubuntu noble main", |_| true).iter().all(|line| line.contains("ubuntu-archive-keyring")));
    }
}
