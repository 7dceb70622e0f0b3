use std::marker::PhantomData;
use std::sync::Arc;

use dpdk_sys as sys;

use super::Eal;

/// The calling thread's registration with EAL, until it is dropped.
///
/// An unregistered thread has no lcore id and so bypasses the mempool cache (DPDK programmer's guide, EAL, known issues): about
/// 8 ns a frame.
#[derive(Debug)]
pub(crate) struct Registered {
    _eal: Arc<Eal>,
    /// A registration belongs to its thread.
    _thread: PhantomData<*const ()>,
}

impl Registered {
    pub(crate) fn current_thread(eal: Arc<Eal>) -> Result<Self, String> {
        // SAFETY: EAL is initialised as long as `eal` lives, and a thread that is registered already keeps its registration.
        let result = unsafe { sys::rte_thread_register() };
        if result == 0 { Ok(Registered { _eal: eal, _thread: PhantomData }) } else { Err(super::error_text()) }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: registered in `current_thread` by this very thread, since the type is not Send; EAL still lives.
        unsafe { sys::rte_thread_unregister() };
    }
}
