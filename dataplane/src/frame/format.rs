use serde::{Deserialize, Serialize};

use super::layout::Network;

/// The headers of a test frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameFormat {
    /// Ethernet only, with an EtherType for local experiments.
    L2,
    /// IPv4 and UDP.
    #[default]
    Ipv4Udp,
    /// IPv6 and UDP.
    Ipv6Udp,
}

impl FrameFormat {
    /// The same with the addresses that test frames have where nothing else is said.
    pub fn network(self) -> Network {
        match self {
            FrameFormat::L2 => Network::Ethernet,
            FrameFormat::Ipv4Udp => Network::IPV4,
            FrameFormat::Ipv6Udp => Network::IPV6,
        }
    }
}
