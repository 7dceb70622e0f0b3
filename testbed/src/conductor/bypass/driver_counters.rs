//! Which counters of a driver show where received frames were dropped, and which count pause frames.
//!
//! Names and meanings are those of DPDK's sources, read at v22.11 and v24.11; differences and misleading names are noted.

use std::collections::BTreeMap;

/// What a driver's counters say of one domain. `*` in a name stands for the number of a queue or of a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// The sum of these counters.
    Sum(&'static [&'static str]),
    /// The first counter without what the second also counts.
    Without(&'static str, &'static str),
    /// Nothing of the kind can happen there.
    Impossible,
    /// It may happen, and the driver does not tell.
    Uncounted,
}

/// The counters of one driver, or of drivers that count alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverCounters {
    /// Names of the drivers, as `rte_eth_dev_info` gives them.
    pub drivers: &'static [&'static str],
    /// Dropped inside the NIC, before any queue.
    pub nic: Domain,
    /// Dropped because no receive descriptor was free.
    pub no_descriptor: Domain,
    /// Dropped by the driver because no mbuf was free.
    pub no_mbuf: Domain,
    /// Pause frames received (IEEE 802.3x, 802.1Qbb).
    pub pause_received: Domain,
    /// Pause frames sent.
    pub pause_sent: Domain,
    /// Which frames' bytes it counts as received.
    pub bytes: ByteCount,
}

/// Which frames are in a driver's count of received bytes (`ibytes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteCount {
    /// Those that it counts as received (`ipackets`).
    OfDeliveredFrames,
    /// Those that it discarded too: while frames are discarded, bytes over frames says nothing about the size of a frame.
    WithDiscards,
}

/// Counted for every driver: `imissed` of `rte_eth_stats` (lib/ethdev/rte_ethdev.h).
const MISSED: Domain = Domain::Sum(&["rx_missed"]);

/// Counted for every driver: `rx_nombuf` of `rte_eth_stats`. Where a driver does not set it, it is ethdev's own count of failed allocations
/// (lib/ethdev/rte_ethdev.c, `rte_eth_stats_get`).
const NO_MBUF: Domain = Domain::Sum(&["rx_no_mbuf"]);

/// Pause frames received, with those by priority, as i40e and ixgbe name them.
const PRIORITY_PAUSE_RECEIVED: Domain = Domain::Sum(&[
    "xstats.rx_xon_packets",
    "xstats.rx_xoff_packets",
    "xstats.rx_priority*_xon_packets",
    "xstats.rx_priority*_xoff_packets",
]);

/// Pause frames sent, with those by priority, as i40e and ixgbe name them.
const PRIORITY_PAUSE_SENT: Domain = Domain::Sum(&[
    "xstats.tx_xon_packets",
    "xstats.tx_xoff_packets",
    "xstats.tx_priority*_xon_packets",
    "xstats.tx_priority*_xoff_packets",
]);

const TABLE: [DriverCounters; 9] = [
    DriverCounters {
        drivers: &["mlx5_pci", "mlx5_auxiliary"],
        // drivers/net/mlx5/linux/mlx5_ethdev_os.c, `mlx5_counters_init`: the kernel's rx_discards_phy, and since 24.03 frames that waited for
        // PCI Express too long. The rx_prio*_buf_discard and rx_prio*_cong_discard split up by priority what may be in the first.
        nic: Domain::Sum(&["xstats.rx_phy_discard_packets", "xstats.outbound_pci_buffer_overflow"]),
        // drivers/net/mlx5/mlx5_stats.c, `mlx5_stats_get`: imissed is the queue counter out_of_buffer; rx_out_of_buffer is the same again.
        no_descriptor: MISSED,
        no_mbuf: NO_MBUF,
        // No pause counter in any version: only the kernel has them (`ethtool -S`: rx_pause_ctrl_phy, tx_pause_ctrl_phy).
        pause_received: Domain::Uncounted,
        pause_sent: Domain::Uncounted,
        bytes: ByteCount::OfDeliveredFrames,
    },
    DriverCounters {
        drivers: &["net_i40e"],
        // drivers/net/i40e/i40e_ethdev.c, `i40e_dev_xstats_get`: the port's own discards (GLPRT_RDPC) …
        nic: Domain::Sum(&["xstats.rx_dropped_packets"]),
        // … which `i40e_dev_stats_get` adds to those of the queues (GLV_RDPC) in imissed.
        no_descriptor: Domain::Without("rx_missed", "xstats.rx_dropped_packets"),
        no_mbuf: NO_MBUF,
        // tx_priority*_xon_to_xoff_packets counts transitions, not frames.
        pause_received: PRIORITY_PAUSE_RECEIVED,
        pause_sent: PRIORITY_PAUSE_SENT,
        // The same function: ipackets is without rx_discards (GLV_RDPC), ibytes is with them.
        bytes: ByteCount::WithDiscards,
    },
    DriverCounters {
        drivers: &["net_ice"],
        // drivers/net/ice/ice_ethdev.c, `ice_xstats_get` (PRTRPB_RDPC) and `ice_stats_get`, as i40e. It has no counters by priority.
        nic: Domain::Sum(&["xstats.rx_dropped_packets"]),
        no_descriptor: Domain::Without("rx_missed", "xstats.rx_dropped_packets"),
        no_mbuf: NO_MBUF,
        pause_received: Domain::Sum(&["xstats.rx_xon_packets", "xstats.rx_xoff_packets"]),
        pause_sent: Domain::Sum(&["xstats.tx_xon_packets", "xstats.tx_xoff_packets"]),
        // `ice_stats_get`, as i40e.
        bytes: ByteCount::WithDiscards,
    },
    DriverCounters {
        drivers: &["net_iavf"],
        // drivers/net/iavf/iavf_ethdev.c, `iavf_dev_stats_get`: imissed is rx_discards of the function, wherever the frames were dropped. Its
        // driver sees no pause frames.
        nic: Domain::Uncounted,
        no_descriptor: MISSED,
        no_mbuf: NO_MBUF,
        pause_received: Domain::Uncounted,
        pause_sent: Domain::Uncounted,
        // The same function, as i40e.
        bytes: ByteCount::WithDiscards,
    },
    DriverCounters {
        drivers: &["net_ixgbe"],
        // drivers/net/ixgbe/ixgbe_ethdev.c, `ixgbe_dev_stats_get`: imissed is the sum of MPC, frames that found the packet buffer full.
        // rx_total_missed_packets shows `mpctotal`, which nothing ever writes.
        nic: MISSED,
        // QPRDC, frames that found no descriptor, are the errors of each queue.
        no_descriptor: Domain::Sum(&["xstats.rx_q*_errors"]),
        no_mbuf: NO_MBUF,
        // rx_flow_control_xon_packets and the like show the registers of rx_xon_packets a second time.
        pause_received: PRIORITY_PAUSE_RECEIVED,
        pause_sent: PRIORITY_PAUSE_SENT,
        bytes: ByteCount::OfDeliveredFrames,
    },
    DriverCounters {
        drivers: &["net_virtio", "net_virtio_user"],
        // drivers/net/virtio/virtio_ethdev.c: what finds no room in the ring stays with the sender.
        nic: Domain::Impossible,
        no_descriptor: Domain::Impossible,
        no_mbuf: NO_MBUF,
        pause_received: Domain::Impossible,
        pause_sent: Domain::Impossible,
        bytes: ByteCount::OfDeliveredFrames,
    },
    DriverCounters {
        drivers: &["net_vhost"],
        // drivers/net/vhost/rte_eth_vhost.c, as virtio.
        nic: Domain::Impossible,
        no_descriptor: Domain::Impossible,
        // lib/vhost/vhost.c, `vhost_vq_stat_strings`, since 24.03. Before, a failed allocation is counted nowhere: the library does not
        // know of ethdev's count.
        no_mbuf: Domain::Sum(&["xstats.rx_q*_mbuf_alloc_failed"]),
        pause_received: Domain::Impossible,
        pause_sent: Domain::Impossible,
        bytes: ByteCount::OfDeliveredFrames,
    },
    DriverCounters {
        drivers: &["net_af_packet"],
        nic: Domain::Uncounted,
        // drivers/net/af_packet/rte_eth_af_packet.c, `eth_stats_get`: PACKET_STATISTICS (tp_drops) in imissed since 25.03; before, the frames
        // that the kernel dropped because the ring was full are counted nowhere. See `dataplane::driver_sets_rx_missed`.
        no_descriptor: MISSED,
        no_mbuf: NO_MBUF,
        pause_received: Domain::Uncounted,
        pause_sent: Domain::Uncounted,
        bytes: ByteCount::OfDeliveredFrames,
    },
    DriverCounters {
        drivers: &["net_af_xdp"],
        nic: Domain::Uncounted,
        // drivers/net/af_xdp/rte_eth_af_xdp.c, `eth_stats_get`: rx_dropped of XDP_STATISTICS, frames that found the fill ring empty.
        no_descriptor: MISSED,
        no_mbuf: NO_MBUF,
        pause_received: Domain::Uncounted,
        pause_sent: Domain::Uncounted,
        bytes: ByteCount::OfDeliveredFrames,
    },
];

/// What is believed of a driver that is not in the table: what ethdev defines for all.
const UNKNOWN: DriverCounters = DriverCounters {
    drivers: &[],
    nic: Domain::Uncounted,
    no_descriptor: MISSED,
    no_mbuf: NO_MBUF,
    pause_received: Domain::Uncounted,
    pause_sent: Domain::Uncounted,
    bytes: ByteCount::OfDeliveredFrames,
};

impl DriverCounters {
    /// Those of a driver in one version of DPDK, such as `DPDK 24.11.2`.
    pub fn of(driver: &str, dpdk: &str) -> DriverCounters {
        let known = TABLE.into_iter().find(|known| known.drivers.contains(&driver)).unwrap_or(UNKNOWN);
        if dataplane::driver_sets_rx_missed(driver, dpdk) { known } else { DriverCounters { no_descriptor: Domain::Uncounted, ..known } }
    }
}

impl Domain {
    /// The frames that were counted; none where the driver does not tell, or this version of it has none of the counters.
    ///
    /// `grown` holds what went up and by how much, `names` every counter there is.
    pub fn count(self, grown: &BTreeMap<String, u64>, names: &BTreeMap<String, u64>) -> Option<u64> {
        let sum = |pattern: &str| grown.iter().filter(|(name, _)| matches(pattern, name)).map(|(_, by)| *by).sum::<u64>();
        match self {
            Domain::Sum(patterns) => {
                let known = names.keys().any(|name| patterns.iter().any(|pattern| matches(pattern, name)));
                known.then(|| patterns.iter().map(|pattern| sum(pattern)).sum())
            }
            Domain::Without(whole, part) => names.contains_key(whole).then(|| sum(whole).saturating_sub(sum(part))),
            Domain::Impossible => Some(0),
            Domain::Uncounted => None,
        }
    }
}

/// Whether a name is the pattern's, with a number in place of its `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let number = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_a_number_and_nothing_else() {
        assert!(matches("rx_priority*_xoff_packets", "rx_priority7_xoff_packets"));
        assert!(matches("rx_q*_errors", "rx_q12_errors"));
        for other in
            ["rx_priority_xoff_packets", "rx_priorityx_xoff_packets", "tx_priority7_xoff_packets", "rx_priority7_xon_to_xoff_packets"]
        {
            assert!(!matches("rx_priority*_xoff_packets", other), "{other}");
        }
    }

    #[test]
    fn af_packet_tells_of_a_full_ring_since_25_03() {
        for (version, counted) in [("DPDK 22.11.7", false), ("DPDK 24.11.2", false), ("DPDK 25.03.0", true), ("DPDK 25.11.0-rc1", true)] {
            let of = |driver| DriverCounters::of(driver, version).no_descriptor;
            assert_eq!(of("net_af_packet") == MISSED, counted, "{version}");
            assert_eq!((of("net_af_xdp"), of("net_bnxt")), (MISSED, MISSED), "{version}");
        }
    }
}
