use std::fs;

use super::error::LabError;

/// Numbers of capabilities in the mask of proc_pid_status(5) (linux/capability.h): namespaces and mounts, interfaces.
const NEEDED: [(u32, &str); 2] = [(21, "CAP_SYS_ADMIN"), (12, "CAP_NET_ADMIN")];

/// Whether this process may make network namespaces and interfaces.
pub(super) fn check() -> Result<(), LabError> {
    let missing = missing_capabilities(&fs::read_to_string("/proc/self/status").unwrap_or_default());
    if missing.is_empty() { Ok(()) } else { Err(LabError::NotPermitted { missing: missing.join(" and ") }) }
}

/// The capabilities that making namespaces and interfaces needs and that a `/proc/PID/status` does not show as effective.
pub(crate) fn missing_capabilities(status: &str) -> Vec<&'static str> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let has = |bit: u32| mask.unwrap_or(0) & (1 << bit) != 0;
    NEEDED.iter().filter(|(bit, _)| !has(*bit)).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_effective_mask() {
        assert_eq!(missing_capabilities("CapPrm:\t000001fffeffffff\nCapEff:\t000001fffeffffff\n"), [""; 0]);
        assert_eq!(missing_capabilities("CapEff:\t0000000000001000\n"), ["CAP_SYS_ADMIN"]);
        assert_eq!(missing_capabilities("CapPrm:\t000001fffeffffff\nCapEff:\t0000000000000000\n"), ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"]);
        assert_eq!(missing_capabilities(""), ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"]);
    }
}
