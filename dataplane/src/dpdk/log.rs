//! DPDK's log.

use std::ffi::CStr;

use dpdk_sys as sys;

/// Keeps DPDK's log in memory from now on: standard output and standard error belong to the program.
pub(super) fn capture() {
    // SAFETY: creates a stream that lives as long as the process and passes it to rte_openlog_stream(), which is allowed before EAL is
    // initialised. On failure DPDK logs to standard error, its default.
    let error = unsafe { sys::lr_log_capture() };
    if error != 0 {
        tracing::debug!(error, "DPDK's log could not be captured");
    }
}

/// Takes what DPDK logged since the last call, as a clause for an error message: empty, or `; DPDK says: …`.
pub(super) fn as_clause() -> String {
    let text = take();
    // Only the last lines: DPDK logs progress at the same level, and the reason of a failure comes last.
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(6)..];
    if last.is_empty() { String::new() } else { format!("; DPDK says: {}", last.join(" | ")) }
}

/// Takes what DPDK logged since the last call.
pub(super) fn take() -> String {
    let mut text = [0u8; 8192];
    // SAFETY: the shim writes at most `len` bytes, the last of them NUL.
    unsafe { sys::lr_log_take(text.as_mut_ptr().cast(), text.len()) };
    CStr::from_bytes_until_nul(&text).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether the last message of a vhost peer about its rings stopped them. A front-end starts a ring with VHOST_USER_SET_VRING_KICK and stops
/// it with VHOST_USER_GET_VRING_BASE (vhost-user protocol, "Ring states"); one that is killed sends nothing.
///
/// The driver reports a link that went down in both cases. Only the library's log tells them apart: it names every message at its default
/// level (lib/vhost/vhost_user.c, `vhost_user_msg_handler`).
pub(super) fn queues_were_stopped(log: &str) -> bool {
    let last = |message| log.rfind(message);
    last("VHOST_USER_GET_VRING_BASE").is_some_and(|stopped| last("VHOST_USER_SET_VRING_KICK").is_none_or(|started| started < stopped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_stopped_its_rings_is_told_from_one_that_was_killed() {
        let message = |name: &str| format!("VHOST_CONFIG: (lr.sock) read message VHOST_USER_{name}\n");
        let begun = message("SET_VRING_BASE") + &message("SET_VRING_KICK") + &message("SET_VRING_ENABLE");
        let gone = "VHOST_CONFIG: (lr.sock) vhost peer closed\n";
        let left = message("GET_VRING_BASE") + &message("GET_VRING_BASE") + gone;
        assert!(queues_were_stopped(&format!("{begun}{left}")) && queues_were_stopped(&left));
        // Stopped and started again, as after a change of the device's set-up, and then killed.
        assert!(!queues_were_stopped(&format!("{begun}{left}{begun}{gone}")));
        assert!(!queues_were_stopped(&format!("{begun}{gone}")) && !queues_were_stopped(""));
    }
}
