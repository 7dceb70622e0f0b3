//! What a port's counters say about frames: they attribute loss, and prove the frame size; they never count loss.

use dataplane::CounterPair;
use methodology::units::{FCS, FrameSize};

/// Frames that counters say were dropped, by where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discards {
    /// Inside the NIC, before any queue.
    pub nic: u64,
    /// For want of a receive descriptor: the processor was too slow.
    pub no_descriptor: u64,
    /// For want of a buffer.
    pub no_mbuf: u64,
    /// Pause frames either way (IEEE 802.3x, 802.1Qbb): not drops, but the rate was the receiver's choice.
    pub pause: u64,
}

/// Extended counters of frames dropped inside the NIC, by the names that drivers give them.
const NIC_DISCARDS: [&str; 2] = [
    // mlx5, drivers/net/mlx5/linux/mlx5_ethdev_os.c: the kernel's rx_discards_phy.
    "xstats.rx_phy_discard_packets",
    // i40e and ice, drivers/net/i40e/i40e_ethdev.c and drivers/net/ice/ice_ethdev.c.
    "xstats.rx_dropped_packets",
];

/// Where the receiving port's counters say that frames were dropped.
pub fn discards(counters: &CounterPair) -> Discards {
    let grown = counters.difference();
    let count = |name: &str| grown.get(name).copied().unwrap_or(0);
    Discards {
        nic: NIC_DISCARDS.iter().map(|name| count(name)).sum(),
        no_descriptor: count("rx_missed"),
        no_mbuf: count("rx_no_mbuf"),
        // mlx5 and the Intel drivers name them with `pause`, `xon` or `xoff` in the name.
        pause: grown.iter().filter(|(name, _)| ["pause", "xoff"].iter().any(|word| name.contains(word))).map(|(_, by)| by).sum(),
    }
}

/// Bytes per received frame as the port counted them, FCS included; none where it counts no bytes.
///
/// Most drivers leave the FCS out of their byte counters (mlx5, virtio, vhost) and some count it: within half a byte of
/// L − 4 the FCS was left out, and is added here.
pub fn bytes_per_frame(counters: &CounterPair, intended: FrameSize) -> Option<f64> {
    let grown = counters.difference();
    let (packets, bytes) = (*grown.get("rx_packets")?, *grown.get("rx_bytes")?);
    if packets == 0 {
        return None;
    }
    let mean = bytes as f64 / packets as f64;
    let without_fcs = (mean - f64::from(intended.without_fcs())).abs() < 0.5;
    Some(if without_fcs { mean + f64::from(FCS) } else { mean })
}

#[cfg(test)]
mod tests {
    use dataplane::PortCounters;

    use super::*;

    fn after(rx_packets: u64, rx_bytes: u64) -> CounterPair {
        CounterPair { before: PortCounters::default(), after: PortCounters { rx_packets, rx_bytes, ..PortCounters::default() } }
    }

    #[test]
    fn bytes_per_frame_are_those_of_the_wire_whether_or_not_the_driver_counts_the_fcs() {
        assert_eq!(bytes_per_frame(&after(1000, 60_000), FrameSize::MIN), Some(64.0));
        assert_eq!(bytes_per_frame(&after(1000, 64_000), FrameSize::MIN), Some(64.0));
        assert_eq!(bytes_per_frame(&after(1000, 68_000), FrameSize::MIN), Some(68.0));
        assert_eq!(bytes_per_frame(&after(1000, 0), FrameSize::MIN), None);
    }

    #[test]
    fn drops_are_attributed_by_the_counter_that_saw_them() {
        let mut counters = after(10, 600);
        counters.after.rx_missed = 3;
        counters.after.rx_no_mbuf = 2;
        counters.after.extended.insert("rx_phy_discard_packets".to_owned(), 7);
        counters.after.extended.insert("rx_prio0_pause_packets".to_owned(), 5);
        assert_eq!(discards(&counters), Discards { nic: 7, no_descriptor: 3, no_mbuf: 2, pause: 5 });
    }
}
