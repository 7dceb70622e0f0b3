use std::num::NonZeroU16;

use methodology::units::FrameSize;
use serde::{Deserialize, Serialize};

use super::isolation::IsolatedFrames;

/// How a port is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOptions {
    /// The largest frame to send or receive. Sets the MTU (frame size − 18) and the size of the mbufs.
    pub max_frame: FrameSize,
    /// Number of receive queues, and of transmit queues. Each has one poll loop.
    pub queues: NonZeroU16,
    /// Receive descriptors of each queue; `None` for linerate's default for the driver. On a port whose peer creates the rings (net_vhost) this
    /// says how large they are; where a key of the devargs sets the rings, see [`PortSpec::with_descriptors`](crate::PortSpec).
    pub rx_descriptors: Option<u16>,
    /// Transmit descriptors of each queue, with the same default and meaning.
    pub tx_descriptors: Option<u16>,
    /// Receive frames with any destination address. An error where the driver refuses it. Software ports receive all frames without it.
    pub promiscuous: bool,
    /// Receive these test frames only, and leave other traffic of the NIC to the kernel (`rte_flow_isolate`). The port is not promiscuous then.
    #[serde(default)]
    pub isolate: Option<IsolatedFrames>,
    /// Use RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE where the port has it. It excludes frames of several sizes
    /// ([`SendPlan::traffic`](crate::SendPlan::traffic)), because each size has its own pool.
    pub fast_free: bool,
    /// Mbufs that the cache of each poll loop is refilled to, in every mempool of the port; `None` for linerate's default. 0 is no cache.
    #[serde(default)]
    pub mempool_cache: Option<u16>,
    /// Let the port hold frames until their send time, for [`Pacing::SendOnTimestamp`](crate::Pacing). Drivers choose a slower transmit
    /// function then.
    #[serde(default)]
    pub send_on_timestamp: bool,
    /// Let the port write the arrival time of each frame (RTE_ETH_RX_OFFLOAD_TIMESTAMP), for round-trip times that end at the port instead of
    /// at the poll loop. Not for throughput: mlx5 does not compress completions then (mlx5_devx.c).
    #[serde(default)]
    pub arrival_times: bool,
}

impl PortOptions {
    /// Whether the port is set to promiscuous mode: never in isolated mode.
    pub(super) fn is_promiscuous(&self) -> bool {
        self.promiscuous && self.isolate.is_none()
    }
}

impl Default for PortOptions {
    fn default() -> Self {
        PortOptions {
            max_frame: FrameSize::MAX_STANDARD,
            queues: NonZeroU16::MIN,
            rx_descriptors: None,
            tx_descriptors: None,
            promiscuous: false,
            isolate: None,
            fast_free: true,
            mempool_cache: None,
            send_on_timestamp: false,
            arrival_times: false,
        }
    }
}
