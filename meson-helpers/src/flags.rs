//! The flags that a program needs to use a DPDK.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::OLDEST;
use crate::linkage::Linkage;
use crate::search::{self, Installation, Places, Search};

/// A DPDK with its flags, as pkg-config describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dpdk {
    version: String,
    cflags: Vec<String>,
    linkage: Linkage,
    link_arguments: Vec<String>,
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
    /// No place has a DPDK that is new enough.
    #[error(
        "DPDK {OLDEST} or newer was not found:\n{search}\
         Run scripts/setup, or install the package libdpdk-dev (Debian, Ubuntu) or dpdk-devel (Fedora, RHEL).\n\
         A DPDK of your own: set LINERATE_DPDK to its prefix, or PKG_CONFIG_PATH to the directory that holds its libdpdk.pc."
    )]
    NotFound {
        /// What was found.
        search: Box<Search>,
    },
    /// pkg-config refuses the DPDK that was found.
    #[error("{installation}\npkg-config cannot use it: {said}")]
    Refused {
        /// The DPDK.
        installation: Box<Installation>,
        /// What pkg-config said.
        said: String,
    },
    /// pkg-config's answer is not UTF-8.
    #[error("pkg-config's flags for libdpdk are not UTF-8: the path of DPDK has bytes in it that no build system can pass on")]
    NotText,
    /// A build for another machine with this machine's pkg-config.
    #[error(
        "linerate is built for {target} on {host}, but pkg-config would give the DPDK of this machine: use scripts/build-arm64, or set PKG_CONFIG to \
         that of the target (such as aarch64-linux-gnu-pkg-config) and PKG_CONFIG_ALLOW_CROSS=1"
    )]
    OtherMachine {
        /// What is built for.
        target: String,
        /// What builds.
        host: String,
    },
    /// Some libraries are there only as static ones, and others only as shared ones.
    #[error(
        "the libraries of DPDK in {} are a mix: {} only static (.a), {} only shared (.so). Two copies of EAL in one program do not work: install one \
         complete DPDK there, all shared or all static",
        directory.display(), only_static.join(", "), only_shared.join(", ")
    )]
    Mixed {
        /// Where they are.
        directory: PathBuf,
        /// Without a shared form.
        only_static: Vec<String>,
        /// Without a static form.
        only_shared: Vec<String>,
    },
    /// `LINERATE_DPDK_LINK` asks for a form that is not there.
    #[error(
        "LINERATE_DPDK_LINK={wanted:?}, but the libraries of {installation}; use a form that is there, or build it: scripts/build-dpdk --help"
    )]
    NoSuchForm {
        /// The value.
        wanted: String,
        /// The DPDK.
        installation: Box<Installation>,
    },
}

impl Dpdk {
    /// The DPDK that [`Search`] takes. Honours PKG_CONFIG, PKG_CONFIG_PATH, PKG_CONFIG_LIBDIR and PKG_CONFIG_SYSROOT_DIR, as pkg-config does, and
    /// LINERATE_DPDK (a prefix) and LINERATE_DPDK_LINK (`shared` or `static`).
    ///
    /// The pkg-config crate keeps `-I`, `-D`, `-l` and `-L` and drops the rest; DPDK's headers do not compile without
    /// `-include rte_config.h` and the `-march` or `-mcpu` it was built with, so its output is read here.
    pub fn find() -> Result<Self, FindError> {
        refuse_other_machine()?;
        let search = Search::run(&Places::of_environment());
        let Some(taken) = &search.taken else { return Err(FindError::NotFound { search: Box::new(search) }) };
        let ask = |arguments: &[&str]| ask(taken, arguments);
        ask(&["--print-errors", "--exists", "libdpdk"])?;
        let version = ask(&["--modversion", "libdpdk"])?.trim().to_owned();
        let cflags = split_flags(&ask(&["--cflags", "libdpdk"])?);
        let linkage = wanted_form(taken, env::var("LINERATE_DPDK_LINK").ok().as_deref())?;
        let libs = match linkage {
            Linkage::Shared => ask(&["--libs", "libdpdk"])?,
            Linkage::Static => ask(&["--static", "--libs", "libdpdk"])?,
        };
        let libs = split_flags(&libs);
        refuse_mix(Path::new(ask(&["--variable=libdir", "libdpdk"])?.trim()), &names(&libs))?;
        let link_arguments = match linkage {
            Linkage::Shared => shared_arguments(&libs),
            Linkage::Static => static_arguments(libs),
        };
        Ok(Dpdk { version, cflags, linkage, link_arguments })
    }

    /// The version, such as `22.11.11`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every compiler flag, in order, for the C compiler and for bindgen alike: if they differ, so do the layouts.
    pub fn cflags(&self) -> &[String] {
        &self.cflags
    }

    /// In which form its libraries are linked.
    pub fn linkage(&self) -> Linkage {
        self.linkage
    }

    /// What the linker needs, in order.
    pub fn link_arguments(&self) -> &[String] {
        &self.link_arguments
    }
}

/// Tells Cargo when to look again. For a build script, before [`Dpdk::find`], so that it also looks again after a failure.
pub fn print_rerun_lines() {
    let of_pkg_config = ["PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR", "PKG_CONFIG_ALLOW_CROSS"];
    for variable in of_pkg_config.iter().chain(&["LINERATE_DPDK", "LINERATE_DPDK_LINK"]) {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    // Headers of packages are older than the build, so that their times do not show that another DPDK was installed.
    for directory in Search::run(&Places::of_environment()).directories() {
        println!("cargo::rerun-if-changed={}", directory.display());
    }
}

/// TARGET and HOST are set in build scripts.
fn refuse_other_machine() -> Result<(), FindError> {
    let (Ok(target), Ok(host)) = (env::var("TARGET"), env::var("HOST")) else { return Ok(()) };
    // A libc of the same processor can still use this machine's pkg-config.
    let processor = |triple: &str| triple.split('-').next().unwrap_or_default().to_owned();
    let allowed = env::var_os("PKG_CONFIG_ALLOW_CROSS").is_some() || env::var_os("PKG_CONFIG_SYSROOT_DIR").is_some();
    if processor(&target) == processor(&host) || allowed { Ok(()) } else { Err(FindError::OtherMachine { target, host }) }
}

/// Asks pkg-config. It looks in the directory of the DPDK that was taken before all others.
fn ask(taken: &Installation, arguments: &[&str]) -> Result<String, FindError> {
    let program = search::pkg_config_program();
    let path = env::var_os("PKG_CONFIG_PATH").unwrap_or_default();
    let first = std::iter::once(taken.directory.clone()).chain(env::split_paths(&path));
    let mut command = Command::new(&program);
    command.args(arguments);
    // A path with a colon cannot be written; pkg-config then uses its own order.
    if let Ok(path) = env::join_paths(first) {
        command.env("PKG_CONFIG_PATH", path);
    }
    let output = command.output().map_err(|source| FindError::NoPkgConfig { program: program.clone(), source })?;
    if !output.status.success() {
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Err(FindError::Refused { installation: Box::new(taken.clone()), said: said.trim().to_owned() });
    }
    String::from_utf8(output.stdout).map_err(|_| FindError::NotText)
}

fn wanted_form(taken: &Installation, wanted: Option<&str>) -> Result<Linkage, FindError> {
    let missing = |wanted: &str| FindError::NoSuchForm { wanted: wanted.to_owned(), installation: Box::new(taken.clone()) };
    match wanted {
        // Libraries may also be in a directory that only the linker knows: then it decides.
        None | Some("") => Ok(taken.forms.first().copied().unwrap_or(Linkage::Shared)),
        Some(wanted) => taken.forms.iter().find(|form| form.to_string() == wanted).copied().ok_or_else(|| missing(wanted)),
    }
}

/// The names of DPDK's libraries in the linker's flags, without `lib`.
fn names(flags: &[String]) -> BTreeSet<String> {
    let name = |flag: &String| {
        let name = flag.strip_prefix("-l")?;
        let name = name.strip_prefix(":lib").and_then(|name| name.strip_suffix(".a")).unwrap_or(name);
        name.starts_with("rte_").then(|| name.to_owned())
    };
    flags.iter().filter_map(name).collect()
}

/// Drivers are static in this directory and shared in a folder of their own, so they prove nothing; every other library has the forms of EAL.
fn refuse_mix(directory: &Path, libraries: &BTreeSet<String>) -> Result<(), FindError> {
    const DRIVERS: [&str; 15] =
        ["baseband", "bus", "common", "compress", "crypto", "dma", "event", "gpu", "mempool", "ml", "net", "power", "raw", "regex", "vdpa"];
    let is_driver = |name: &&String| {
        let class = name.trim_start_matches("rte_").split_once('_').map_or("", |(class, _)| class);
        DRIVERS.contains(&class)
    };
    let (mut only_static, mut only_shared) = (Vec::new(), Vec::new());
    for name in libraries.iter().filter(|name| !is_driver(name)) {
        match (Linkage::Shared.file(directory, name).exists(), Linkage::Static.file(directory, name).exists()) {
            (true, false) => only_shared.push(name.clone()),
            (false, true) => only_static.push(name.clone()),
            _ => {}
        }
    }
    if only_static.is_empty() || only_shared.is_empty() {
        return Ok(());
    }
    Err(FindError::Mixed { directory: directory.to_owned(), only_static, only_shared })
}

/// Only DPDK's own libraries: what they need in turn (libbsd …) they load themselves. A DPDK that the dynamic loader does not find by itself is
/// named in the program, and all that its drivers need with it: libraries, buses and what drivers share. EAL loads drivers by their paths, but the
/// loader looks for what they need in its own directories, where another DPDK may be, and a second copy of a bus ends in a panic.
fn shared_arguments(flags: &[String]) -> Vec<String> {
    let directories: Vec<&str> = flags.iter().filter_map(|flag| flag.strip_prefix("-L")).collect();
    let mut arguments = vec![if directories.is_empty() { "-Wl,--as-needed" } else { "-Wl,--no-as-needed" }.to_owned()];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for &directory in &directories {
        if seen.insert(directory) {
            // RUNPATH: LD_LIBRARY_PATH comes first.
            arguments.extend([format!("-L{directory}"), format!("-Wl,--enable-new-dtags,-rpath,{directory}")]);
        }
    }
    for flag in flags.iter().filter(|flag| flag.starts_with("-lrte_")) {
        if seen.insert(flag) {
            arguments.push(flag.clone());
        }
    }
    arguments.extend(directories.iter().flat_map(|directory| shared_by_drivers(Path::new(directory))));
    arguments
}

/// The libraries in a directory that several drivers need. DPDK's installation links them there from the folder of drivers.
fn shared_by_drivers(directory: &Path) -> Vec<String> {
    let name = |file: std::fs::DirEntry| {
        let name = file.file_name().to_string_lossy().into_owned();
        let name = name.strip_prefix("lib")?.strip_suffix(".so")?;
        ["rte_bus_", "rte_common_", "rte_mempool_"].iter().any(|class| name.starts_with(class)).then(|| format!("-l{name}"))
    };
    let mut names: Vec<String> = std::fs::read_dir(directory).into_iter().flatten().flatten().filter_map(name).collect();
    names.sort();
    names
}

/// Every object, because drivers register themselves and nothing refers to them. `-lrte_*` would add a shared copy where there is one.
fn static_arguments(flags: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let is_wanted = |flag: &String| {
        let is_archive = flag.starts_with("-l:librte_");
        !flag.starts_with("-lrte_") && (!is_archive || seen.insert(flag.clone()))
    };
    flags.into_iter().filter(is_wanted).collect()
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
    use crate::search::Origin;

    const SHARED: &str = "-L/opt/my\\ dpdk/lib -Wl,--as-needed -lrte_ethdev -lrte_eal -lrte_ethdev -lbsd\n";

    #[test]
    fn every_flag_is_kept_in_order() {
        let flags = split_flags("-I/usr/include/dpdk -include rte_config.h -march=corei7 -I/opt/my\\ dpdk/include \n");
        assert_eq!(flags, ["-I/usr/include/dpdk", "-include", "rte_config.h", "-march=corei7", "-I/opt/my dpdk/include"]);
    }

    #[test]
    fn a_dpdk_outside_the_loaders_directories_is_named_in_the_program() {
        let own = shared_arguments(&split_flags(SHARED));
        let rpath = "-Wl,--enable-new-dtags,-rpath,/opt/my dpdk/lib";
        assert_eq!(own, ["-Wl,--no-as-needed", "-L/opt/my dpdk/lib", rpath, "-lrte_ethdev", "-lrte_eal"]);
        assert_eq!(shared_arguments(&split_flags("-lrte_eal -lbsd")), ["-Wl,--as-needed", "-lrte_eal"]);
    }

    #[test]
    fn what_several_drivers_need_is_taken_from_the_same_dpdk() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["librte_bus_pci.so", "librte_bus_pci.so.23", "librte_common_mlx5.so", "librte_net_null.so", "librte_mempool_ring.a"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let arguments = shared_arguments(&[format!("-L{}", folder.path().display()), "-lrte_eal".to_owned()]);
        assert_eq!(arguments[3..], ["-lrte_eal", "-lrte_bus_pci", "-lrte_common_mlx5"]);
    }

    #[test]
    fn static_libraries_are_linked_whole_once_and_in_no_other_form() {
        let flags =
            "-Wl,--whole-archive -L/p/lib -l:librte_net_null.a -l:librte_eal.a -l:librte_eal.a -Wl,--no-whole-archive -lrte_eal -lnuma";
        let expected = "-Wl,--whole-archive -L/p/lib -l:librte_net_null.a -l:librte_eal.a -Wl,--no-whole-archive -lnuma";
        assert_eq!(static_arguments(split_flags(flags)).join(" "), expected);
        assert_eq!(names(&split_flags(flags)).into_iter().collect::<Vec<_>>(), ["rte_eal", "rte_net_null"]);
    }

    #[test]
    fn a_mix_of_static_and_shared_libraries_is_refused_with_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let libraries = names(&split_flags("-lrte_eal -lrte_ethdev -lrte_mbuf -l:librte_net_null.a"));
        let write = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        for name in ["librte_eal.so", "librte_ethdev.so", "librte_mbuf.so", "librte_mbuf.a", "librte_net_null.a"] {
            write(name);
        }
        refuse_mix(folder.path(), &libraries).unwrap();
        std::fs::rename(folder.path().join("librte_eal.so"), folder.path().join("librte_eal.a")).unwrap();
        let error = refuse_mix(folder.path(), &libraries).unwrap_err().to_string();
        for part in
            ["rte_eal only static (.a)", "rte_ethdev only shared (.so)", &folder.path().display().to_string(), "all shared or all static"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn the_form_is_chosen_and_a_missing_one_is_named() {
        let dpdk = |forms: &[Linkage]| Installation {
            version: "24.11.3".to_owned(),
            directory: PathBuf::from("/opt/dpdk/lib/pkgconfig"),
            origin: Origin::OwnPrefix,
            forms: forms.to_vec(),
        };
        let both = dpdk(&[Linkage::Shared, Linkage::Static]);
        assert_eq!(wanted_form(&both, None).unwrap(), Linkage::Shared);
        assert_eq!(wanted_form(&both, Some("static")).unwrap(), Linkage::Static);
        assert_eq!(wanted_form(&dpdk(&[Linkage::Static]), None).unwrap(), Linkage::Static);
        let error = wanted_form(&dpdk(&[Linkage::Shared]), Some("static")).unwrap_err().to_string();
        assert!(error.contains("LINERATE_DPDK_LINK=\"static\"") && error.contains("libraries: shared"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named_with_where_to_get_it() {
        let error = FindError::NotFound { search: Box::new(Search::run(&Places::default())) }.to_string();
        for part in ["libdpdk-dev", "scripts/setup", "PKG_CONFIG_PATH", "LINERATE_DPDK", "21.11"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
