//! DPDK's source as a package of the distribution.

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
        let folders = fs::read_dir(into).map_err(|source| PackageError::File { path: into.to_owned(), source })?;
        let mut trees = folders.flatten().map(|folder| folder.path()).filter(|path| path.join("lib/eal/meson.build").is_file());
        trees.next().ok_or_else(|| failed(format!("it was unpacked in {}, but holds no lib/eal/meson.build", into.display())))
    }
}

impl std::fmt::Display for SourcePackage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A sources.list with the sources of the archives that this machine already uses.
fn archives() -> Result<String, PackageError> {
    const FORMAT: &str = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let targets = text("apt-get", &["indextargets", "--format", FORMAT, "Created-By: Packages"])?;
    let keyrings = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/ubuntu-archive-keyring.gpg"];
    let signed =
        keyrings.iter().find(|keyring| Path::new(keyring).is_file()).map_or(String::new(), |keyring| format!("[signed-by={keyring}] "));
    // Archives of other makers have other keys, and no DPDK.
    let is_distribution = |line: &&str| line.contains("debian") || line.contains("ubuntu");
    let mut lines: Vec<String> = targets.lines().filter(is_distribution).map(|line| format!("deb-src {signed}{line}\n")).collect();
    lines.sort();
    lines.dedup();
    if lines.is_empty() { Err(PackageError::NoArchive) } else { Ok(lines.concat()) }
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
}
