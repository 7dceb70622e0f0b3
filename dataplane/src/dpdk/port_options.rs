use std::num::NonZeroU16;

use methodology::units::FrameSize;
use serde::{Deserialize, Serialize};

/// How a port is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOptions {
    /// The largest frame to send or receive. Sets the MTU (frame size − 18) and the size of the mbufs.
    pub max_frame: FrameSize,
    /// Number of receive queues, and of transmit queues. Each has one poll loop.
    pub queues: NonZeroU16,
    /// Receive descriptors of each queue; default the driver's own number, or 1024.
    pub rx_descriptors: Option<u16>,
    /// Transmit descriptors of each queue; the same default.
    pub tx_descriptors: Option<u16>,
    /// Receive frames with any destination address. An error where the driver refuses it. Software ports receive all frames without it.
    pub promiscuous: bool,
    /// Use RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE where the port has it. It excludes frames of several sizes
    /// ([`SendPlan::traffic`](crate::SendPlan::traffic)), because each size has its own pool.
    pub fast_free: bool,
    /// Let the port hold frames until their send time, for [`Pacing::SendOnTimestamp`](crate::Pacing). Drivers choose a slower transmit
    /// function then.
    #[serde(default)]
    pub send_on_timestamp: bool,
    /// Let the port write the arrival time of each frame (RTE_ETH_RX_OFFLOAD_TIMESTAMP), for round-trip times that end at the port instead of
    /// at the poll loop. Not for throughput: mlx5 does not compress completions then (mlx5_devx.c).
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
            promiscuous: false,
            fast_free: true,
            send_on_timestamp: false,
            arrival_times: false,
        }
    }
}
