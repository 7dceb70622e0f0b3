use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

/// Which machine a DPDK is built for. It decides the cache-line size and so the layout of every structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Platform {
    /// The machine that builds.
    #[default]
    Native,
    /// BlueField's Arm cores, built on them.
    BlueField,
    /// BlueField's Arm cores, built elsewhere with DPDK's cross file and an aarch64-linux-gnu toolchain.
    BlueFieldCross,
}

/// An unpacked DPDK.
#[derive(Debug, Clone)]
pub struct SourceTree {
    root: PathBuf,
}

/// A DPDK build that failed.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The directory is not a DPDK.
    #[error("{} is not a DPDK source tree: it has no lib/eal/meson.build. Unpack a release from https://core.dpdk.org/download/", root.display())]
    NotDpdk {
        /// The directory.
        root: PathBuf,
    },
    /// The tree has no cross file for BlueField.
    #[error("{} is not there: this DPDK has no cross file for BlueField", file.display())]
    NoCrossFile {
        /// The file.
        file: PathBuf,
    },
    /// A program could not be run.
    #[error("`{command}` cannot be run ({source}): install meson, ninja-build and python3-pyelftools")]
    NotRun {
        /// The command line.
        command: String,
        /// Why it did not start.
        source: std::io::Error,
    },
    /// A step failed; its own messages stand above.
    #[error("`{command}` failed ({status}): its messages above say why")]
    Failed {
        /// The command line.
        command: String,
        /// The exit status.
        status: std::process::ExitStatus,
    },
}

/// What linerate does without: faster to build, and nothing it could load by accident.
const LEFT_OUT: &str = "baseband/*,crypto/*,compress/*,event/*,raw/*,regex/*,ml/*,vdpa/*,gpu/*,dma/*";

impl SourceTree {
    /// The tree at `root`.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BuildError> {
        let root = root.into();
        if root.join("lib/eal/meson.build").is_file() { Ok(SourceTree { root }) } else { Err(BuildError::NotDpdk { root }) }
    }

    /// Configures, builds and installs shared libraries below `prefix`; gives back the directory for PKG_CONFIG_PATH.
    pub fn build(&self, platform: Platform, prefix: &Path) -> Result<PathBuf, BuildError> {
        let build = self.root.join("build-linerate");
        for command in self.commands(platform, &build, prefix)? {
            run(command)?;
        }
        Ok(prefix.join("lib/pkgconfig"))
    }

    fn commands(&self, platform: Platform, build: &Path, prefix: &Path) -> Result<[Command; 2], BuildError> {
        let mut setup = Command::new("meson");
        setup.arg("setup").arg(build).arg(&self.root).arg(format!("--prefix={}", prefix.display()));
        setup.args(["--libdir=lib", "--buildtype=release", "--default-library=shared"]);
        setup.args(["-Dtests=false", "-Denable_docs=false"]);
        setup.arg(format!("-Ddisable_drivers={LEFT_OUT}"));
        if build.join("build.ninja").is_file() {
            setup.arg("--reconfigure");
        }
        match platform {
            Platform::Native => {
                setup.arg("-Dplatform=native");
            }
            Platform::BlueField => {
                setup.arg("-Dplatform=bluefield");
            }
            Platform::BlueFieldCross => {
                let file = self.root.join("config/arm/arm64_bluefield_linux_gcc");
                if !file.is_file() {
                    return Err(BuildError::NoCrossFile { file });
                }
                setup.arg("--cross-file").arg(file);
            }
        }
        let mut install = Command::new("meson");
        install.arg("install").arg("-C").arg(build);
        Ok([setup, install])
    }
}

fn run(mut command: Command) -> Result<(), BuildError> {
    let shown = format!("{command:?}");
    let status = command.status().map_err(|source| BuildError::NotRun { command: shown.clone(), source })?;
    if status.success() { Ok(()) } else { Err(BuildError::Failed { command: shown, status }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bluefield_is_built_with_dpdks_own_cross_file() {
        let root = std::env::temp_dir().join(format!("linerate-meson-helpers-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        assert!(matches!(SourceTree::open(&root), Err(BuildError::NotDpdk { .. })));
        std::fs::create_dir_all(root.join("lib/eal")).unwrap();
        std::fs::write(root.join("lib/eal/meson.build"), "").unwrap();
        let tree = SourceTree::open(&root).unwrap();
        let commands = |platform| tree.commands(platform, &root.join("b"), Path::new("/opt/dpdk"));
        assert!(matches!(commands(Platform::BlueFieldCross), Err(BuildError::NoCrossFile { .. })));
        std::fs::create_dir_all(root.join("config/arm")).unwrap();
        std::fs::write(root.join("config/arm/arm64_bluefield_linux_gcc"), "").unwrap();
        let [setup, install] = commands(Platform::BlueFieldCross).unwrap();
        let setup = format!("{setup:?}");
        assert!(setup.contains("arm64_bluefield_linux_gcc") && setup.contains("--prefix=/opt/dpdk"), "{setup}");
        assert!(format!("{install:?}").contains("install"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
