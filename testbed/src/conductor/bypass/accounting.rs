//! What a port's counters say about frames: they attribute loss, and prove the frame size; they never count loss.

use dataplane::CounterPair;
use methodology::units::{FCS, FrameSize};

use super::driver_counters::{ByteCount, DriverCounters};
use crate::agent::Opened;

/// Frames that a port's counters say were dropped on their way in, by where. None where the driver does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discards {
    /// Inside the NIC, before any queue.
    pub nic: Option<u64>,
    /// For want of a receive descriptor: the processor was too slow.
    pub no_descriptor: Option<u64>,
    /// For want of a buffer.
    pub no_mbuf: Option<u64>,
    /// Pause frames either way (IEEE 802.3x, 802.1Qbb): not drops, but the rate was the receiver's choice.
    pub pause: Option<u64>,
}

impl Discards {
    /// What this port's counters say.
    pub fn of(counters: &CounterPair, port: &Opened) -> Discards {
        Discards::by_driver(counters, &port.port.driver, &port.dpdk.running)
    }

    fn by_driver(counters: &CounterPair, driver: &str, dpdk: &str) -> Discards {
        let (grown, names) = (counters.difference(), counters.after.flat());
        let known = DriverCounters::of(driver, dpdk);
        let count = |domain: super::driver_counters::Domain| domain.count(&grown, &names);
        Discards {
            nic: count(known.nic),
            no_descriptor: count(known.no_descriptor),
            no_mbuf: count(known.no_mbuf),
            pause: count(known.pause_received).zip(count(known.pause_sent)).map(|(received, sent)| received + sent),
        }
    }

    /// The domains that the driver does not count, by their names in records: a 0 means nothing there.
    pub fn uncounted(&self) -> Vec<&'static str> {
        let domains =
            [("nic_discard", self.nic), ("no_descriptor", self.no_descriptor), ("no_mbuf", self.no_mbuf), ("pause_frames", self.pause)];
        domains.into_iter().filter(|(_, count)| count.is_none()).map(|(name, _)| name).collect()
    }
}

/// Bytes per received frame as the port counted them, FCS included. `None` where the port counts no bytes, or
/// where it discarded frames and counts their bytes too.
///
/// Most drivers leave the FCS out of their byte counters (mlx5, virtio, vhost) and some count it: within half a byte of
/// L − 4 the FCS was left out, and is added here.
pub fn bytes_per_frame(counters: &CounterPair, port: &Opened, intended: FrameSize) -> Option<f64> {
    bytes_per_frame_of(counters, DriverCounters::of(&port.port.driver, &port.dpdk.running).bytes, intended)
}

fn bytes_per_frame_of(counters: &CounterPair, counted: ByteCount, intended: FrameSize) -> Option<f64> {
    let grown = counters.difference();
    if counted == ByteCount::WithDiscards && grown.contains_key("rx_missed") {
        return None;
    }
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
        let bytes = |counters: &CounterPair, size| bytes_per_frame_of(counters, ByteCount::OfDeliveredFrames, size);
        assert_eq!(bytes(&after(1000, 60_000), FrameSize::MIN), Some(64.0));
        assert_eq!(bytes(&after(1000, 64_000), FrameSize::MIN), Some(64.0));
        assert_eq!(bytes(&after(1000, 68_000), FrameSize::MIN), Some(68.0));
        assert_eq!(bytes(&after(1000, 0), FrameSize::MIN), None);
    }

    #[test]
    fn where_a_driver_counts_the_bytes_of_discarded_frames_too_they_prove_no_size() {
        let lossy = |missed| {
            let mut counters = after(1000, 64_000 + 64 * missed);
            counters.after.rx_missed = missed;
            counters
        };
        let of = |driver, missed| bytes_per_frame_of(&lossy(missed), DriverCounters::of(driver, "DPDK 24.11.2").bytes, FrameSize::MIN);
        // A loss of 2 % does not show frames of another size.
        for driver in ["net_i40e", "net_ice", "net_iavf"] {
            assert_eq!((of(driver, 0), of(driver, 20)), (Some(64.0), None), "{driver}");
        }
        assert_eq!(of("mlx5_pci", 20), Some(65.28), "counts delivered frames only: their size is wrong");
    }

    /// What a driver's counters are to say: version, basic counters (missed, no mbuf), extended counters, and what is made of them.
    struct Case {
        driver: &'static str,
        dpdk: &'static str,
        missed: u64,
        no_mbuf: u64,
        extended: &'static [(&'static str, u64)],
        told: Discards,
    }

    fn told(nic: Option<u64>, no_descriptor: Option<u64>, no_mbuf: Option<u64>, pause: Option<u64>) -> Discards {
        Discards { nic, no_descriptor, no_mbuf, pause }
    }

    #[test]
    fn drops_are_attributed_by_the_counter_that_saw_them() {
        let cases = [
            Case {
                driver: "mlx5_pci",
                dpdk: "DPDK 22.11.7",
                missed: 3,
                no_mbuf: 2,
                // The queue counter twice, and one priority's part of the whole.
                extended: &[("rx_phy_discard_packets", 7), ("rx_out_of_buffer", 3), ("rx_prio0_buf_discard_packets", 7)],
                told: told(Some(7), Some(3), Some(2), None),
            },
            Case {
                driver: "mlx5_auxiliary",
                dpdk: "DPDK 24.11.2",
                missed: 0,
                no_mbuf: 0,
                extended: &[("rx_phy_discard_packets", 7), ("outbound_pci_buffer_overflow", 5), ("dev_out_of_buffer", 9)],
                told: told(Some(12), Some(0), Some(0), None),
            },
            Case {
                driver: "net_i40e",
                dpdk: "DPDK 24.11.2",
                // 4 of the queues and 6 of the port.
                missed: 10,
                no_mbuf: 1,
                extended: &[
                    ("rx_dropped_packets", 6),
                    ("rx_xon_packets", 1),
                    ("rx_xoff_packets", 2),
                    ("rx_priority3_xoff_packets", 4),
                    ("tx_priority0_xon_packets", 8),
                    ("tx_priority0_xon_to_xoff_packets", 100),
                ],
                told: told(Some(6), Some(4), Some(1), Some(15)),
            },
            Case {
                driver: "net_ice",
                dpdk: "DPDK 22.11.7",
                missed: 10,
                no_mbuf: 0,
                extended: &[("rx_dropped_packets", 10), ("rx_xoff_packets", 0), ("tx_xoff_packets", 3)],
                told: told(Some(10), Some(0), Some(0), Some(3)),
            },
            Case {
                driver: "net_ixgbe",
                dpdk: "DPDK 24.11.2",
                missed: 11,
                no_mbuf: 0,
                extended: &[
                    ("rx_q0_errors", 2),
                    ("rx_q1_errors", 3),
                    ("rx_total_missed_packets", 0),
                    ("rx_xoff_packets", 4),
                    ("rx_flow_control_xoff_packets", 4),
                    ("tx_xoff_packets", 0),
                ],
                told: told(Some(11), Some(5), Some(0), Some(4)),
            },
            Case {
                driver: "net_virtio_user",
                dpdk: "DPDK 22.11.7",
                missed: 0,
                no_mbuf: 2,
                extended: &[("rx_q0_good_packets", 10), ("rx_q0_errors", 0)],
                told: told(Some(0), Some(0), Some(2), Some(0)),
            },
            Case {
                driver: "net_vhost",
                dpdk: "DPDK 22.11.7",
                missed: 0,
                no_mbuf: 0,
                extended: &[("rx_q0_good_packets", 10)],
                told: told(Some(0), Some(0), None, Some(0)),
            },
            Case {
                driver: "net_vhost",
                dpdk: "DPDK 24.11.2",
                missed: 0,
                no_mbuf: 0,
                extended: &[("rx_q0_good_packets", 10), ("rx_q0_mbuf_alloc_failed", 6), ("tx_q0_mbuf_alloc_failed", 50)],
                told: told(Some(0), Some(0), Some(6), Some(0)),
            },
            Case {
                driver: "net_af_packet",
                dpdk: "DPDK 24.11.2",
                missed: 0,
                no_mbuf: 0,
                extended: &[],
                told: told(None, None, Some(0), None),
            },
            Case {
                driver: "net_af_xdp",
                dpdk: "DPDK 24.11.2",
                missed: 8,
                no_mbuf: 1,
                extended: &[],
                told: told(None, Some(8), Some(1), None),
            },
            // Not in the table: what is the same for all, and nothing guessed from names.
            Case {
                driver: "net_bnxt",
                dpdk: "DPDK 24.11.2",
                missed: 8,
                no_mbuf: 1,
                extended: &[("rx_pause_frames", 5), ("rx_dropped_packets", 3)],
                told: told(None, Some(8), Some(1), None),
            },
        ];
        for case in cases {
            let mut counters = after(10, 600);
            (counters.after.rx_missed, counters.after.rx_no_mbuf) = (case.missed, case.no_mbuf);
            counters.after.extended = case.extended.iter().map(|(name, by)| ((*name).to_owned(), *by)).collect();
            assert_eq!(Discards::by_driver(&counters, case.driver, case.dpdk), case.told, "{}", case.driver);
        }
    }

    #[test]
    fn what_a_driver_does_not_tell_is_named() {
        assert_eq!(told(Some(0), None, Some(3), None).uncounted(), ["no_descriptor", "pause_frames"]);
        assert!(told(Some(0), Some(0), Some(0), Some(0)).uncounted().is_empty());
    }
}
