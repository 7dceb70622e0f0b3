use std::num::NonZeroU16;

use methodology::units::FrameSize;
use serde::{Deserialize, Serialize};

/// How a port is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOptions {
    /// The largest frame that will be sent or received: sets the MTU (L − 18) and the size of the buffers.
    pub max_frame: FrameSize,
    /// Receive and transmit queues, as many of each: one poll loop a queue.
    pub queues: NonZeroU16,
    /// Receive descriptors; the driver's own choice (or 1024) where none is given.
    pub rx_descriptors: Option<u16>,
    /// Transmit descriptors; likewise.
    pub tx_descriptors: Option<u16>,
    /// Receive frames that are addressed to others.
    pub promiscuous: bool,
    /// Let the driver free sent frames the fast way (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) where it can. Not with frames of several sizes
    /// ([`SendPlan::traffic`](crate::SendPlan::traffic)): each size has a pool of its own.
    pub fast_free: bool,
    /// Let the port hold frames until their time, for [`Pacing::SendOnTimestamp`](crate::Pacing). Drivers choose a slower transmit function then.
    #[serde(default)]
    pub send_on_timestamp: bool,
    /// Let the port say when each frame came (RTE_ETH_RX_OFFLOAD_TIMESTAMP): round-trip times end there instead of at the poll loop. Not where
    /// throughput is measured: mlx5 compresses no completions then (mlx5_devx.c).
    #[serde(default)]
    pub arrival_times: bool,
}

impl Default for PortOptions {
    fn default() -> Self {
        PortOptions {
            max_frame: FrameSize::MAX_STANDARD,
            queues: NonZeroU16::MIN,
            rx_descriptors: None,
            tx_descriptors: None,
            promiscuous: true,
            fast_free: true,
            send_on_timestamp: false,
            arrival_times: false,
        }
    }
}
