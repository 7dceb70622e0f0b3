//! Behaviour that differs between DPDK releases and that neither a header nor a function reports.

use crate::version::number;

/// A DPDK release by year and month, such as 25.03.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DpdkRelease {
    year: u32,
    month: u32,
}

impl DpdkRelease {
    /// The release of a version such as `24.11.2`, `DPDK 24.11.2` or `MLNX_DPDK 22.11.2310.5.1`.
    pub fn of(version: &str) -> Option<DpdkRelease> {
        let mut parts = number(version).split('.').map(str::parse);
        Some(DpdkRelease { year: parts.next()?.ok()?, month: parts.next()?.ok()? })
    }
}

/// The first release whose AF_PACKET driver sets `imissed` (drivers/net/af_packet/rte_eth_af_packet.c, `eth_stats_get`).
pub const AF_PACKET_SETS_IMISSED: DpdkRelease = DpdkRelease { year: 25, month: 3 };

/// Drivers with a rate limit for each queue (`rte_eth_set_queue_rate_limit`), for messages.
pub const QUEUE_RATE_DRIVERS: &str = "ixgbe, txgbe and cnxk, and mlx5 from DPDK 26.07 on";

/// Whether a port with this name is the representor `representor` (as in the devargs: `vf0`) of the PCI device `address`.
///
/// mlx5 names such ports `03:00.0_representor_vf0`, and newer releases also `03:00.0_representor_c0pf0vf0`, with controller and physical
/// function in front (drivers/net/mlx5/linux/mlx5_os.c, `mlx5_dev_spawn`).
pub fn is_representor_name(name: &str, address: &str, representor: &str) -> bool {
    let short = address.trim_start_matches("0000:");
    let function = address.chars().last().unwrap_or('0');
    let ends = [format!("representor_{representor}"), format!("representor_c0pf{function}{representor}")];
    name.contains(short) && ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_from_every_form_of_a_version_and_ordered() {
        for (version, sets_imissed) in
            [("DPDK 24.11.2", false), ("25.03.0-rc1", true), ("DPDK 26.07.0", true), ("MLNX_DPDK 22.11.2310.5.1", false)]
        {
            assert_eq!(DpdkRelease::of(version).unwrap() >= AF_PACKET_SETS_IMISSED, sets_imissed, "{version}");
        }
        assert_eq!((DpdkRelease::of(""), DpdkRelease::of("DPDK"), DpdkRelease::of("DPDK 25")), (None, None, None));
    }

    #[test]
    fn a_representor_is_found_by_its_short_and_its_long_name() {
        let is = |name| is_representor_name(name, "0000:03:00.1", "vf0");
        assert!(is("03:00.1_representor_vf0") && is("0000:03:00.1_representor_c0pf1vf0"));
        assert!(!is("03:00.1") && !is("03:00.0_representor_vf0") && !is("03:00.1_representor_vf10") && !is("03:00.1_representor_c0pf0vf0"));
    }
}
