//! A pool of frames in DPDK's memory.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dpdk_sys as sys;

use super::eal::Eal;
use super::errno::error_text;
use super::mbuf::Frame;
use crate::error::DataplaneError;

/// Frames that each poll loop keeps for itself (mempool cache).
const CACHE: u32 = 256;

/// A pool of single-segment mbufs.
#[derive(Debug)]
pub(crate) struct Pool {
    raw: NonNull<sys::rte_mempool>,
    _eal: Arc<Eal>,
}

// SAFETY: rte_mempool is made for use by several threads (multi-producer, multi-consumer ring and per-lcore caches).
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Pool {
    /// Bytes of headroom in front of every frame; drivers put their own headers there.
    const HEADROOM: u32 = sys::LR_MBUF_HEADROOM;

    /// A pool of at least `frames` mbufs beyond what caches can hold back, each for `bytes` bytes of frame.
    pub(crate) fn new(eal: &Arc<Eal>, port: &str, frames: u32, bytes: u32) -> Result<Pool, DataplaneError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // 2^n − 1 uses a mempool's ring best (rte_pktmbuf_pool_create).
        let frames = (frames + 2 * CACHE).next_power_of_two() - 1;
        // 2 KiB are what drivers take for granted.
        let room = bytes.max(2048) + Self::HEADROOM;
        let failed = |reason: String| DataplaneError::Mempool { name: port.to_owned(), objects: frames, bytes: room, reason };
        let name = CString::new(format!("lr{}", NUMBER.fetch_add(1, Ordering::Relaxed))).map_err(|_| failed("bad name".to_owned()))?;
        let room16 = u16::try_from(room).map_err(|_| failed("a frame has at most 64 KiB".to_owned()))?;
        // SAFETY: EAL is initialised while `eal` lives; the name is copied by DPDK. SOCKET_ID_ANY is −1.
        let raw = unsafe { sys::rte_pktmbuf_pool_create(name.as_ptr(), frames, CACHE, 0, room16, -1) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Pool { raw, _eal: Arc::clone(eal) }),
            None => Err(failed(error_text())),
        }
    }

    pub(crate) fn raw(&self) -> *mut sys::rte_mempool {
        self.raw.as_ptr()
    }

    /// Writes a finished frame into every mbuf, also into those that a driver still holds: nothing else writes to this pool's frames.
    /// False, and nothing is written, where it does not fit.
    #[must_use]
    pub(crate) fn fill(&mut self, template: &[u8]) -> bool {
        unsafe extern "C" fn write(_: *mut sys::rte_mempool, template: *mut std::ffi::c_void, mbuf: *mut std::ffi::c_void, _: u32) {
            // SAFETY: `template` is the reference that `fill` passes in, alive during the iteration; `mbuf` is an initialised mbuf of the
            // pool, whose room is at least the template's length as `fill` checked.
            unsafe {
                let template = *template.cast::<&[u8]>();
                let frame = Frame::from_raw(mbuf.cast());
                frame.reset(template.len() as u16);
                std::ptr::copy_nonoverlapping(template.as_ptr(), frame.data(), template.len());
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

    /// Gives raw mbufs back.
    ///
    /// # Safety
    /// Each is of this pool, owned by the caller and used no more, in one segment with reference count 1 and no external buffer.
    #[inline(always)]
    pub(crate) unsafe fn put_raw(&self, slots: &[*mut sys::rte_mbuf]) {
        // SAFETY: the caller vouches for the mbufs; the pool is alive.
        unsafe { sys::lr_mempool_put_bulk(self.raw(), slots.as_ptr().cast(), slots.len() as u32) };
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: made in `new` and freed once, here. Whoever holds mbufs of it is gone: bursts borrow from a port's parts, and a port drops
        // its pools after it was closed.
        unsafe { sys::rte_mempool_free(self.raw()) };
    }
}
