use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

/// The oldest DPDK that the shim is written for (Ubuntu 22.04's).
pub const OLDEST: &str = "21.11";

/// DPDK as pkg-config describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dpdk {
    version: String,
    cflags: Vec<String>,
    libraries: Vec<String>,
    link_paths: Vec<PathBuf>,
}

/// Why there is no DPDK to build with, and how to get one.
#[derive(Debug, Error)]
pub enum FindError {
    /// There is no pkg-config program.
    #[error(
        "`{program}` cannot be run ({source}), so DPDK cannot be looked for: run scripts/setup, or `apt install pkg-config libdpdk-dev`"
    )]
    NoPkgConfig {
        /// What was run.
        program: String,
        /// Why it did not start.
        source: std::io::Error,
    },
    /// pkg-config does not know libdpdk, or it is too old.
    #[error(
        "DPDK {OLDEST} or newer was not found by pkg-config: {said}\n\
         Run scripts/setup, or install the package libdpdk-dev (Debian, Ubuntu) or dpdk-devel (Fedora, RHEL).\n\
         A DPDK of your own: set PKG_CONFIG_PATH to the directory that holds its libdpdk.pc (PKG_CONFIG_PATH is now {path})."
    )]
    NotFound {
        /// What pkg-config said.
        said: String,
        /// PKG_CONFIG_PATH, or "not set".
        path: String,
    },
    /// pkg-config's answer is not UTF-8.
    #[error("pkg-config's flags for libdpdk are not UTF-8: the path of DPDK has bytes in it that no build system can pass on")]
    NotText,
}

impl Dpdk {
    /// Asks pkg-config for libdpdk. Honours PKG_CONFIG, PKG_CONFIG_PATH, PKG_CONFIG_LIBDIR and PKG_CONFIG_SYSROOT_DIR, as pkg-config does.
    ///
    /// The pkg-config crate keeps `-I`, `-D`, `-l` and `-L` and drops the rest; DPDK's headers do not compile without
    /// `-include rte_config.h` and the `-march` or `-mcpu` it was built with, so its output is read here.
    pub fn find() -> Result<Self, FindError> {
        // Only for its check of the version and of cross compilation; it prints nothing.
        if let Err(error) = pkg_config::Config::new().cargo_metadata(false).env_metadata(false).atleast_version(OLDEST).probe("libdpdk") {
            return Err(Self::why_not(&error));
        }
        let version = ask(&["--modversion", "libdpdk"])?;
        let cflags = ask(&["--cflags", "libdpdk"])?;
        let libs = ask(&["--libs", "libdpdk"])?;
        Ok(Self::from_flags(version.trim(), &cflags, &libs))
    }

    fn why_not(error: &pkg_config::Error) -> FindError {
        match ask(&["--print-errors", "--errors-to-stdout", "--exists", &format!("libdpdk >= {OLDEST}")]) {
            Err(missing @ FindError::NoPkgConfig { .. }) => missing,
            Err(FindError::NotFound { said, path }) if !said.trim().is_empty() => FindError::NotFound { said, path },
            _ => not_found(error.to_string()),
        }
    }

    fn from_flags(version: &str, cflags: &str, libs: &str) -> Self {
        let mut seen = BTreeSet::new();
        let mut libraries = Vec::new();
        let mut link_paths = Vec::new();
        for flag in split_flags(libs) {
            if let Some(path) = flag.strip_prefix("-L") {
                link_paths.push(PathBuf::from(path));
            } else if let Some(name) = flag.strip_prefix("-l") {
                // DPDK's own libraries; what they need in turn (libbsd …) they load themselves.
                if name.starts_with("rte_") && seen.insert(name.to_owned()) {
                    libraries.push(name.to_owned());
                }
            }
        }
        Dpdk { version: version.to_owned(), cflags: split_flags(cflags), libraries, link_paths }
    }

    /// The version, such as `22.11.11`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every compiler flag, in order, for the C compiler and for bindgen alike: if they differ, so do the layouts.
    pub fn cflags(&self) -> &[String] {
        &self.cflags
    }

    /// The shared libraries, without `lib` and `.so`.
    pub fn libraries(&self) -> &[String] {
        &self.libraries
    }

    /// Directories with the libraries, where they are not the linker's own.
    pub fn link_paths(&self) -> impl Iterator<Item = &Path> {
        self.link_paths.iter().map(PathBuf::as_path)
    }

    /// Tells Cargo when to look again. For a build script.
    pub fn print_rerun_lines(&self) {
        for variable in ["PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR"] {
            println!("cargo::rerun-if-env-changed={variable}");
        }
    }
}

fn ask(arguments: &[&str]) -> Result<String, FindError> {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    let output =
        Command::new(&program).args(arguments).output().map_err(|source| FindError::NoPkgConfig { program: program.clone(), source })?;
    if !output.status.success() {
        return Err(not_found(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))));
    }
    String::from_utf8(output.stdout).map_err(|_| FindError::NotText)
}

fn not_found(said: String) -> FindError {
    FindError::NotFound { said: said.trim().to_owned(), path: env::var("PKG_CONFIG_PATH").unwrap_or_else(|_| "not set".to_owned()) }
}

/// Splits flags as a shell would: pkg-config writes a space inside a path as `\ `.
fn split_flags(text: &str) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => flag.extend(chars.next()),
            c if c.is_whitespace() => {
                if !flag.is_empty() {
                    flags.push(std::mem::take(&mut flag));
                }
            }
            c => flag.push(c),
        }
    }
    if !flag.is_empty() {
        flags.push(flag);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_kept_in_order() {
        let dpdk = Dpdk::from_flags(
            "22.11.11",
            "-I/usr/include/dpdk -include rte_config.h -march=corei7 -I/opt/my\\ dpdk/include \n",
            "-L/opt/my\\ dpdk/lib -Wl,--as-needed -lrte_ethdev -lrte_eal -lrte_ethdev -lbsd\n",
        );
        assert_eq!(dpdk.cflags(), ["-I/usr/include/dpdk", "-include", "rte_config.h", "-march=corei7", "-I/opt/my dpdk/include"]);
        assert_eq!(dpdk.libraries(), ["rte_ethdev", "rte_eal"]);
        assert_eq!(dpdk.link_paths().collect::<Vec<_>>(), [Path::new("/opt/my dpdk/lib")]);
    }

    #[test]
    fn what_is_missing_is_named_with_where_to_get_it() {
        let error = not_found("Package libdpdk was not found".to_owned()).to_string();
        for part in ["libdpdk-dev", "scripts/setup", "PKG_CONFIG_PATH", "21.11"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
