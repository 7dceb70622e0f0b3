//! Threads that poll: a CPU of their own, and a registration with EAL.

use std::marker::PhantomData;
use std::sync::Arc;

use dpdk_sys as sys;

use super::eal::Eal;
use super::errno::error_text;
use super::log;
use crate::cpu::CpuId;
use crate::error::DataplaneError;

/// The calling thread's registration with EAL, until the value is dropped.
///
/// A thread without registration has no lcore id and bypasses the mempool cache, which costs about 8 ns a frame (DPDK programmer's guide,
/// EAL, known issues).
#[derive(Debug)]
pub(crate) struct Registered {
    _eal: Arc<Eal>,
    /// A registration belongs to its thread.
    _thread: PhantomData<*const ()>,
}

impl Registered {
    pub(crate) fn current_thread(eal: Arc<Eal>) -> Result<Self, String> {
        // SAFETY: EAL is initialised as long as `eal` lives. A thread that is registered already keeps its registration.
        let result = unsafe { sys::rte_thread_register() };
        if result == 0 { Ok(Registered { _eal: eal, _thread: PhantomData }) } else { Err(error_text()) }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: registered in `current_thread` by this thread, since the type is not Send; EAL is alive.
        unsafe { sys::rte_thread_unregister() };
    }
}

/// A CPU that one poll loop has for itself.
#[derive(Debug)]
pub(crate) struct CpuClaim {
    eal: Arc<Eal>,
    cpu: CpuId,
}

impl CpuClaim {
    /// Claims a CPU for one poll loop; without `wanted`, the highest allowed one that is free.
    fn new(eal: &Arc<Eal>, wanted: Option<CpuId>) -> Result<CpuClaim, DataplaneError> {
        let allowed = CpuId::allowed();
        let mut polling = eal.polling_cpus();
        let cpu = match wanted {
            Some(cpu) if !allowed.contains(&cpu) => return Err(DataplaneError::cpu_not_allowed(cpu, &allowed)),
            Some(cpu) => cpu,
            None => allowed.iter().rev().copied().find(|cpu| !polling.contains(cpu)).or(allowed.last().copied()).unwrap_or(CpuId::new(0)),
        };
        if !polling.insert(cpu) && !eal.shares_cpus() {
            return Err(DataplaneError::Cpu {
                cpu,
                why: "another poll loop of this process runs on it, and two loops on one CPU would disturb each other".to_owned(),
                allowed: DataplaneError::list_cpus(&allowed),
            });
        }
        Ok(CpuClaim { eal: Arc::clone(eal), cpu })
    }

    pub(crate) fn cpu(&self) -> CpuId {
        self.cpu
    }
}

impl Drop for CpuClaim {
    fn drop(&mut self) {
        self.eal.polling_cpus().remove(&self.cpu);
    }
}

/// Pins the calling thread to a CPU of its own and registers it with EAL, until the result is dropped.
pub(crate) fn pin(eal: &Arc<Eal>, cpu: Option<CpuId>, port: &str) -> Result<(Registered, CpuClaim), DataplaneError> {
    let failed = |reason: String| DataplaneError::Thread { name: port.to_owned(), reason };
    let claim = CpuClaim::new(eal, cpu)?;
    claim.cpu().pin_current_thread().map_err(|error| failed(format!("CPU {}: {error}", claim.cpu())))?;
    let registered = Registered::current_thread(Arc::clone(eal)).map_err(|error| failed(format!("rte_thread_register: {error}")))?;
    log::take();
    Ok((registered, claim))
}
