use methodology::units::{FrameSize, LinkSpeed};
use serde::{Deserialize, Serialize};

use crate::frame::MacAddress;

/// What a port is, and how it was set up. Goes into the environment record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortInfo {
    /// DPDK's name of the port.
    pub name: String,
    /// The devargs it was opened with.
    pub devargs: String,
    /// The driver's name, such as `net_vhost` or `mlx5_pci`.
    pub driver: String,
    /// The link's speed, where the link has one. Software ports have none, whatever they report.
    pub link_speed: Option<LinkSpeed>,
    /// The port's own address.
    pub mac: MacAddress,
    /// The largest frame that was set up.
    pub max_frame: FrameSize,
    /// The NUMA node, where the device has one.
    pub numa_node: Option<u32>,
    /// Receive and transmit queues, as many of each.
    pub queues: u16,
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// Offloads that were switched on.
    pub offloads: Vec<String>,
    /// Receive function that the driver chose (`rte_eth_rx_burst_mode_get`), where it says.
    pub rx_burst_mode: Option<String>,
    /// Transmit function that the driver chose.
    pub tx_burst_mode: Option<String>,
    /// Whether the port is a representor (RTE_ETH_DEV_REPRESENTOR).
    pub representor: bool,
    /// The embedded switch that the port belongs to, where it belongs to one.
    pub switch_domain: Option<u16>,
    /// Whether the frames live in huge pages.
    pub huge_pages: bool,
}

/// What [`PortInfo::offloads`] calls RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE.
pub(super) const FAST_FREE: &str = "mbuf_fast_free";

/// What it calls RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP.
pub(super) const SEND_ON_TIMESTAMP: &str = "send_on_timestamp";

/// What it calls RTE_ETH_RX_OFFLOAD_TIMESTAMP.
pub(super) const RX_TIMESTAMP: &str = "rx_timestamp";

impl PortInfo {
    /// Whether the driver frees sent frames without a look at their pool.
    pub(crate) fn has_fast_free(&self) -> bool {
        self.offloads.iter().any(|offload| offload == FAST_FREE)
    }
}
