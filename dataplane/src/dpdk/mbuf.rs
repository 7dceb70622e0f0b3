//! The fields of an mbuf that linerate reads and writes.
//!
//! Field offsets come from the shim, because the names of the fields' parents differ between DPDK versions.

use std::marker::PhantomData;

use dpdk_sys as sys;

/// One single-segment mbuf of a [`Burst`](crate::Burst), valid while the burst is borrowed.
///
/// After the burst has been sent or dropped, the mbuf belongs to the driver or to its pool. The lifetime makes such a use a compile
/// error:
///
/// ```compile_fail,E0505
/// fn length_after_free(burst: dataplane::Burst<'_>) -> u32 {
///     let mbuf = burst.mbufs()[0];
///     drop(burst);
///     mbuf.length()
/// }
/// ```
///
/// In the other order it compiles:
///
/// ```
/// fn length_before_free(burst: dataplane::Burst<'_>) -> u32 {
///     let mbuf = burst.mbufs()[0];
///     let length = mbuf.length();
///     drop(burst);
///     length
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Mbuf<'b> {
    raw: *mut sys::rte_mbuf,
    burst: PhantomData<&'b ()>,
}

/// A dynamic mbuf field that holds a time (rte_mbuf_dyn.h), and the bit in ol_flags that marks it as set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeField {
    pub(crate) flag: u64,
    /// In bytes from the start of the mbuf.
    pub(crate) offset: u32,
}

/// The time fields that a port was opened with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TimeFields {
    /// When the port is to send a frame.
    pub(crate) send: Option<TimeField>,
    /// When a frame arrived at the port.
    pub(crate) arrival: Option<TimeField>,
}

impl TimeField {
    /// Registers the send-time field (`rte_mbuf_dyn_tx_timestamp_register`). The error is -errno; it means that mbufs have no room left.
    pub(super) fn register_send() -> Result<Self, i32> {
        Self::register(sys::lr_tx_time_field)
    }

    /// Registers the arrival-time field (`rte_mbuf_dyn_rx_timestamp_register`). Errors as for [`register_send`](Self::register_send).
    pub(super) fn register_arrival() -> Result<Self, i32> {
        Self::register(sys::lr_rx_time_field)
    }

    fn register(register: unsafe extern "C" fn(*mut sys::lr_time_field) -> i32) -> Result<Self, i32> {
        let mut field = sys::lr_time_field::default();
        // SAFETY: callers hold a port, so EAL is initialised; the call writes the structure.
        match unsafe { register(&mut field) } {
            0 => Ok(TimeField { flag: field.flag, offset: field.offset }),
            error => Err(error),
        }
    }
}

impl Mbuf<'_> {
    /// # Safety
    /// `raw` is an initialised mbuf that stays with the caller for the lifetime of the result.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(raw: *mut sys::rte_mbuf) -> Self {
        Mbuf { raw, burst: PhantomData }
    }

    #[inline(always)]
    fn field<T>(self, offset: sys::lr_mbuf_offset) -> *mut T {
        self.raw.wrapping_byte_add(offset as usize).cast()
    }

    /// Address of the frame's first byte.
    #[inline(always)]
    pub fn data(self) -> *mut u8 {
        // SAFETY: `from_raw` requires a valid mbuf; both fields are aligned members of it.
        unsafe {
            let buffer = self.field::<*mut u8>(sys::LR_MBUF_BUF_ADDR).read();
            buffer.wrapping_add(usize::from(self.field::<u16>(sys::LR_MBUF_DATA_OFF).read()))
        }
    }

    /// Address of the first byte of a frame that [`Pool::fill`](super::mempool::Pool::fill) wrote, computed without reading the mbuf. In
    /// a pool without private data the buffer follows the mbuf, and no driver moves a sent frame within its buffer.
    #[inline(always)]
    pub(crate) fn filled_data(self) -> *mut u8 {
        self.field(sys::LR_MBUF_SIZE + sys::LR_MBUF_HEADROOM)
    }

    /// Bytes of the frame in this segment, without FCS.
    #[inline(always)]
    pub fn length(self) -> u32 {
        // SAFETY: as in `data`.
        u32::from(unsafe { self.field::<u16>(sys::LR_MBUF_DATA_LEN).read() })
    }

    /// Writes the time at which the port is to send the frame, in units of the port's clock; `None` means at once. mbufs are reused and
    /// keep the previous value, so set it on every frame.
    #[inline(always)]
    pub(crate) fn set_send_time(self, field: TimeField, time: Option<u64>) {
        // SAFETY: as in `data`; DPDK registered the field's offset, which is aligned and within the mbuf (rte_mbuf_dynfield_register).
        unsafe {
            self.field::<u64>(sys::LR_MBUF_OL_FLAGS).write(time.map_or(0, |_| field.flag));
            if let Some(time) = time {
                self.field::<u64>(field.offset as sys::lr_mbuf_offset).write(time);
            }
        }
    }

    /// When the frame arrived, in units of the port's clock; `None` where the port did not write a time.
    #[inline(always)]
    pub(crate) fn arrival_time(self, field: TimeField) -> Option<u64> {
        // SAFETY: as in `set_send_time`.
        unsafe {
            let is_set = self.field::<u64>(sys::LR_MBUF_OL_FLAGS).read() & field.flag != 0;
            is_set.then(|| self.field::<u64>(field.offset as sys::lr_mbuf_offset).read())
        }
    }

    /// Replaces the frame with `bytes`, padded with zeros to `least` bytes.
    ///
    /// # Safety
    /// The caller owns the mbuf, and its pool was filled by [`Pool::fill`](super::mempool::Pool::fill) with a frame at least as long as
    /// `bytes` and `least`.
    #[inline(always)]
    pub(crate) unsafe fn write(self, bytes: &[u8], least: usize) {
        let length = bytes.len().max(least);
        // SAFETY: the buffer has room for `length` bytes by the caller's contract, and the caller owns the mbuf.
        unsafe {
            self.reset(length as u16);
            let data = self.filled_data();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
            std::ptr::write_bytes(data.add(bytes.len()), 0, length - bytes.len());
        }
    }

    /// Sets the mbuf's fields to one segment of `length` bytes behind the default headroom, without offload flags.
    ///
    /// # Safety
    /// The mbuf's buffer has room for `length` bytes behind the headroom.
    #[inline(always)]
    pub(crate) unsafe fn reset(self, length: u16) {
        // SAFETY: as in `data`; the caller guarantees the room.
        unsafe {
            self.field::<u16>(sys::LR_MBUF_DATA_OFF).write(sys::LR_MBUF_HEADROOM as u16);
            self.field::<u16>(sys::LR_MBUF_NB_SEGS).write(1);
            self.field::<u64>(sys::LR_MBUF_OL_FLAGS).write(0);
            self.field::<u32>(sys::LR_MBUF_PKT_LEN).write(u32::from(length));
            self.field::<u16>(sys::LR_MBUF_DATA_LEN).write(length);
        }
    }
}

/// Whether all of `mbufs` can be put back into their pool without further work: one segment, one reference, no external buffer.
///
/// # Safety
/// The caller owns the mbufs.
#[inline(always)]
pub(super) unsafe fn are_plain(mbufs: &[*mut sys::rte_mbuf]) -> bool {
    /// RTE_MBUF_F_EXTERNAL and RTE_MBUF_F_INDIRECT.
    const ATTACHED: u64 = 0b11 << 61;
    /// refcnt and nb_segs are the middle 32 bits of their 64-bit word in either byte order.
    const COUNTS: u64 = 0xffff_ffff << 16;
    const ONE_EACH: u64 = 0x0001_0001 << 16;
    // Nearly always true, so the loop has no branch a frame: one test follows it.
    let (mut differs, mut flags) = (0, 0);
    for &raw in mbufs {
        // SAFETY: the caller owns the mbuf. The word at DATA_OFF holds data_off, refcnt, nb_segs and port, 16 bits each
        // (rte_mbuf_core.h, "rearm_data"); refcnt is atomic in C, and no other owner exists that could change it here.
        unsafe {
            let mbuf = Mbuf::from_raw(raw);
            differs |= mbuf.field::<u64>(sys::LR_MBUF_DATA_OFF).read() ^ ONE_EACH;
            flags |= mbuf.field::<u64>(sys::LR_MBUF_OL_FLAGS).read();
        }
    }
    differs & COUNTS == 0 && flags & ATTACHED == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbuf_holds_the_time_that_was_written_last_or_none() {
        let mut memory = [0_u64; 32];
        // SAFETY: zeroed memory as large as an mbuf, owned by this test.
        let mbuf = unsafe { Mbuf::from_raw(memory.as_mut_ptr().cast()) };
        let field = TimeField { flag: 1 << 23, offset: 96 };
        assert_eq!(mbuf.arrival_time(field), None);
        mbuf.set_send_time(field, Some(42));
        assert_eq!(mbuf.arrival_time(field), Some(42));
        mbuf.set_send_time(field, None);
        assert_eq!(mbuf.arrival_time(field), None);
    }
}
