//! A pool of mbufs in DPDK's memory.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dpdk_sys as sys;

use super::eal::Eal;
use super::errno::error_text;
use super::installed_drivers;
use super::mbuf::Mbuf;
use crate::error::DataplaneError;

/// Mbufs that each lcore's mempool cache is refilled to, where nothing else is asked for.
pub(crate) const DEFAULT_CACHE: u16 = 256;

/// The largest cache (RTE_MEMPOOL_CACHE_MAX_SIZE).
pub const MOST_MEMPOOL_CACHE: u16 = 512;

/// What a pool has to hold at the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolSize {
    /// Mbufs in the rings of drivers and in bursts.
    pub(crate) in_use: u32,
    /// Poll loops of the port. Each is an lcore, and mbufs in the cache of one cannot be used by another. A poll loop of a later run can be
    /// another lcore than that of an earlier one, so every pool needs room for all caches.
    pub(crate) lcores: u32,
    /// Mbufs that the cache of each is refilled to.
    pub(crate) cache: u16,
}

impl PoolSize {
    fn mbufs(self) -> u32 {
        // A cache is flushed above one and a half times its size (rte_mempool.c, CACHE_FLUSHTHRESH_MULTIPLIER).
        self.in_use + self.lcores * (u32::from(self.cache) * 3 / 2)
    }
}

/// A pool of single-segment mbufs.
#[derive(Debug)]
pub(crate) struct Pool {
    memory: Arc<Memory>,
}

/// The memory of a pool. A driver can hold mbufs of it for longer than the pool is used: until its port is closed.
#[derive(Debug)]
pub(super) struct Memory {
    raw: NonNull<sys::rte_mempool>,
    _eal: Arc<Eal>,
}

// SAFETY: rte_mempool is made for use by several threads (multi-producer, multi-consumer ring and per-lcore caches).
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Pool {
    /// Bytes in front of every frame; drivers write their own headers there.
    const HEADROOM: u32 = sys::LR_MBUF_HEADROOM;

    /// A pool of mbufs, each with room for `bytes` bytes of frame, in the memory of NUMA node `node`; any node where none is given. Errors
    /// name `port`.
    pub(crate) fn new(eal: &Arc<Eal>, port: &str, size: PoolSize, bytes: u32, node: Option<u32>) -> Result<Pool, DataplaneError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mbufs = size.mbufs();
        // Drivers expect at least 2 KiB (RTE_MBUF_DEFAULT_DATAROOM).
        let room = bytes.max(2048) + Self::HEADROOM;
        let failed = |reason: String| DataplaneError::Mempool { name: port.to_owned(), objects: mbufs, bytes: room, reason };
        let name = CString::new(format!("lr{}", NUMBER.fetch_add(1, Ordering::Relaxed)))
            .map_err(|_| failed("the pool's name has a NUL byte".to_owned()))?;
        let room16 = u16::try_from(room).map_err(|_| failed("a frame can have at most 64 KiB".to_owned()))?;
        // SOCKET_ID_ANY is −1. Without huge pages, EAL has all memory as that of node 0.
        let node = node.filter(|_| eal.has_huge_pages()).and_then(|node| i32::try_from(node).ok()).unwrap_or(-1);
        // SAFETY: EAL is initialised while `eal` lives; the name is copied by DPDK.
        let raw = unsafe { sys::rte_pktmbuf_pool_create(name.as_ptr(), mbufs, u32::from(size.cache), 0, room16, node) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Pool { memory: Arc::new(Memory { raw, _eal: Arc::clone(eal) }) }),
            // Pools are rings, by a driver of their own.
            None => Err(failed(installed_drivers::note_if_missing("mempool_ring").unwrap_or_else(error_text))),
        }
    }

    pub(crate) fn raw(&self) -> *mut sys::rte_mempool {
        self.memory.raw.as_ptr()
    }

    /// The pool's memory, for the port whose driver uses it.
    pub(super) fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// Writes a finished frame into every mbuf, including those that a driver still holds: nothing else writes to this pool's frames.
    /// Returns false, and writes nothing, where the frame does not fit.
    #[must_use]
    pub(crate) fn fill(&mut self, template: &[u8]) -> bool {
        unsafe extern "C" fn write(_: *mut sys::rte_mempool, template: *mut std::ffi::c_void, mbuf: *mut std::ffi::c_void, _: u32) {
            // SAFETY: `template` is the reference that `fill` passes, alive during the iteration; `mbuf` is an initialised mbuf of the pool
            // with room for the template, as `fill` checked.
            unsafe {
                let template = *template.cast::<&[u8]>();
                let mbuf = Mbuf::from_raw(mbuf.cast());
                mbuf.reset(template.len() as u16);
                std::ptr::copy_nonoverlapping(template.as_ptr(), mbuf.data(), template.len());
            }
        }
        if !self.fits(template.len()) {
            return false;
        }
        let mut template = template;
        // SAFETY: the callback matches rte_mempool_obj_cb_t and gets the reference above, which outlives the call.
        unsafe { sys::rte_mempool_obj_iter(self.raw(), Some(write), (&raw mut template).cast()) };
        true
    }

    /// Whether a frame of this many bytes fits into an mbuf.
    fn fits(&self, bytes: usize) -> bool {
        // SAFETY: reads the pool's private area, written at creation.
        bytes + Self::HEADROOM as usize <= usize::from(unsafe { sys::lr_pool_data_room(self.raw()) })
    }

    /// Takes exactly `slots.len()` raw mbufs, or none.
    #[inline(always)]
    pub(crate) fn get_raw(&self, slots: &mut [*mut sys::rte_mbuf]) -> bool {
        // SAFETY: the pool is alive; the slice has room for as many pointers as are asked for.
        unsafe { sys::lr_mempool_get_bulk(self.raw(), slots.as_mut_ptr().cast(), slots.len() as u32) == 0 }
    }

    /// Puts raw mbufs back.
    ///
    /// # Safety
    /// Each belongs to this pool and to the caller, who does not use it afterwards; it has one segment, reference count 1 and no external
    /// buffer.
    #[inline(always)]
    pub(crate) unsafe fn put_raw(&self, slots: &[*mut sys::rte_mbuf]) {
        // SAFETY: the caller's contract covers the mbufs; the pool is alive.
        unsafe { sys::lr_mempool_put_bulk(self.raw(), slots.as_ptr().cast(), slots.len() as u32) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: created in `new` and freed once, here. No mbuf of it is in use: bursts borrow the pool, and the claim of a port
        // keeps the memory until the port is closed.
        unsafe { sys::rte_mempool_free(self.raw.as_ptr()) };
    }
}
