//! The environment abstraction layer: DPDK's memory, CPUs and devices, once per process.

mod allow_list;
mod arguments;
mod options;

pub use options::{EalOptions, Memory};

use std::collections::BTreeSet;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dpdk_sys as sys;
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::claim::Claims;
use super::devargs::PortSpec;
use super::errno::error_text;
use super::{installed_drivers, log};
use crate::cpu::CpuId;
use crate::error::DataplaneError;
use crate::time::{TickCalibration, TickSource};

/// Versions of DPDK.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DpdkVersion {
    /// The version of the headers that the program was built with.
    pub built: String,
    /// The version of the loaded library.
    pub running: String,
}

impl DpdkVersion {
    /// The versions of this process. Loads DPDK first.
    pub(crate) fn of_this_process() -> Result<Self, DataplaneError> {
        let running = sys::running().map_err(DataplaneError::Dpdk)?;
        Ok(DpdkVersion { built: sys::built(), running })
    }
}

/// Proof that EAL is initialised. Ports and pools hold a reference, so EAL is cleaned up after all ports are closed and all pools freed.
#[derive(Debug)]
pub(crate) struct Eal {
    claims: Mutex<Claims>,
    closed: Mutex<BTreeSet<String>>,
    opening: Mutex<()>,
    polling: Mutex<BTreeSet<CpuId>>,
    calibration: TickCalibration,
    huge_pages: bool,
    shared_cpus: bool,
    /// What DPDK logged while it looked for devices.
    startup_log: String,
}

/// `rte_eal_init` works once in a process, even after `rte_eal_cleanup` (DPDK eal.c, `run_once`).
static INITIALISED: AtomicBool = AtomicBool::new(false);

impl Eal {
    /// EAL for the unit tests of this crate, which run in one process: without devices, in ordinary memory.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Arc<Eal> {
        static EAL: std::sync::OnceLock<Arc<Eal>> = std::sync::OnceLock::new();
        let options = EalOptions { memory: Memory::NoHuge { megabytes: 128 }, shared_cpus: true, ..EalOptions::default() };
        Arc::clone(EAL.get_or_init(|| Eal::start(&options).unwrap()))
    }

    /// Initialises EAL: its memory, its main thread and the devices of `options`.
    pub(crate) fn start(options: &EalOptions) -> Result<Arc<Eal>, DataplaneError> {
        sys::load().map_err(DataplaneError::Dpdk)?;
        refuse_duplicates(&options.devices)?;
        let main_cpu = main_cpu(options.main_cpu)?;
        let memory = arguments::decide(options.memory, arguments::free_huge_megabytes());
        let arguments = arguments::build(options, memory, main_cpu, installed_drivers::has("bus_auxiliary"))?;
        if INITIALISED.swap(true, Ordering::SeqCst) {
            return Err(DataplaneError::AlreadyInitialised);
        }
        let calibration = TickCalibration::begin();
        if let Some(why) = TickSource::unsteady() {
            tracing::warn!("{why}; rates and delays can be wrong: see `linerate doctor`");
        }
        log::capture();
        init_eal(arguments, main_cpu, memory)?;
        let huge_pages = matches!(memory, Memory::HugePages { .. });
        let startup_log = log::as_clause();
        Ok(Arc::new(Eal {
            claims: Mutex::default(),
            closed: Mutex::default(),
            opening: Mutex::default(),
            polling: Mutex::default(),
            calibration,
            huge_pages,
            shared_cpus: options.shared_cpus,
            startup_log,
        }))
    }

    /// The ports that this process uses. The lock is held while a port is closed: DPDK's device calls are not thread-safe.
    pub(super) fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ports of devices that this process has closed. DPDK removes such a port (`rte_eth_dev_close`).
    pub(super) fn closed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held while a port is opened, so that a port that is claimed is also started.
    pub(super) fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What DPDK logged while it looked for devices, as a clause for an error message.
    pub(super) fn startup_log(&self) -> &str {
        &self.startup_log
    }

    /// CPUs with a poll loop.
    pub(super) fn polling_cpus(&self) -> MutexGuard<'_, BTreeSet<CpuId>> {
        self.polling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calibration(&self) -> TickCalibration {
        self.calibration
    }

    /// Whether several poll loops may run on one CPU.
    pub(super) fn shares_cpus(&self) -> bool {
        self.shared_cpus
    }

    pub(crate) fn has_huge_pages(&self) -> bool {
        self.huge_pages
    }
}

impl Drop for Eal {
    fn drop(&mut self) {
        // SAFETY: initialised in `Eal::start`, whose flag allows one Eal, so this runs once. Ports, pools and registrations hold an Arc of it
        // and no longer exist.
        let error = unsafe { sys::rte_eal_cleanup() };
        if error != 0 {
            tracing::warn!(error, "rte_eal_cleanup failed; the kernel frees the resources when the process ends");
        }
    }
}

fn refuse_duplicates(devices: &[PortSpec]) -> Result<(), DataplaneError> {
    let mut ports = BTreeSet::new();
    // One device can have several representors. Another spelling, or other arguments, do not make another port.
    let mut keys = devices.iter().flat_map(|device| {
        let representors = device.representors().map_or_else(|| vec![None], |all| all.into_iter().map(Some).collect());
        representors.into_iter().map(move |representor| (device, representor))
    });
    match keys.find(|(device, representor)| !ports.insert((device.name(), *representor))) {
        Some((twice, _)) => Err(DataplaneError::DuplicatePort { name: twice.label() }),
        None => Ok(()),
    }
}

fn main_cpu(wanted: Option<CpuId>) -> Result<CpuId, DataplaneError> {
    let allowed = CpuId::allowed();
    let cpu = wanted.or_else(|| allowed.first().copied()).unwrap_or(CpuId::new(0));
    if allowed.contains(&cpu) { Ok(cpu) } else { Err(DataplaneError::cpu_not_allowed(cpu, &allowed)) }
}

fn init_eal(arguments: Vec<String>, main_cpu: CpuId, memory: Memory) -> Result<(), DataplaneError> {
    let shown = arguments[1..].join(" ");
    let failed = |reason: String| {
        let advice = match memory {
            Memory::HugePages { .. } => "Reserve huge pages (`echo 1024 > /proc/sys/vm/nr_hugepages`), or do without (`--no-huge`)",
            _ => "Start as root, check the arguments, and see `linerate doctor`",
        };
        DataplaneError::Init { reason, arguments: shown.clone(), log: log::as_clause(), advice: advice.to_owned() }
    };
    let mut argv = Vec::with_capacity(arguments.len() + 1);
    for argument in &arguments {
        let text = CString::new(argument.as_str()).map_err(|_| failed(format!("an argument has a NUL byte: {argument:?}")))?;
        // Never freed: EAL keeps pointers into its arguments and reorders them.
        argv.push(text.into_raw());
    }
    let argc = i32::try_from(argv.len()).map_err(|_| failed("too many arguments".to_owned()))?;
    argv.push(std::ptr::null_mut());
    let argv: &'static mut [*mut std::ffi::c_char] = argv.leak();

    // EAL's own threads get the caller's affinity minus the CPUs of its lcores. With the affinity narrowed to the main CPU they stay on it
    // and off the CPUs that poll.
    let affinity = sched_getaffinity(Pid::from_raw(0)).map_err(|error| failed(error.to_string()))?;
    main_cpu.pin_current_thread().map_err(|error| failed(error.to_string()))?;
    // SAFETY: argv holds argc NUL-terminated strings and a null pointer, all alive and writable as long as the process; the flag in
    // `Eal::start` makes this the only call.
    let result = unsafe { sys::lr_eal_init(argc, argv.as_mut_ptr()) };
    let reason = (result < 0).then(error_text);
    let restored = sched_setaffinity(Pid::from_raw(0), &affinity);
    match (reason, restored) {
        (Some(reason), _) => Err(failed(reason)),
        (None, Err(error)) => Err(failed(format!("the CPU affinity could not be restored: {error}"))),
        (None, Ok(())) => Ok(()),
    }
}
