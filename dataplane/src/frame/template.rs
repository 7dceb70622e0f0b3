use methodology::units::FrameSize;

use super::checksum::Sum;
use super::error::FrameError;
use super::layout::{
    ETHERNET_LEN, ETHERTYPE_CTAG, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_STAG, EXPERIMENTAL_ETHERTYPE, IPPROTO_UDP, IPV4_LEN, IPV6_LEN,
    Layout, Network, Protocol, Tagging,
};
use super::mac::MacAddress;
use super::tag::{RawTag, StreamId, TAG_LEN, TAG_SUM, Tag};

/// Least bytes behind the tag of a checked payload: four that balance the UDP sum and four of CRC.
const CHECKED_FILL: usize = 8;

/// The TTL, or hop limit, of RFC 2544 C.2.6.2.
pub(super) const DEFAULT_TTL: u8 = 10;

/// What the UDP checksum field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UdpChecksum {
    /// The correct checksum. It costs nothing per frame, because the sum of a tag is constant.
    #[default]
    Correct,
    /// Zero, "none": legal in IPv4 only (RFC 768; RFC 8200 §8.1).
    Zero,
}

/// The bytes behind the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Payload {
    /// A fixed pattern.
    #[default]
    Pattern,
    /// A fixed pattern whose last four bytes are its CRC32C (Castagnoli, RFC 3720 §12.1), little-endian, for integrity runs.
    Checked,
}

/// Everything that defines a test frame except its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSpec {
    /// Source Ethernet address.
    pub source: MacAddress,
    /// Destination Ethernet address.
    pub destination: MacAddress,
    /// VLAN tags.
    pub tagging: Tagging,
    /// The network header.
    pub network: Network,
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The UDP checksum.
    pub checksum: UdpChecksum,
    /// The bytes behind the tag.
    pub payload: Payload,
    /// The stream in the template's own tag.
    pub stream: StreamId,
}

impl FrameSpec {
    /// A spec with the defaults of RFC 2544 C.2.6 where there are any: UDP from 0xc020 to port 7 (echo), TTL 10.
    pub fn new(network: Network) -> FrameSpec {
        FrameSpec {
            source: MacAddress::local(1),
            destination: MacAddress::local(2),
            tagging: Tagging::Untagged,
            network,
            source_port: 0xc020,
            destination_port: 7,
            ttl: DEFAULT_TTL,
            checksum: UdpChecksum::Correct,
            payload: Payload::Pattern,
            stream: StreamId(0),
        }
    }

    /// The offsets in such a frame.
    pub const fn layout(&self) -> Layout {
        Layout::new(self.tagging, self.network)
    }

    /// The smallest frame that holds the headers and the tag: 64 bytes for IPv4, 68 with a VLAN tag, 84 for IPv6 (RFC 8219 §4).
    pub fn least_size(&self) -> FrameSize {
        let bytes = self.layout().least_bytes() as u32 + methodology::units::FCS;
        FrameSize::new(bytes).unwrap_or(FrameSize::MIN)
    }
}

/// A complete test frame of one size, without its FCS.
///
/// Frames of one spec have the same checksums at every size: the difference of the length fields is balanced in the IPv4 identification
/// (which has no meaning in an unfragmented datagram, RFC 6864 §4) and in two bytes of the pattern. So the frames of an IMIX share one flow
/// table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    spec: FrameSpec,
    size: FrameSize,
    bytes: Vec<u8>,
}

impl Template {
    /// Builds the frame of `spec` at `size`.
    pub fn build(spec: &FrameSpec, size: FrameSize) -> Result<Template, FrameError> {
        let layout = spec.layout();
        let least = spec.least_size();
        if size < least {
            let what = match layout.protocol() {
                Protocol::Ethernet => "an Ethernet header and the tag",
                Protocol::Ipv4 => "Ethernet, IPv4 and UDP headers and the tag",
                Protocol::Ipv6 => "Ethernet, IPv6 and UDP headers and the tag",
            };
            let vlan = if spec.tagging.bytes() > 0 { " behind VLAN tags" } else { "" };
            return Err(FrameError::TooSmall { size, what: format!("{what}{vlan}"), least: least.bytes() });
        }
        if layout.protocol() == Protocol::Ipv6 && spec.checksum == UdpChecksum::Zero {
            return Err(FrameError::ChecksumRequired);
        }
        let mut template = Template { spec: *spec, size, bytes: vec![0; size.without_fcs() as usize] };
        template.write_ethernet();
        template.write_payload()?;
        match spec.network {
            Network::Ethernet => {}
            Network::Ipv4 { .. } => template.write_ipv4(),
            Network::Ipv6 { .. } => template.write_ipv6(),
        }
        template.write_udp();
        Ok(template)
    }

    /// The frame from the destination address to the last byte before the FCS: L − 4 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The frame as it is before it is stamped: no receiver takes it for a test frame, because its tag is marked as that of a replayed frame.
    /// A stamp replaces the whole tag.
    ///
    /// A sender's mbufs are filled with these bytes. A driver can still hold mbufs of an earlier run then, such as frames that waited behind a
    /// pause or a lost link; they leave unstamped, and must not count in the new run.
    pub fn unstamped(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let tag = self.layout().tag_offset();
        if let Some(tag) = bytes.get_mut(tag..tag + TAG_LEN) {
            // SAFETY: the slice is 18 readable and writable bytes.
            unsafe { RawTag::read(tag.as_ptr()).replayed().write(tag.as_mut_ptr()) };
        }
        bytes
    }

    /// The frame's size, FCS included.
    pub fn size(&self) -> FrameSize {
        self.size
    }

    /// What the frame was built from.
    pub fn spec(&self) -> &FrameSpec {
        &self.spec
    }

    /// The offsets in the frame.
    pub fn layout(&self) -> Layout {
        self.spec.layout()
    }

    /// Whether the frame's UDP sum is the same as at other sizes of its spec. It is not where exactly one byte follows the tag.
    pub(crate) fn is_balanced(&self) -> bool {
        self.layout().udp_offset().is_none() || self.spec.checksum == UdpChecksum::Zero || self.fill().len() != 1
    }

    /// Bytes behind the tag.
    pub fn fill_len(&self) -> usize {
        self.fill().len()
    }

    fn fill(&self) -> &[u8] {
        &self.bytes[self.layout().least_bytes()..]
    }

    fn write_ethernet(&mut self) {
        let FrameSpec { source, destination, tagging, .. } = self.spec;
        self.bytes[..6].copy_from_slice(&destination.0);
        self.bytes[6..12].copy_from_slice(&source.0);
        let mut at = 12;
        let mut put = |word: u16| {
            self.bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
            at += 2;
        };
        match tagging {
            Tagging::Untagged => {}
            Tagging::Vlan(vlan) => [ETHERTYPE_CTAG, vlan.id()].into_iter().for_each(&mut put),
            Tagging::QinQ { outer, inner } => [ETHERTYPE_STAG, outer.id(), ETHERTYPE_CTAG, inner.id()].into_iter().for_each(&mut put),
        }
        put(match self.spec.network {
            Network::Ethernet => EXPERIMENTAL_ETHERTYPE,
            Network::Ipv4 { .. } => ETHERTYPE_IPV4,
            Network::Ipv6 { .. } => ETHERTYPE_IPV6,
        });
    }

    /// Total length of the IP packet: the frame without Ethernet header and VLAN tags, and without FCS.
    fn ip_length(&self) -> u16 {
        (self.bytes.len() - ETHERNET_LEN - self.spec.tagging.bytes()) as u16
    }

    /// UDP length, header included. (The table in RFC 2544 C.2.6.4 is wrong for 256 to 1280 bytes; this is IP length − IP header.)
    fn udp_length(&self) -> Option<u16> {
        self.layout().udp_offset().map(|udp| (self.bytes.len() - udp) as u16)
    }

    fn write_ipv4(&mut self) {
        let Network::Ipv4 { source, destination } = self.spec.network else { return };
        let length = self.ip_length();
        let l3 = self.layout().network_offset();
        let header = &mut self.bytes[l3..l3 + IPV4_LEN];
        header[0] = 0x45;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        // Balances the length, so that the sum of the header is the same at every size.
        header[4..6].copy_from_slice(&(!length).to_be_bytes());
        header[6] = 0x40; // don't fragment
        header[8] = self.spec.ttl;
        header[9] = IPPROTO_UDP;
        header[12..16].copy_from_slice(&source.octets());
        header[16..20].copy_from_slice(&destination.octets());
        let checksum = Sum::default().bytes(header).checksum();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }

    fn write_ipv6(&mut self) {
        let Network::Ipv6 { source, destination } = self.spec.network else { return };
        let payload = self.ip_length() - IPV6_LEN as u16;
        let l3 = self.layout().network_offset();
        let header = &mut self.bytes[l3..l3 + IPV6_LEN];
        header[0] = 0x60;
        header[4..6].copy_from_slice(&payload.to_be_bytes());
        header[6] = IPPROTO_UDP;
        header[7] = self.spec.ttl;
        header[8..24].copy_from_slice(&source.octets());
        header[24..40].copy_from_slice(&destination.octets());
    }

    fn write_udp(&mut self) {
        let (Some(udp), Some(length)) = (self.layout().udp_offset(), self.udp_length()) else { return };
        let FrameSpec { source_port, destination_port, checksum, .. } = self.spec;
        self.bytes[udp..udp + 2].copy_from_slice(&source_port.to_be_bytes());
        self.bytes[udp + 2..udp + 4].copy_from_slice(&destination_port.to_be_bytes());
        self.bytes[udp + 4..udp + 6].copy_from_slice(&length.to_be_bytes());
        let checksum = match checksum {
            UdpChecksum::Zero => 0,
            UdpChecksum::Correct => self.udp_sum(self.address_sum()).udp_checksum(),
        };
        self.bytes[udp + 6..udp + 8].copy_from_slice(&checksum.to_be_bytes());
    }

    fn address_sum(&self) -> Sum {
        let sum = match self.spec.network {
            Network::Ethernet => Sum::default(),
            Network::Ipv4 { source, destination } => Sum::default().bytes(&source.octets()).bytes(&destination.octets()),
            Network::Ipv6 { source, destination } => Sum::default().bytes(&source.octets()).bytes(&destination.octets()),
        };
        sum.word(self.spec.source_port).word(self.spec.destination_port)
    }

    /// The sum under the UDP checksum (pseudo-header of RFC 768 or RFC 8200 §8.1, header, tag and fill) where addresses and ports
    /// contribute `flow`.
    pub(crate) fn udp_sum(&self, flow: Sum) -> Sum {
        let length = self.udp_length().unwrap_or(0);
        flow.word(u16::from(IPPROTO_UDP)).word(length).word(length).word(TAG_SUM.swap_bytes()).bytes(self.fill())
    }

    /// The IPv4 header's sum without its checksum and addresses.
    pub(crate) fn ipv4_sum_without_addresses(&self) -> Sum {
        let l3 = self.layout().network_offset();
        Sum::default().bytes(&self.bytes[l3..l3 + 10])
    }

    fn write_payload(&mut self) -> Result<(), FrameError> {
        let layout = self.layout();
        let (tag, least) = (layout.tag_offset(), layout.least_bytes());
        self.bytes[tag..least].copy_from_slice(&Tag::new(self.spec.stream, 0, 0).to_bytes());
        let fill = self.bytes.len() - least;
        let checked = self.spec.payload == Payload::Checked && fill > 0;
        if checked && fill < CHECKED_FILL {
            let at = least as u32 + methodology::units::FCS;
            return Err(FrameError::NoRoomForCrc { size: self.size, fill, least: at, most: at + CHECKED_FILL as u32 });
        }
        // All byte values without repetition: a stuck or swapped byte changes the CRC, and the pattern does not compress.
        for (i, byte) in self.bytes[least..].iter_mut().enumerate() {
            *byte = (i as u8).wrapping_mul(0x9d).wrapping_add((i >> 8) as u8) ^ 0x5a;
        }
        let target = match (self.layout().udp_offset(), self.udp_length()) {
            // Balances the length in the UDP sum, where it occurs twice: in the header and in the pseudo-header.
            (Some(udp), Some(length)) => {
                let grown = length - (least - udp) as u16;
                Some(Sum::default().word(!grown).word(!grown))
            }
            _ => None,
        };
        match (checked, target) {
            (true, target) => self.seal(least, target),
            (false, Some(target)) if fill >= 2 => {
                self.bytes[least..least + 2].copy_from_slice(&[0, 0]);
                let word = Sum::default().bytes(&self.bytes[least..]).complement_to(target);
                self.bytes[least..least + 2].copy_from_slice(&word.to_be_bytes());
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes the CRC32C of the fill in its last four bytes. With a `target`, the four bytes before are chosen so that the fill,
    /// CRC included, has that sum: about 65536 tries, once per template.
    fn seal(&mut self, fill: usize, target: Option<Sum>) {
        let end = self.bytes.len();
        let free = end - CHECKED_FILL;
        // At an odd offset of the fill every word is byte-swapped, and so is its sum (RFC 1071 §2).
        let odd = (free - fill) % 2 == 1;
        let placed = |word: u32| {
            let sum = (word >> 16) + (word & 0xffff);
            let folded = (sum + (sum >> 16)) as u16;
            if odd { folded.swap_bytes() } else { folded }
        };
        let crc_before = crc32c::crc32c(&self.bytes[fill..free]);
        self.bytes[free..].fill(0);
        let sum_before = Sum::default().bytes(&self.bytes[fill..]);
        for choice in 0..=u32::MAX {
            let crc = crc32c::crc32c_append(crc_before, &choice.to_be_bytes());
            let sum = sum_before.word(placed(choice)).word(placed(crc.swap_bytes()));
            if target.is_none_or(|target| sum.folded() % 0xffff == target.folded() % 0xffff) {
                self.bytes[free..free + 4].copy_from_slice(&choice.to_be_bytes());
                self.bytes[free + 4..].copy_from_slice(&crc.to_le_bytes());
                return;
            }
        }
    }
}

/// Whether the bytes behind a tag end in their CRC32C. So few bytes that a sender writes none are not checked: the tag has a check of its own,
/// and the UDP checksum covers both.
pub(super) fn fill_is_sound(fill: &[u8]) -> bool {
    if fill.len() < CHECKED_FILL {
        return true;
    }
    match fill.split_last_chunk::<4>() {
        Some((covered, crc)) => crc32c::crc32c(covered) == u32::from_le_bytes(*crc),
        None => fill.is_empty(),
    }
}
