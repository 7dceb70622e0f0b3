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
}
