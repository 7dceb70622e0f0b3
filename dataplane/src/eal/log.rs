use std::ffi::CStr;

use dpdk_sys as sys;

/// Keeps DPDK's log in memory, from now on: standard output and error belong to the program.
pub(crate) fn capture() {
    // SAFETY: makes a stream that lives as long as the process and hands it to rte_openlog_stream(), which may be called before EAL is
    // initialised. Where that fails DPDK logs to standard error as it would anyway.
    let error = unsafe { sys::lr_log_capture() };
    if error != 0 {
        tracing::debug!(error, "DPDK's log could not be captured");
    }
}

/// What DPDK logged since it was last asked, as a clause for an error message: empty, or `; DPDK says: …`.
pub(crate) fn said() -> String {
    let text = take();
    // Of the last lines only those that carry the reason; DPDK writes progress at the same level.
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(6)..];
    if last.is_empty() { String::new() } else { format!("; DPDK says: {}", last.join(" | ")) }
}

/// Takes what was logged, so that a later error does not show it.
pub(crate) fn take() -> String {
    let mut text = [0u8; 8192];
    // SAFETY: the shim writes at most `len` bytes, the last of them NUL.
    unsafe { sys::lr_log_take(text.as_mut_ptr().cast(), text.len()) };
    CStr::from_bytes_until_nul(&text).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}
