//! What is known about DPDK drivers: one table, with a default for drivers that are not in it.
//!
//! What a driver reports itself (offloads, MTU, number of queues) is read from the port. In particular, fast free
//! (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) is used where the port reports it, and needs all mbufs of a queue to be of one pool.

use dpdk_sys as sys;

/// What is known about one driver.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Driver {
    /// The driver's name in `rte_eth_dev_info`. A software port's name is this and a number.
    pub(super) name: &'static str,
    /// How a software port is written; `None` for drivers of devices.
    pub(super) software: Option<SoftwarePort>,
    /// What is at the other end of the port.
    pub(super) other_end: OtherEnd,
    /// The rings of its queues.
    pub(super) rings: Rings,
    /// Who takes frames out of a transmit ring.
    pub(super) emptied: TransmitRingEmptied,
    /// The end of the name of the extended counter `rx_qN_…` that counts the frames that queue N missed because it had no descriptor; `None`
    /// where no counter of a queue does.
    pub(crate) queue_missed: Option<&'static str>,
    /// Which pool received mbufs belong to.
    pub(super) received_mbufs: ReceivedMbufs,
    /// Who writes received frames into memory.
    pub(super) received_frames: ReceivedFrames,
    /// Who reads sent frames from memory.
    pub(crate) sent_frames: SentFrames,
    /// What decides at which receive queue a frame arrives.
    pub(super) receive_queue: ReceiveQueue,
    /// Whether frames to the port's own address reach it.
    pub(super) own_address: OwnAddress,
    /// Who sets the port's MTU.
    pub(super) mtu: MtuSetting,
    /// How the driver's buffers for larger frames are written.
    pub(super) frame_buffers: Option<FrameBuffers>,
}

/// How a software port is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SoftwarePort {
    /// Keys of which at least one must be given.
    pub(super) required_keys: &'static [&'static str],
    /// The key for the number of queues, where there is one.
    pub(super) queues_key: Option<&'static str>,
    /// An example with its explanation.
    pub(super) example: &'static str,
}

/// What is at the other end of a software port, and the devargs key that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherEnd {
    /// Nothing that the port's creation depends on.
    Nothing,
    /// A socket that the port creates and listens on (vhost-user back-end). The vhost library's log says how the peer left.
    OwnSocket { key: &'static str },
    /// A socket that another process listens on.
    PeerSocket { key: &'static str },
    /// A kernel interface. Its driver always reports the link as up (rte_eth_af_packet.c and rte_eth_af_xdp.c, `eth_link_update`), so the
    /// interface's own carrier counts.
    KernelInterface { key: &'static str },
}

/// The rings of a driver's queues: where their size comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rings {
    /// They have as many descriptors as the port is set up with: by default these, or more where the driver's own default is larger.
    Descriptors {
        /// Of a receive queue.
        rx: u16,
        /// Of a transmit queue.
        tx: u16,
    },
    /// The driver ignores the number of descriptors. A key of the devargs sets the size of all rings.
    Devargs {
        /// The key.
        key: &'static str,
        /// Its default.
        frames: u16,
    },
    /// The peer of the shared memory creates the rings. Descriptors asked for are a statement about them.
    Peers {
        /// What peers create by default.
        frames: u16,
    },
    /// The driver always creates rings for this many frames.
    Fixed {
        /// How many.
        frames: u16,
    },
}

/// Who takes frames out of a transmit ring that the driver has put them into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransmitRingEmptied {
    /// A device, a peer or the driver itself: no further call is needed.
    ByItself,
    /// The kernel, in `sendto` on the queue's AF_PACKET socket, and not always all of them: see [`super::kernel_ring`].
    BySendto,
}

/// Buffers that a driver shares with the kernel, each for one frame. Larger frames need larger ones, which are given when the port is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameBuffers {
    /// The key that sets the bytes of a buffer.
    pub(super) size_key: &'static str,
    /// Its default.
    pub(super) default_size: u32,
    /// Bytes of a buffer beyond the frame without FCS.
    pub(super) overhead: u32,
    /// The key that sets the bytes of a block of buffers, a multiple of the page size.
    pub(super) block_key: &'static str,
}

/// Which pool received mbufs belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceivedMbufs {
    /// The pool that the queue was set up with.
    FromOwnPool,
    /// Any pool: the driver passes on mbufs that were sent to it.
    FromAnyPool,
}

/// Who writes received frames into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceivedFrames {
    /// The polling core, in the receive function: the frames are in its cache.
    WrittenByPoller,
    /// A device or another core.
    WrittenElsewhere,
}

/// Who reads sent frames from memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentFrames {
    /// Only the polling core: the frames are still in its cache when their mbufs are reused.
    ReadByPoller,
    /// A device or another core.
    ReadElsewhere,
}

/// What decides at which of several receive queues a frame arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiveQueue {
    /// A hash of its addresses and ports (RSS): all frames of a flow arrive at one queue.
    HashOfFlow,
    /// The queue that it was sent from.
    QueueOfSender,
}

/// Whether a sender reaches a port with the port's own address (`rte_eth_macaddr_get`) as destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnAddress {
    /// Yes. A device delivers no frames to other addresses unless it is promiscuous; software ports deliver all.
    Reaches,
    /// No: the kernel keeps these frames.
    IsTheKernels,
}

/// Who sets the MTU of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MtuSetting {
    /// The driver, from `rxmode.mtu` of `rte_eth_dev_configure`.
    ByConfigure,
    /// The driver, when `rte_eth_dev_set_mtu` is called: it ignores `rxmode.mtu`, at least in some versions.
    ByCall,
    /// linerate, in the kernel: the port sends and receives what its kernel interface carries, and the driver reports a maximum that is not its
    /// own. ethdev would refuse a larger MTU because of it.
    OfInterface,
}

/// Default descriptors of a NIC's receive queue. Many drivers ask for 256 (mlx5 up to two queues, i40e, ixgbe), which hold 7 µs of frames at
/// 37 Mpps: less than a poll loop is interrupted for now and then. 4096 hold 110 µs, and most drivers allow no more.
const NIC_RX: u16 = 4096;

/// Default descriptors of a NIC's transmit queue. They need not bridge an interruption of the receiver.
const NIC_TX: u16 = 2048;

/// For software ports that accept any number.
const SOFTWARE: Rings = Rings::Descriptors { rx: 1024, tx: 1024 };

/// mlx5's counters of frames whose send time was over, or too far ahead, when they came to the port (mlx5_txpp.c). It sends them at once.
pub(crate) const SEND_TIME_ERRORS: [&str; 2] = ["tx_pp_timestamp_past_errors", "tx_pp_timestamp_future_errors"];

/// What to do where a port has no send times.
pub(super) const SEND_TIME_ADVICE: &str =
    "A ConnectX-6 Dx or BlueField-2 supports it if its port is written with `,tx_pp=500`; otherwise pace by software";

/// Drivers whose representors are for control only: their receive and transmit functions do nothing (i40e_vf_representor.c and
/// ixgbe_vf_representor.c, "No data-path"; ice_dcf_vf_representor.c, `ice_dcf_vf_repr_rx_burst`; ipn3ke_representor.c).
const REPRESENTORS_WITHOUT_FRAMES: [&str; 4] = ["net_i40e", "net_ixgbe", "net_ice_dcf", "net_ipn3ke"];

/// Whether the representors of the driver carry frames.
pub(super) fn representors_carry_frames(driver: &str) -> bool {
    !REPRESENTORS_WITHOUT_FRAMES.contains(&driver)
}

/// A driver that is not in the table: a NIC.
const DEVICE: Driver = Driver {
    name: "",
    software: None,
    other_end: OtherEnd::Nothing,
    rings: Rings::Descriptors { rx: NIC_RX, tx: NIC_TX },
    emptied: TransmitRingEmptied::ByItself,
    queue_missed: None,
    received_mbufs: ReceivedMbufs::FromOwnPool,
    received_frames: ReceivedFrames::WrittenElsewhere,
    sent_frames: SentFrames::ReadElsewhere,
    receive_queue: ReceiveQueue::HashOfFlow,
    own_address: OwnAddress::Reaches,
    mtu: MtuSetting::ByConfigure,
    frame_buffers: None,
};

/// Drivers that differ from [`DEVICE`]. Software ports in the order in which they are listed to users.
static TABLE: [Driver; 15] = [
    Driver {
        name: "net_null",
        software: Some(SoftwarePort {
            required_keys: &[],
            queues_key: None,
            example: "net_null0 (accepts and delivers frames without moving them: measures linerate itself)",
        }),
        rings: SOFTWARE,
        received_frames: ReceivedFrames::WrittenByPoller,
        sent_frames: SentFrames::ReadByPoller,
        receive_queue: ReceiveQueue::QueueOfSender,
        ..DEVICE
    },
    Driver {
        name: "net_ring",
        software: Some(SoftwarePort {
            required_keys: &[],
            queues_key: None,
            example: "net_ring0 (returns every sent frame: measures the tester's share of a round trip)",
        }),
        // drivers/net/ring/rte_eth_ring.c, `eth_dev_ring_create`: rings of 1024, of which rte_ring uses one less.
        rings: Rings::Fixed { frames: 1023 },
        // The same file: the mbufs that were sent come back.
        received_mbufs: ReceivedMbufs::FromAnyPool,
        sent_frames: SentFrames::ReadByPoller,
        receive_queue: ReceiveQueue::QueueOfSender,
        ..DEVICE
    },
    Driver {
        name: "net_pcap",
        software: Some(SoftwarePort {
            required_keys: &["rx_pcap", "tx_pcap", "iface", "rx_iface", "tx_iface", "rx_iface_in"],
            queues_key: None,
            example: "net_pcap0,tx_pcap=out.pcap (a capture file)",
        }),
        rings: SOFTWARE,
        received_frames: ReceivedFrames::WrittenByPoller,
        sent_frames: SentFrames::ReadByPoller,
        ..DEVICE
    },
    Driver {
        name: "net_vhost",
        software: Some(SoftwarePort {
            required_keys: &["iface"],
            queues_key: Some("queues"),
            example: "net_vhost0,iface=lr.sock (shared memory, the end that creates the socket; start it first)",
        }),
        other_end: OtherEnd::OwnSocket { key: "iface" },
        // rte_eth_vhost.c: `nb_rx_desc __rte_unused`. virtio-user's `queue_size` and QEMU's `rx_queue_size` are 256 by default.
        rings: Rings::Peers { frames: 256 },
        received_frames: ReceivedFrames::WrittenByPoller,
        // Queue i of one end is queue i of the other.
        receive_queue: ReceiveQueue::QueueOfSender,
        ..DEVICE
    },
    Driver {
        name: "net_virtio_user",
        software: Some(SoftwarePort {
            required_keys: &["path"],
            queues_key: Some("queues"),
            example: "net_virtio_user0,path=lr.sock (shared memory, the other end)",
        }),
        other_end: OtherEnd::PeerSocket { key: "path" },
        // virtio_user_ethdev.c: VIRTIO_USER_DEF_Q_SZ. virtio_rxtx.c caps the number of descriptors at it.
        rings: Rings::Devargs { key: "queue_size", frames: 256 },
        // The vhost port at the other end copies the frames.
        receive_queue: ReceiveQueue::QueueOfSender,
        ..DEVICE
    },
    Driver {
        name: "net_af_packet",
        software: Some(SoftwarePort {
            required_keys: &["iface"],
            queues_key: Some("qpairs"),
            example: "net_af_packet0,iface=veth0 (a kernel interface)",
        }),
        other_end: OtherEnd::KernelInterface { key: "iface" },
        // rte_eth_af_packet.c: `nb_rx_desc __rte_unused`, and DFLT_FRAME_COUNT is 512.
        rings: Rings::Devargs { key: "framecnt", frames: 512 },
        // net_af_xdp also calls the kernel, and repeats the call until the ring is empty (rte_eth_af_xdp.c, `kick_tx`).
        emptied: TransmitRingEmptied::BySendto,
        received_frames: ReceivedFrames::WrittenByPoller,
        // `eth_dev_info`: max_rx_pktlen is RTE_ETHER_MAX_LEN, whatever the interface carries.
        mtu: MtuSetting::OfInterface,
        // DFLT_FRAME_SIZE. In a buffer, a received frame follows TPACKET2_HDRLEN and room for a header, aligned to 16 bytes (net/packet/af_packet.c,
        // `tpacket_rcv`): 66 bytes, and 4 for a VLAN tag.
        frame_buffers: Some(FrameBuffers { size_key: "framesz", default_size: 2048, overhead: 96, block_key: "blocksz" }),
        ..DEVICE
    },
    Driver {
        name: "net_af_xdp",
        software: Some(SoftwarePort {
            required_keys: &["iface"],
            queues_key: Some("queue_count"),
            example: "net_af_xdp0,iface=eth0 (a kernel interface, bypassing most of the kernel)",
        }),
        other_end: OtherEnd::KernelInterface { key: "iface" },
        // Its own default is 2048 (ETH_AF_XDP_DFLT_NUM_DESCS).
        rings: SOFTWARE,
        ..DEVICE
    },
    Driver {
        name: "net_tap",
        software: Some(SoftwarePort { required_keys: &[], queues_key: None, example: "net_tap0,iface=tap0 (creates a kernel interface)" }),
        rings: SOFTWARE,
        received_frames: ReceivedFrames::WrittenByPoller,
        // rte_eth_tap.c, `eth_dev_tap_create`: the kernel interface has the address of the port, so that the kernel, or a bridge that the
        // interface is in, takes frames to it as its own.
        own_address: OwnAddress::IsTheKernels,
        // `tap_mtu_set` sets that of the kernel interface too.
        mtu: MtuSetting::ByCall,
        ..DEVICE
    },
    // mlx5_ethdev.c, `mlx5_dev_configure` sets the MTU since 24.07; before, and in mlx4, only `mtu_set` does.
    Driver { name: "mlx5_pci", mtu: MtuSetting::ByCall, ..DEVICE },
    Driver { name: "mlx5_auxiliary", mtu: MtuSetting::ByCall, ..DEVICE },
    Driver { name: "net_mlx4", mtu: MtuSetting::ByCall, ..DEVICE },
    // ixgbe_ethdev.c, `ixgbe_read_stats_registers`: QPRDC of each queue becomes `q_errors`.
    Driver { name: "net_ixgbe", queue_missed: Some("errors"), ..DEVICE },
    // vmxnet3_ethdev.c, `vmxnet3_rxq_stat_strings`.
    // Each receive queue has two rings of this size (VMXNET3_RX_CMDRING_SIZE).
    Driver { name: "net_vmxnet3", rings: Rings::Descriptors { rx: 2048, tx: NIC_TX }, queue_missed: Some("drop_total"), ..DEVICE },
    // The device creates the rings (QEMU: `rx_queue_size`, 256 by default), and the driver uses no more descriptors.
    Driver { name: "net_virtio", rings: Rings::Peers { frames: 256 }, ..DEVICE },
    // Passes on the mbufs of its member ports. Users cannot name it.
    Driver { name: "net_bonding", received_mbufs: ReceivedMbufs::FromAnyPool, ..DEVICE },
];

impl Driver {
    /// What is known about the driver `name`.
    pub(crate) fn of(name: &str) -> &'static Driver {
        TABLE.iter().find(|driver| driver.name == name).unwrap_or(&DEVICE)
    }

    /// How a software port of the driver `name` is written; `None` where the driver makes no software ports that linerate knows.
    pub(super) fn software_port(name: &str) -> Option<&'static SoftwarePort> {
        Driver::of(name).software.as_ref()
    }

    /// An example of every software port.
    pub(super) fn software_examples() -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter_map(|driver| Some(driver.software.as_ref()?.example))
    }

    /// Whether frames to the port's own address reach the port.
    pub(super) fn is_reached_by_its_address(&self) -> bool {
        self.own_address == OwnAddress::Reaches
    }

    /// The devargs key of the kernel interface that the port uses, where it uses one.
    pub(super) fn kernel_interface_key(&self) -> Option<&'static str> {
        match self.other_end {
            OtherEnd::KernelInterface { key } => Some(key),
            OtherEnd::Nothing | OtherEnd::OwnSocket { .. } | OtherEnd::PeerSocket { .. } => None,
        }
    }
}

/// Whether a driver sets [`PortCounters::rx_missed`](crate::PortCounters::rx_missed) in the DPDK version `dpdk`, such as `DPDK 24.11.2`. A
/// driver that does not leaves it at 0.
pub fn driver_sets_rx_missed(driver: &str, dpdk: &str) -> bool {
    driver != "net_af_packet" || sys::DpdkRelease::of(dpdk).is_some_and(|release| release >= sys::AF_PACKET_SETS_IMISSED)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_driver_is_in_the_table_once_and_an_unknown_one_is_a_device() {
        let names: BTreeSet<&str> = TABLE.iter().map(|driver| driver.name).collect();
        assert_eq!(names.len(), TABLE.len());
        assert_eq!(Driver::of("net_ring").received_mbufs, ReceivedMbufs::FromAnyPool);
        assert_eq!(Driver::of("net_e1000_igb"), &DEVICE);
        assert_eq!(DEVICE.rings, Rings::Descriptors { rx: 4096, tx: 2048 }, "a NIC whose own default is 256 gets more");
        assert!(Driver::software_port("net_bonding").is_none() && Driver::software_port("mlx5_pci").is_none());
    }

    #[test]
    fn an_example_begins_with_its_drivers_name_and_gives_a_required_key() {
        for (driver, software) in TABLE.iter().filter_map(|driver| Some((driver, driver.software.as_ref()?))) {
            let keys = software.required_keys;
            assert!(software.example.starts_with(driver.name), "{driver:?}");
            assert!(keys.is_empty() || keys.iter().any(|key| software.example.contains(&format!(",{key}="))), "{driver:?}");
        }
    }

    #[test]
    fn af_packet_sets_rx_missed_from_25_03_on_and_other_drivers_always() {
        for (version, sets) in [("DPDK 22.11.5", false), ("DPDK 24.11.2", false), ("DPDK 25.03.0", true), ("unknown", false)] {
            assert_eq!(driver_sets_rx_missed("net_af_packet", version), sets, "{version}");
            assert!(driver_sets_rx_missed("net_af_xdp", version));
        }
    }
}
