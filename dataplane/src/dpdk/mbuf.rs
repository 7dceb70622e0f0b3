//! The fields of an mbuf that linerate reads and writes.

use dpdk_sys as sys;

/// Where in an mbuf a time stands (a dynamic field, rte_mbuf_dyn.h), and the flag in ol_flags that says that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeField {
    pub(crate) flag: u64,
    /// In bytes, from the beginning of the mbuf.
    pub(crate) offset: u32,
}

/// Where frames carry times of the port's clock, where it was opened with any.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// The time at which a frame shall go.
    pub(crate) sending: Option<TimeField>,
    /// The time at which a frame came.
    pub(crate) arrival: Option<TimeField>,
}

/// The field of the time at which a frame shall go (`rte_mbuf_dyn_tx_timestamp_register`); -errno where mbufs have no room for it.
pub(crate) fn sending_time_field() -> Result<TimeField, i32> {
    look_up(sys::lr_tx_time_field)
}

/// The field of the time at which a frame came (`rte_mbuf_dyn_rx_timestamp_register`); likewise.
pub(crate) fn arrival_time_field() -> Result<TimeField, i32> {
    look_up(sys::lr_rx_time_field)
}

fn look_up(ask: unsafe extern "C" fn(*mut sys::lr_time_field) -> i32) -> Result<TimeField, i32> {
    let mut field = sys::lr_time_field::default();
    // SAFETY: EAL is initialised by whoever opens a port; the structure is the call's to write.
    match unsafe { ask(&mut field) } {
        0 => Ok(TimeField { flag: field.flag, offset: field.offset }),
        error => Err(error),
    }
}

/// A look at one single-segment mbuf that a burst owns. The fields' places come from the shim, since their names change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Frame(*mut sys::rte_mbuf);

impl Frame {
    /// # Safety
    /// `mbuf` is an initialised mbuf that stays the caller's as long as this is used.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(mbuf: *mut sys::rte_mbuf) -> Self {
        Frame(mbuf)
    }

    #[inline(always)]
    fn field<T>(self, offset: sys::lr_mbuf_offset) -> *mut T {
        self.0.wrapping_byte_add(offset as usize).cast()
    }

    /// The first byte of the frame.
    #[inline(always)]
    pub(crate) fn data(self) -> *mut u8 {
        // SAFETY: `from_raw` vouches for the mbuf; both fields are aligned members of it.
        unsafe {
            let buffer = self.field::<*mut u8>(sys::LR_MBUF_BUF_ADDR).read();
            buffer.wrapping_add(usize::from(self.field::<u16>(sys::LR_MBUF_DATA_OFF).read()))
        }
    }

    /// The first byte of a frame that [`Pool::fill`] wrote, without a look at the mbuf: in a pool without private data the buffer follows
    /// the mbuf, and no driver moves a sent frame within it.
    #[inline(always)]
    pub(crate) fn filled_data(self) -> *mut u8 {
        self.field(sys::LR_MBUF_SIZE + sys::LR_MBUF_HEADROOM)
    }

    /// Bytes of the frame in this segment, without FCS.
    #[inline(always)]
    pub(crate) fn length(self) -> u32 {
        // SAFETY: as in `data`.
        u32::from(unsafe { self.field::<u16>(sys::LR_MBUF_DATA_LEN).read() })
    }

    /// Writes the time at which the port shall send the frame, in units of its clock; none means at once. A frame keeps what was written when
    /// it was sent last, so this is for every frame of a port that looks at it.
    #[inline(always)]
    pub(crate) fn set_send_time(self, field: TimeField, time: Option<u64>) {
        // SAFETY: as in `data`; DPDK gave the field's place, which is within the mbuf and aligned (rte_mbuf_dynfield_register).
        unsafe {
            self.field::<u64>(sys::LR_MBUF_OL_FLAGS).write(time.map_or(0, |_| field.flag));
            if let Some(time) = time {
                self.field::<u64>(field.offset as sys::lr_mbuf_offset).write(time);
            }
        }
    }

    /// When the port says that the frame came, in units of its clock.
    #[inline(always)]
    pub(crate) fn arrival_time(self, field: TimeField) -> Option<u64> {
        // SAFETY: as in `set_send_time`.
        unsafe {
            let has = self.field::<u64>(sys::LR_MBUF_OL_FLAGS).read() & field.flag != 0;
            has.then(|| self.field::<u64>(field.offset as sys::lr_mbuf_offset).read())
        }
    }

    /// Makes this the frame `bytes`, padded with zeros to `least`.
    ///
    /// # Safety
    /// The mbuf is the caller's, of a pool that [`Pool::fill`] filled with a frame as long as `bytes` and `least`.
    #[inline(always)]
    pub(crate) unsafe fn write(self, bytes: &[u8], least: usize) {
        let length = bytes.len().max(least);
        // SAFETY: there is room for `length` bytes as the caller says, and no one else has the mbuf.
        unsafe {
            self.reset(length as u16);
            let data = self.filled_data();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
            std::ptr::write_bytes(data.add(bytes.len()), 0, length - bytes.len());
        }
    }

    /// Makes the mbuf a frame of `length` bytes behind the usual headroom, with no offload asked for.
    ///
    /// # Safety
    /// The mbuf's buffer has room for `length` bytes behind the headroom.
    #[inline(always)]
    pub(crate) unsafe fn reset(self, length: u16) {
        // SAFETY: as in `data`; the caller vouches for the room.
        unsafe {
            self.field::<u16>(sys::LR_MBUF_DATA_OFF).write(sys::LR_MBUF_HEADROOM as u16);
            self.field::<u16>(sys::LR_MBUF_NB_SEGS).write(1);
            self.field::<u64>(sys::LR_MBUF_OL_FLAGS).write(0);
            self.field::<u32>(sys::LR_MBUF_PKT_LEN).write(u32::from(length));
            self.field::<u16>(sys::LR_MBUF_DATA_LEN).write(length);
        }
    }
}

/// Whether mbufs may go back to their pool as they are: one segment, one reference, its own buffer.
#[inline(always)]
pub(super) fn are_plain(mbufs: &[*mut sys::rte_mbuf]) -> bool {
    /// RTE_MBUF_F_EXTERNAL and RTE_MBUF_F_INDIRECT.
    const ATTACHED: u64 = 0b11 << 61;
    /// The two counts, 1 and 1, are in the middle of their word, whichever end it begins at.
    const COUNTS: u64 = 0xffff_ffff << 16;
    const ONE_EACH: u64 = 0x0001_0001 << 16;
    // They nearly always are, so there is one branch a burst and none a frame.
    let (mut differs, mut flags) = (0, 0);
    for &mbuf in mbufs {
        let frame = Frame(mbuf);
        // SAFETY: as in `data`. The word at DATA_OFF holds data_off, refcnt, nb_segs and port, 16 bits each (rte_mbuf_core.h,
        // "rearm_data"); refcnt is atomic in C, and read here only when no other owner exists to change it.
        unsafe {
            differs |= frame.field::<u64>(sys::LR_MBUF_DATA_OFF).read() ^ ONE_EACH;
            flags |= frame.field::<u64>(sys::LR_MBUF_OL_FLAGS).read();
        }
    }
    differs & COUNTS == 0 && flags & ATTACHED == 0
}
