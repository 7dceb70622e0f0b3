//! DPDK's error numbers in words.

use std::ffi::CStr;

use dpdk_sys as sys;

/// `rte_errno` of the calling thread in words.
pub(crate) fn error_text() -> String {
    // SAFETY: reads a thread-local variable.
    text_of(unsafe { sys::lr_errno() })
}

/// A DPDK or system error number in words; its sign does not matter.
pub(crate) fn text_of(errno: i32) -> String {
    // SAFETY: rte_strerror gives a NUL-terminated string that lives until this thread's next call of it.
    unsafe { CStr::from_ptr(sys::rte_strerror(errno.abs())) }.to_string_lossy().into_owned()
}
