//! Loads DPDK: the shim is in the program, and brings DPDK's libraries with it. The program starts without them.

use std::ffi::c_void;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use nix::sys::memfd::{MFdFlags, memfd_create};
use thiserror::Error;

use crate::bindings::NAMES;
use crate::installed::{Installed, directories_in_use, installed};
use crate::processor;
use crate::version::{Abi, built, check_version, of_library};

/// The shim, linked with DPDK.
static SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/liblinerate_dpdk.so"));

/// What the build script knows of DPDK.
pub(crate) mod facts {
    include!(concat!(env!("OUT_DIR"), "/facts.rs"));
}

/// The address of each function.
static ADDRESSES: [AtomicPtr<c_void>; NAMES.len()] = [const { AtomicPtr::new(not_loaded as *mut c_void) }; NAMES.len()];

/// Stands for every function until [`load`] has succeeded. Calling one is undefined for the caller's types, so it ends the process.
extern "C" fn not_loaded() -> ! {
    eprintln!("a function of DPDK was called before DPDK was loaded");
    std::process::abort()
}

#[inline(always)]
pub(crate) fn address(at: usize) -> *mut c_void {
    ADDRESSES[at].load(Ordering::Relaxed)
}

/// DPDK cannot be used. Each message names the DPDK of the build and the one that is there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    /// A library of DPDK is missing, or cannot be loaded.
    #[error(
        "DPDK cannot be loaded: linerate was built with DPDK {built}, whose libraries end in .so.{abi}, and the loader says: {reason}. Installed here: {installed}. \
         Install the runtime of DPDK {built}, point LD_LIBRARY_PATH at it, or build linerate with the DPDK that is here"
    )]
    Missing {
        /// Version of the headers.
        built: String,
        /// The number behind `.so.`.
        abi: u32,
        /// What the dynamic loader says.
        reason: String,
        /// The DPDKs that were found.
        installed: String,
    },
    /// The CPU lacks instructions that DPDK uses.
    #[error(
        "DPDK cannot be used on this CPU ({cpu}): the DPDK {built} that linerate was built with uses instructions that the CPU does not have: {missing}. Use \
         another machine, or build a DPDK for any CPU (scripts/build-dpdk --for generic) and linerate with it"
    )]
    Processor {
        /// Version of the headers.
        built: String,
        /// The name of the CPU.
        cpu: String,
        /// DPDK's names of the instructions.
        missing: String,
    },
    /// Shared libraries of DPDK beside the static ones in the program.
    #[error(
        "DPDK cannot be used: linerate contains DPDK {built} (static), but shared libraries of DPDK are loaded too, from {directories}. Unset LD_PRELOAD, or \
         build linerate with the shared DPDK"
    )]
    StaticAndShared {
        /// Version of the headers.
        built: String,
        /// Where the shared libraries are.
        directories: String,
    },
    /// Libraries of two DPDKs.
    #[error(
        "DPDK cannot be used: its libraries come from several directories ({directories}), so they may be of several DPDKs. linerate was built with DPDK \
         {built}: point LD_LIBRARY_PATH at one complete DPDK, or unset it"
    )]
    Mixed {
        /// Version of the headers.
        built: String,
        /// Where the libraries are.
        directories: String,
    },
    /// The library has another ABI, or is older than the headers.
    #[error(
        "linerate was built with DPDK {built}, but the loaded DPDK is {running} ({directory}), whose ABI differs: rebuild linerate, or point LD_LIBRARY_PATH at \
         DPDK {built}"
    )]
    Version {
        /// Version of the headers.
        built: String,
        /// Version of the library.
        running: String,
        /// Where the library is.
        directory: String,
    },
}

/// Loads DPDK, once in a process. Later calls return the same result.
pub fn load() -> Result<(), LoadError> {
    static RESULT: OnceLock<Result<(), LoadError>> = OnceLock::new();
    RESULT.get_or_init(load_once).clone()
}

/// The version of the library. Loads DPDK first.
pub fn running() -> Result<String, LoadError> {
    load().map(|()| of_library())
}

/// The libraries and drivers of a DPDK that is inside the program, such as `net_null`; `None` where DPDK is loaded from files.
pub fn static_libraries() -> Option<&'static [&'static str]> {
    facts::IS_STATIC.then_some(facts::STATIC_LIBRARIES)
}

fn load_once() -> Result<(), LoadError> {
    let built = built();
    let instructions = processor::missing(facts::CPU_FLAGS);
    if !instructions.is_empty() {
        return Err(LoadError::Processor { built, cpu: processor::name(), missing: instructions.join(", ") });
    }
    let missing = |reason: String| LoadError::Missing {
        built: built.clone(),
        abi: Abi::of(&built).map_or(0, Abi::major),
        reason,
        installed: Installed::list(&installed()),
    };
    let library = open_shim().map_err(&missing)?;
    let mut addresses = Vec::with_capacity(NAMES.len());
    for name in NAMES {
        // SAFETY: only the address is read; the type is that of the generated caller, from the headers of the build.
        let symbol = unsafe { library.get::<*mut c_void>(name.to_bytes_with_nul()) };
        addresses.push(symbol.map_err(|error| missing(shortened(&error)))?.into_raw());
    }
    // Unloading would take away code that DPDK's threads run.
    std::mem::forget(library);
    let directories: Vec<String> = directories_in_use().iter().map(|directory| directory.display().to_string()).collect();
    refuse_mix(facts::IS_STATIC, &built, &directories)?;
    for (slot, address) in ADDRESSES.iter().zip(addresses) {
        slot.store(address, Ordering::Release);
    }
    check_version().map_err(|mismatch| LoadError::Version {
        built: mismatch.built,
        running: mismatch.running,
        directory: if facts::IS_STATIC { "static".to_owned() } else { directories.join(", ") },
    })
}

/// Each copy of EAL has its own devices, memory and drivers. Two in one process end in a panic, or in drivers that no one finds.
fn refuse_mix(is_static: bool, built: &str, directories: &[String]) -> Result<(), LoadError> {
    let (built, directories, count) = (built.to_owned(), directories.join(", "), directories.len());
    match (is_static, count) {
        (true, 1..) => Err(LoadError::StaticAndShared { built, directories }),
        (false, 2..) => Err(LoadError::Mixed { built, directories }),
        _ => Ok(()),
    }
}

fn open_shim() -> Result<Library, String> {
    let file = memfd_create(c"linerate-dpdk", MFdFlags::MFD_CLOEXEC).map_err(|error| format!("memory for the shim: {error}"))?;
    let mut file = File::from(file);
    file.write_all(SHIM).map_err(|error| format!("memory for the shim: {error}"))?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
    // SAFETY: the shim has no initialisers of its own; those of DPDK register its buses and drivers, and need nothing else.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| shortened(&error))
}

/// What the dynamic loader says, in one line and without the name of the file in memory.
fn shortened(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let text = source.lines().next().unwrap_or_default();
    text.strip_prefix("/proc/self/fd/").and_then(|text| text.split_once(": ")).map_or(text, |(_, text)| text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_of_copies_of_dpdk_is_refused() {
        let directories = ["/opt/dpdk/lib".to_owned(), "/usr/lib".to_owned()];
        for (is_static, count) in [(false, 0), (false, 1), (true, 0)] {
            assert_eq!(refuse_mix(is_static, "24.11.3", &directories[..count]), Ok(()));
        }
        let error = refuse_mix(true, "24.11.3", &directories[..1]).unwrap_err().to_string();
        assert!(error.contains("contains DPDK 24.11.3 (static)") && error.contains("loaded too, from /opt/dpdk/lib."), "{error}");
        let error = refuse_mix(false, "24.11.3", &directories).unwrap_err().to_string();
        assert!(error.contains("several directories (/opt/dpdk/lib, /usr/lib)"), "{error}");
    }
}
