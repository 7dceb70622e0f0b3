use methodology::units::FrameSize;
use serde::{Deserialize, Serialize};

/// How a port is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOptions {
    /// The largest frame that will be sent or received: sets the MTU (L − 18) and the size of the buffers.
    pub max_frame: FrameSize,
    /// Receive descriptors; the driver's own choice (or 1024) where none is given.
    pub rx_descriptors: Option<u16>,
    /// Transmit descriptors; likewise.
    pub tx_descriptors: Option<u16>,
    /// Receive frames that are addressed to others.
    pub promiscuous: bool,
    /// Let the driver free sent frames the fast way (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) where it can.
    pub fast_free: bool,
}

impl Default for PortOptions {
    fn default() -> Self {
        PortOptions { max_frame: FrameSize::MAX_STANDARD, rx_descriptors: None, tx_descriptors: None, promiscuous: true, fast_free: true }
    }
}
