//! DPDK's error numbers as text.

use std::ffi::CStr;

use dpdk_sys as sys;

/// `rte_errno` of the calling thread as text.
pub(crate) fn error_text() -> String {
    // SAFETY: reads a thread-local variable.
    text_of(unsafe { sys::lr_errno() })
}

/// A DPDK or system error number as text. Its sign does not matter.
pub(crate) fn text_of(errno: i32) -> String {
    // SAFETY: rte_strerror returns a NUL-terminated string that is valid until this thread's next call.
    unsafe { CStr::from_ptr(sys::rte_strerror(errno.abs())) }.to_string_lossy().into_owned()
}
