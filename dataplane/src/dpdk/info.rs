use methodology::units::{FrameSize, LinkSpeed};
use serde::{Deserialize, Serialize};

use crate::frame::MacAddress;

/// Properties and setup of a port. Part of the environment record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortInfo {
    /// DPDK's name of the port.
    pub name: String,
    /// The devargs it was opened with.
    pub devargs: String,
    /// The driver's name, such as `net_vhost` or `mlx5_pci`.
    pub driver: String,
    /// The speed of the link. `None` for software ports, whatever they report, and for a link that was not up when the speed was last read
    /// ([`Port::wait_link_up`](crate::Port::wait_link_up) reads it).
    pub link_speed: Option<LinkSpeed>,
    /// The port's own address.
    pub mac: MacAddress,
    /// Whether the port receives frames with any destination address.
    #[serde(default)]
    pub promiscuous: bool,
    /// The largest frame that the port was set up for.
    pub max_frame: FrameSize,
    /// The MTU that the port was set up with; that of its kernel interface where it has one.
    #[serde(default)]
    pub mtu: u32,
    /// The key of the hash that spreads frames over several receive queues (RSS), in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_key: Option<String>,
    /// The NUMA node of the device, where it has one.
    pub numa_node: Option<u32>,
    /// Number of receive queues, and of transmit queues.
    pub queues: u16,
    /// Descriptors of each receive queue, as the driver set them up.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue, as the driver set them up.
    pub tx_descriptors: u16,
    /// Offloads that are switched on.
    pub offloads: Vec<String>,
    /// Receive function that the driver chose (`rte_eth_rx_burst_mode_get`), where it reports one.
    pub rx_burst_mode: Option<String>,
    /// Transmit function that the driver chose.
    pub tx_burst_mode: Option<String>,
    /// Whether the port is a representor (RTE_ETH_DEV_REPRESENTOR).
    pub representor: bool,
    /// The embedded switch that the port belongs to, where it belongs to one.
    pub switch_domain: Option<u16>,
    /// Whether mbufs are in huge pages.
    pub huge_pages: bool,
}

/// Name of RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE in [`PortInfo::offloads`].
pub(super) const FAST_FREE: &str = "mbuf_fast_free";

/// Name of RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP.
pub(super) const SEND_ON_TIMESTAMP: &str = "send_on_timestamp";

/// Name of RTE_ETH_RX_OFFLOAD_TIMESTAMP.
pub(super) const RX_TIMESTAMP: &str = "rx_timestamp";

impl PortInfo {
    /// Whether the driver frees sent mbufs without reading their pool.
    pub(crate) fn has_fast_free(&self) -> bool {
        self.offloads.iter().any(|offload| offload == FAST_FREE)
    }
}
