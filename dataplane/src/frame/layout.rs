use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::error::FrameError;
use super::tag::TAG_LEN;

/// EtherType of layer-2 test frames: Local Experimental EtherType 1 (IEEE 802 §9.2.4).
pub const EXPERIMENTAL_ETHERTYPE: u16 = 0x88b5;

pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(super) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(super) const ETHERTYPE_CTAG: u16 = 0x8100;
pub(super) const ETHERTYPE_STAG: u16 = 0x88a8;
pub(super) const IPPROTO_UDP: u8 = 17;

pub(super) const ETHERNET_LEN: usize = 14;
pub(super) const IPV4_LEN: usize = 20;
pub(super) const IPV6_LEN: usize = 40;
pub(super) const UDP_LEN: usize = 8;

/// A VLAN's id, 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct VlanId(u16);

impl VlanId {
    /// 0 (priority only) and 4095 are reserved (IEEE 802.1Q table 9-2).
    pub fn new(id: u16) -> Result<VlanId, FrameError> {
        if (1..=4094).contains(&id) { Ok(VlanId(id)) } else { Err(FrameError::VlanId { id }) }
    }

    /// The id.
    pub const fn id(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for VlanId {
    type Error = FrameError;
    fn try_from(id: u16) -> Result<Self, FrameError> {
        VlanId::new(id)
    }
}

impl From<VlanId> for u16 {
    fn from(vlan: VlanId) -> u16 {
        vlan.0
    }
}

/// VLAN tags in front of the EtherType. Each takes 4 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tagging {
    /// None.
    #[default]
    Untagged,
    /// One customer tag (802.1Q, 0x8100).
    Vlan(VlanId),
    /// A service tag (802.1ad, 0x88a8) around a customer tag.
    QinQ {
        /// The outer, service tag.
        outer: VlanId,
        /// The inner, customer tag.
        inner: VlanId,
    },
}

impl Tagging {
    /// Bytes the tags take.
    pub const fn bytes(self) -> usize {
        match self {
            Tagging::Untagged => 0,
            Tagging::Vlan(_) => 4,
            Tagging::QinQ { .. } => 8,
        }
    }
}

/// The headers between Ethernet and the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Nothing: the tag follows [`EXPERIMENTAL_ETHERTYPE`].
    Ethernet,
    /// IPv4 and UDP.
    Ipv4 {
        /// Source address.
        source: Ipv4Addr,
        /// Destination address.
        destination: Ipv4Addr,
    },
    /// IPv6 and UDP.
    Ipv6 {
        /// Source address.
        source: Ipv6Addr,
        /// Destination address.
        destination: Ipv6Addr,
    },
}

impl Network {
    /// IPv4 between the two halves of 198.18.0.0/15, the benchmarking prefix. RFC 2544 C.2.2 prints 192.18.0.0; RFC 6815 §4.2
    /// and IANA's registry say 198.18.0.0/15.
    pub const IPV4: Network = Network::Ipv4 { source: Ipv4Addr::new(198, 18, 0, 1), destination: Ipv4Addr::new(198, 19, 0, 1) };

    /// IPv6 within 2001:2::/48, the benchmarking prefix (RFC 5180 §8 as corrected by its erratum 1752; RFC 6890).
    pub const IPV6: Network =
        Network::Ipv6 { source: Ipv6Addr::new(0x2001, 2, 0, 1, 0, 0, 0, 1), destination: Ipv6Addr::new(0x2001, 2, 0, 2, 0, 0, 0, 1) };
}

/// Offsets in a frame, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    network: Protocol,
    l3: u16,
}

/// [`Network`] without its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ethernet,
    Ipv4,
    Ipv6,
}

impl Layout {
    /// The layout of frames with these headers.
    pub const fn new(tagging: Tagging, network: Network) -> Layout {
        let network = match network {
            Network::Ethernet => Protocol::Ethernet,
            Network::Ipv4 { .. } => Protocol::Ipv4,
            Network::Ipv6 { .. } => Protocol::Ipv6,
        };
        Layout { network, l3: (ETHERNET_LEN + tagging.bytes()) as u16 }
    }

    /// The layout that a frame's own headers have, where a test frame can have them.
    pub(super) fn of_frame(frame: &[u8]) -> Option<Layout> {
        let word = |at: usize| frame.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        let vlan_tags = match (word(12)?, word(16)) {
            (ETHERTYPE_CTAG, _) => 1,
            (ETHERTYPE_STAG, Some(ETHERTYPE_CTAG)) => 2,
            _ => 0,
        };
        let l3 = ETHERNET_LEN + 4 * vlan_tags;
        let network = match word(l3 - 2)? {
            EXPERIMENTAL_ETHERTYPE => Protocol::Ethernet,
            ETHERTYPE_IPV4 if frame.get(l3) == Some(&0x45) => Protocol::Ipv4,
            ETHERTYPE_IPV6 => Protocol::Ipv6,
            _ => return None,
        };
        Some(Layout { network, l3: l3 as u16 })
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        self.network
    }

    /// Where the network header begins, which for layer-2 frames is the tag.
    #[inline(always)]
    pub const fn network_offset(&self) -> usize {
        self.l3 as usize
    }

    /// Where the UDP header begins; `None` in layer-2 frames.
    pub const fn udp_offset(&self) -> Option<usize> {
        match self.network {
            Protocol::Ethernet => None,
            Protocol::Ipv4 => Some(self.l3 as usize + IPV4_LEN),
            Protocol::Ipv6 => Some(self.l3 as usize + IPV6_LEN),
        }
    }

    /// Where the tag begins.
    #[inline(always)]
    pub const fn tag_offset(&self) -> usize {
        self.l3 as usize
            + match self.network {
                Protocol::Ethernet => 0,
                Protocol::Ipv4 => IPV4_LEN + UDP_LEN,
                Protocol::Ipv6 => IPV6_LEN + UDP_LEN,
            }
    }

    /// The shortest such frame in bytes without the FCS, before padding to the 60 of Ethernet.
    pub const fn least_bytes(&self) -> usize {
        self.tag_offset() + TAG_LEN
    }
}
