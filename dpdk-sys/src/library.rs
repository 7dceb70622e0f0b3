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
use crate::version::{Abi, built, check_version, of_library};

/// The shim, linked with DPDK.
static SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/liblinerate_dpdk.so"));

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

fn load_once() -> Result<(), LoadError> {
    let built = built();
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
    if directories.len() > 1 {
        return Err(LoadError::Mixed { built, directories: directories.join(", ") });
    }
    for (slot, address) in ADDRESSES.iter().zip(addresses) {
        slot.store(address, Ordering::Release);
    }
    check_version().map_err(|mismatch| LoadError::Version {
        built: mismatch.built,
        running: mismatch.running,
        directory: directories.join(", "),
    })
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
