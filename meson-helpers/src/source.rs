//! Builds a DPDK from its source.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::drivers::DriverList;
use crate::platform::{COMPILER, Platform};

/// An unpacked DPDK.
#[derive(Debug, Clone)]
pub struct SourceTree {
    root: PathBuf,
}

/// What is built.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Where it is installed.
    pub prefix: PathBuf,
    /// What it runs on.
    pub platform: Platform,
    /// The drivers; `None` for all that linerate can use and whose own dependencies are installed.
    pub drivers: Option<DriverList>,
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
    /// DPDK does not know the platform.
    #[error("this DPDK does not know the platform {platform} (config/arm/meson.build of {} has no `{name}`): use a newer DPDK, or build for arm64", root.display())]
    UnknownPlatform {
        /// What was asked for.
        platform: Platform,
        /// DPDK's name of it.
        name: &'static str,
        /// The source.
        root: PathBuf,
    },
    /// Drivers were asked for and not built.
    #[error("meson did not build the drivers {}: something that they need is not installed; {} says what", drivers.join(", "), log.display())]
    DriversMissing {
        /// Their names.
        drivers: Vec<String>,
        /// meson's log.
        log: PathBuf,
    },
    /// Other users could change the drivers.
    #[error("everyone may write in {}, so EAL would refuse the drivers below it (\"world-writable and insecure\"): choose another prefix", directory.display())]
    WorldWritable {
        /// The directory.
        directory: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
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

/// Libraries that neither linerate nor a network driver needs. DPDK builds those that are mandatory all the same.
const LIBRARIES_LEFT_OUT: &str =
    "bitratestats,flow_classify,gpudev,graph,jobstats,kni,latencystats,metrics,node,pdump,pipeline,port,power,table";

/// What linerate does without: faster to build, and nothing it could load by accident.
const LEFT_OUT: &str = "baseband/*,crypto/*,compress/*,event/*,raw/*,regex/*,ml/*,vdpa/*,gpu/*,dma/*";

impl SourceTree {
    /// The tree at `root`.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BuildError> {
        let root = root.into();
        if root.join("lib/eal/meson.build").is_file() { Ok(SourceTree { root }) } else { Err(BuildError::NotDpdk { root }) }
    }

    /// Unpacks a release below `into`, in a folder with the tarball's name: two releases in one folder would mix.
    pub fn unpack(tarball: &Path, into: &Path) -> Result<Self, BuildError> {
        let name = tarball.file_name().unwrap_or_default().to_string_lossy();
        let into = &into.join(name.split_once(".tar").map_or(&*name, |(stem, _)| stem));
        fs::create_dir_all(into).map_err(|source| BuildError::File { path: into.to_owned(), source })?;
        let mut tar = Command::new("tar");
        tar.arg("-xf").arg(tarball).arg("-C").arg(into).arg("--strip-components=1");
        run(tar)?;
        SourceTree::open(into)
    }

    /// Configures, builds and installs it, as shared and as static libraries.
    pub fn build(&self, options: &BuildOptions) -> Result<(), BuildError> {
        refuse_world_writable(&options.prefix)?;
        let build = self.root.join(format!("build-{}", options.platform));
        for command in self.commands(options, &build)? {
            run(command)?;
        }
        let missing = options.drivers.as_ref().map(|drivers| drivers.missing_below(&options.prefix)).unwrap_or_default();
        if !missing.is_empty() {
            return Err(BuildError::DriversMissing { drivers: missing, log: build.join("meson-logs/meson-log.txt") });
        }
        Ok(())
    }

    fn commands(&self, options: &BuildOptions, build: &Path) -> Result<[Command; 2], BuildError> {
        let known = self.options()?;
        let mut setup = Command::new("meson");
        setup.arg("setup").arg(build).arg(&self.root).arg(format!("--prefix={}", options.prefix.display()));
        // DPDK always makes both forms of its libraries. This is about its own programs, which are left out.
        setup.args(["--libdir=lib", "--buildtype=release", "--default-library=shared"]);
        // Versions differ in what can be left out.
        for (name, value) in [("tests", "false"), ("enable_docs", "false"), ("disable_apps", "*"), ("disable_libs", LIBRARIES_LEFT_OUT)] {
            if known.contains(&format!("'{name}'")) {
                setup.arg(format!("-D{name}={value}"));
            }
        }
        setup.arg(match &options.drivers {
            Some(drivers) => format!("-Denable_drivers={}", drivers.for_meson()),
            None => format!("-Ddisable_drivers={LEFT_OUT}"),
        });
        if build.join("build.ninja").is_file() {
            setup.arg("--reconfigure");
        }
        self.refuse_unknown(options.platform)?;
        match options.platform.cross_file(std::env::consts::ARCH) {
            None => {
                setup.arg(format!("-Dplatform={}", options.platform.of_dpdk()));
            }
            Some(processor) => {
                for (name, text) in [("compiler.ini", COMPILER), ("processor.ini", processor)] {
                    let file = self.root.join(format!("linerate-{}-{name}", options.platform));
                    fs::write(&file, text).map_err(|source| BuildError::File { path: file.clone(), source })?;
                    setup.arg("--cross-file").arg(file);
                }
            }
        }
        let mut install = Command::new("meson");
        install.arg("install").arg("--quiet").arg("-C").arg(build);
        Ok([setup, install])
    }

    /// What the tree's meson options are.
    fn options(&self) -> Result<String, BuildError> {
        // meson 1.1 has a new name for the file.
        let files = ["meson_options.txt", "meson.options"].map(|name| self.root.join(name));
        let file = files.iter().find(|file| file.is_file()).unwrap_or(&files[0]);
        fs::read_to_string(file).map_err(|source| BuildError::File { path: file.clone(), source })
    }

    fn refuse_unknown(&self, platform: Platform) -> Result<(), BuildError> {
        let name = platform.of_dpdk();
        if matches!(name, "native" | "generic") {
            return Ok(());
        }
        let file = self.root.join("config/arm/meson.build");
        let text = fs::read_to_string(&file).map_err(|source| BuildError::File { path: file, source })?;
        if text.contains(&format!("'{name}':")) {
            Ok(())
        } else {
            Err(BuildError::UnknownPlatform { platform, name, root: self.root.clone() })
        }
    }
}

/// EAL checks every directory on the way to its drivers (lib/eal/common/eal_common_options.c, `verify_perms`).
fn refuse_world_writable(prefix: &Path) -> Result<(), BuildError> {
    let is_open = |directory: &&Path| fs::metadata(directory).is_ok_and(|data| data.permissions().mode() & 0o002 != 0);
    match prefix.ancestors().find(is_open) {
        Some(directory) => Err(BuildError::WorldWritable { directory: directory.to_owned() }),
        None => Ok(()),
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

    fn tree(folder: &Path) -> SourceTree {
        assert!(matches!(SourceTree::open(folder), Err(BuildError::NotDpdk { .. })));
        for (file, text) in [
            ("lib/eal/meson.build", ""),
            ("meson_options.txt", "option('tests', type: 'boolean')\noption('enable_docs', type: 'boolean')\n"),
            ("config/arm/meson.build", "socs = {\n    'bluefield': soc_bluefield,\n}\n"),
        ] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        SourceTree::open(folder).unwrap()
    }

    fn options(platform: Platform, drivers: Option<&str>) -> BuildOptions {
        BuildOptions { prefix: PathBuf::from("/opt/dpdk"), platform, drivers: drivers.map(|names| names.parse().unwrap()) }
    }

    #[test]
    fn the_tree_is_asked_for_the_drivers_and_only_the_options_that_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let tree = tree(folder.path());
        let [setup, install] = tree.commands(&options(Platform::Native, Some("net/null")), Path::new("/b")).unwrap();
        let setup = format!("{setup:?}");
        let parts = ["--prefix=/opt/dpdk", "-Denable_drivers=bus/vdev,mempool/ring,net/null", "-Dplatform=native", "-Dtests=false"];
        for part in parts {
            assert!(setup.contains(part), "{part}: {setup}");
        }
        assert!(!setup.contains("disable_apps") && !setup.contains("--cross-file"), "{setup}");
        assert!(format!("{install:?}").contains("install"));
        let [setup, _] = tree.commands(&options(Platform::Generic, None), Path::new("/b")).unwrap();
        let setup = format!("{setup:?}");
        assert!(setup.contains("-Ddisable_drivers=baseband/*") && setup.contains("-Dplatform=generic"), "{setup}");
    }

    #[test]
    fn a_prefix_that_eal_refuses_drivers_from_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = refuse_world_writable(&folder.path().join("dpdk/new")).unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
        refuse_world_writable(Path::new("/usr/lib/dpdk")).unwrap();
    }

    #[test]
    #[cfg(not(target_arch = "aarch64"))]
    fn bluefield_is_built_with_cross_files_if_the_tree_knows_it() {
        let folder = tempfile::tempdir().unwrap();
        let tree = tree(folder.path());
        let [setup, _] = tree.commands(&options(Platform::BlueField2, None), Path::new("/b")).unwrap();
        let setup = format!("{setup:?}");
        let files: Vec<&str> = setup.split('"').filter(|part| part.ends_with(".ini")).collect();
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert!(text.contains("aarch64-linux-gnu-gcc") && text.contains("platform = 'bluefield'"), "{setup}: {text}");
        let error = tree.commands(&options(Platform::BlueField3, None), Path::new("/b")).unwrap_err().to_string();
        assert!(error.contains("bluefield-3") && error.contains("`bluefield3`") && error.contains("arm64"), "{error}");
    }
}
