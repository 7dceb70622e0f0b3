use methodology::units::FrameSize;

use super::checksum::Sum;
use super::layout::{
    ETHERTYPE_CTAG, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_STAG, EXPERIMENTAL_ETHERTYPE, IPPROTO_UDP, IPV4_LEN, IPV6_LEN, Layout,
    Protocol, UDP_LEN,
};
use super::tag::{RawTag, StreamId, TAG_LEN, Tag};
use super::template::{DEFAULT_TTL, Template, fill_is_sound};

/// The class of a received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A test frame.
    Test(Tag),
    /// A damaged test frame.
    Corrupt(Corruption),
    /// Any other frame: ARP, neighbour discovery, LLDP … (RFC 2544 §10: not counted).
    Foreign,
}

impl Class {
    /// Whether this is an intact test frame.
    #[inline(always)]
    pub const fn is_test(&self) -> bool {
        matches!(self, Class::Test(_))
    }
}

/// How a test frame was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Corruption {
    /// The headers are those of a test frame, and the check of the tag is wrong.
    Tag,
    /// The frame ends before its tag does.
    Truncated,
    /// The frame does not have the size that was sent.
    Length,
    /// The payload's CRC32C is wrong.
    Payload,
    /// The IPv4 header checksum is wrong.
    HeaderChecksum,
    /// The UDP checksum is wrong, or missing over IPv6 (RFC 8200 §8.1).
    UdpChecksum,
}

/// Classifies frames of one layout with a few loads.
///
/// A test frame has the layout's EtherType (and, over IP, protocol UDP) and a tag with a correct check. A frame with a wrong tag is corrupt
/// if its headers are those of a test frame (EtherType for local experiments, or UDP within the benchmarking prefixes), and foreign
/// otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Classifier {
    tag: u32,
    protocol_at: u32,
    /// Valid lengths are `least` to `least + longer`.
    least: u32,
    longer: u32,
    ethertype_at: u32,
    ethertype: u16,
    protocol: u8,
    layout: Layout,
}

impl Classifier {
    /// A classifier for frames of this layout, of any size.
    pub fn new(layout: Layout) -> Classifier {
        let l3 = layout.network_offset() as u32;
        let ethertype_at = l3 - 2;
        // The byte at `protocol_at` must equal `protocol`: for layer 2 that is a byte of the EtherType, compared twice.
        let (ethertype, protocol_at, protocol) = match layout.protocol() {
            Protocol::Ethernet => (EXPERIMENTAL_ETHERTYPE, ethertype_at, EXPERIMENTAL_ETHERTYPE.to_be_bytes()[0]),
            Protocol::Ipv4 => (ETHERTYPE_IPV4, l3 + 9, IPPROTO_UDP),
            Protocol::Ipv6 => (ETHERTYPE_IPV6, l3 + 6, IPPROTO_UDP),
        };
        Classifier {
            tag: layout.tag_offset() as u32,
            protocol_at,
            least: layout.least_bytes() as u32,
            longer: u32::MAX - layout.least_bytes() as u32,
            ethertype_at,
            ethertype: ethertype.to_be(),
            protocol,
            layout,
        }
    }

    /// A classifier for frames of this layout and of exactly this size: every other length is [`Corruption::Length`].
    pub fn of_size(layout: Layout, size: FrameSize) -> Classifier {
        let (least, length) = (layout.least_bytes() as u32, size.without_fcs());
        // No frame of the layout is that short: no length is valid.
        let least = if length < least { u32::MAX } else { length };
        Classifier { least, longer: 0, ..Classifier::new(layout) }
    }

    /// A classifier for the frames of a template.
    pub fn for_template(template: &Template) -> Classifier {
        Classifier::of_size(template.layout(), template.size())
    }

    /// The layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The class of a frame by headers, length and tag.
    #[inline(always)]
    pub fn classify(&self, frame: &[u8]) -> Class {
        // SAFETY: a slice is readable over its length.
        unsafe { self.classify_raw(frame.as_ptr(), frame.len() as u32) }
    }

    /// [`classify`](Self::classify) on a data pointer.
    ///
    /// # Safety
    /// `frame` is valid for reading `length` bytes.
    #[inline(always)]
    pub unsafe fn classify_raw(&self, frame: *const u8, length: u32) -> Class {
        // SAFETY: this function's own contract, passed on.
        match unsafe { self.tag_of(frame, length) } {
            Some(tag) => Class::Test(tag),
            // SAFETY: `length` readable bytes by the caller's contract.
            None => self.explain(unsafe { std::slice::from_raw_parts(frame, length as usize) }),
        }
    }

    /// The tag of an intact test frame; `None` for all others. Faster than [`classify_raw`](Self::classify_raw): the result stays in registers,
    /// where a [`Class`] goes through memory.
    ///
    /// # Safety
    /// `frame` is valid for reading `length` bytes.
    #[inline(always)]
    pub unsafe fn tag_of(&self, frame: *const u8, length: u32) -> Option<Tag> {
        // SAFETY: this function's own contract, passed on.
        unsafe { self.raw_tag_of(frame, length) }?.decode()
    }

    /// The tag, checked or not, of a frame whose headers and length are those of a test frame.
    ///
    /// # Safety
    /// `frame` is valid for reading `length` bytes.
    #[inline(always)]
    pub(super) unsafe fn raw_tag_of(&self, frame: *const u8, length: u32) -> Option<RawTag> {
        if length.wrapping_sub(self.least) > self.longer {
            return None;
        }
        // SAFETY: EtherType, protocol byte and tag all end at or before the layout's least length, which is within `length`.
        let (ethertype, protocol, tag) = unsafe {
            (
                frame.add(self.ethertype_at as usize).cast::<u16>().read_unaligned(),
                *frame.add(self.protocol_at as usize),
                RawTag::read(frame.add(self.tag as usize)),
            )
        };
        (ethertype == self.ethertype && protocol == self.protocol).then_some(tag)
    }

    /// [`classify`](Self::classify), then the IPv4 header checksum, the UDP checksum and the payload's CRC32C, where the templates were
    /// built with [`Payload::Checked`](super::Payload::Checked). For integrity runs: it reads every byte.
    pub fn classify_checked(&self, frame: &[u8]) -> Class {
        let class = self.classify(frame);
        if !class.is_test() {
            return class;
        }
        let l3 = self.layout.network_offset();
        if self.layout.protocol() == Protocol::Ipv4 && Sum::default().bytes(&frame[l3..l3 + IPV4_LEN]).folded() != 0xffff {
            return Class::Corrupt(Corruption::HeaderChecksum);
        }
        // Short frames are padded to 60 bytes behind the datagram; longer than the frame it cannot be.
        let begin = self.tag as usize + TAG_LEN;
        let Some(fill) = self.end_of_datagram(frame).and_then(|end| frame.get(begin..end)) else {
            return Class::Corrupt(Corruption::Length);
        };
        // Before the checksum, which covers it too: what is wrong in both is the payload.
        if !fill_is_sound(fill) {
            return Class::Corrupt(Corruption::Payload);
        }
        if !self.udp_checksum_is_right(frame) {
            return Class::Corrupt(Corruption::UdpChecksum);
        }
        class
    }

    /// Where the network header says that the datagram ends; the frame's end at layer 2. None where the frame or the UDP header says otherwise.
    fn end_of_datagram(&self, frame: &[u8]) -> Option<usize> {
        let l3 = self.layout.network_offset();
        let word = |at: usize| frame.get(at..at + 2).map(|bytes| usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
        let end = match self.layout.protocol() {
            Protocol::Ethernet => frame.len(),
            Protocol::Ipv4 => l3 + word(l3 + 2)?,
            Protocol::Ipv6 => l3 + IPV6_LEN + word(l3 + 4)?,
        };
        let by_udp = match self.layout.udp_offset() {
            None => end,
            Some(udp) => udp + word(udp + 4)?,
        };
        (end <= frame.len() && by_udp == end).then_some(end)
    }

    /// Whether the UDP checksum is that of the datagram (RFC 768; RFC 8200 §8.1). Zero says that there is none, which IPv4 allows.
    fn udp_checksum_is_right(&self, frame: &[u8]) -> bool {
        let Some(udp) = self.layout.udp_offset() else { return true };
        let Some(datagram) = self.end_of_datagram(frame).and_then(|end| frame.get(udp..end)).filter(|bytes| bytes.len() >= UDP_LEN) else {
            return false;
        };
        if datagram[6..8] == [0, 0] {
            return self.layout.protocol() == Protocol::Ipv4;
        }
        let addresses = match self.layout.protocol() {
            Protocol::Ipv6 => &frame[udp - 32..udp],
            Protocol::Ethernet | Protocol::Ipv4 => &frame[udp - 8..udp],
        };
        let pseudo_header = Sum::default().bytes(addresses).word(u16::from(IPPROTO_UDP)).word(datagram.len() as u16);
        pseudo_header.bytes(datagram).folded() == 0xffff
    }

    /// Whether the checksums of a frame with these headers are right, whatever its tag is.
    #[cfg(test)]
    pub(super) fn checksums_are_right(&self, frame: &[u8]) -> bool {
        self.udp_checksum_is_right(frame)
    }

    /// Whether a frame's headers are such as only a sender of this program writes, whatever became of its tag.
    ///
    /// Layer 2: the EtherType for local experiments. IPv4: between benchmarking addresses, with don't fragment and an identification that is
    /// the complement of the length (see [`Template`]); other generators (testpmd's txonly, Pktgen) write zero or a counter. IPv6: between
    /// benchmarking addresses, with no more hops left than a sender gives.
    pub fn has_senders_headers(&self, frame: &[u8]) -> bool {
        if !self.has_test_headers(frame) {
            return false;
        }
        let l3 = self.layout.network_offset();
        match self.layout.protocol() {
            Protocol::Ethernet => true,
            Protocol::Ipv4 => match frame.get(l3..l3 + IPV4_LEN) {
                Some(&[0x45, _, high, low, id_high, id_low, 0x40, 0, _, _, _, _, 198, 18 | 19, _, _, 198, 18 | 19, _, _]) => {
                    [id_high, id_low] == [!high, !low]
                }
                _ => false,
            },
            Protocol::Ipv6 => {
                let benchmarking = |at: usize| matches!(frame.get(at..at + 6), Some([0x20, 0x01, 0x00, 0x02, 0, 0]));
                benchmarking(l3 + 8) && benchmarking(l3 + 24) && frame.get(l3 + 7).is_some_and(|hops| *hops <= DEFAULT_TTL)
            }
        }
    }

    /// Stream and sequence number of a tag with a wrong check; `None` where the frame ends before them.
    pub fn remains_of_tag(&self, frame: &[u8]) -> Option<(StreamId, u64)> {
        let tag = frame.get(self.tag as usize..)?.first_chunk::<TAG_LEN>()?;
        // SAFETY: the array is 18 readable bytes.
        let raw = unsafe { RawTag::read(tag.as_ptr()) };
        Some((raw.stream(), raw.sequence()))
    }

    /// Why a frame is not an intact test frame.
    #[cold]
    #[inline(never)]
    fn explain(&self, frame: &[u8]) -> Class {
        if !self.has_test_headers(frame) {
            return Class::Foreign;
        }
        let tag = frame.get(self.tag as usize..).and_then(|rest| rest.first_chunk::<TAG_LEN>());
        // SAFETY: the array is 18 readable bytes.
        let is_replayed = |tag: &[u8; TAG_LEN]| unsafe { RawTag::read(tag.as_ptr()) }.is_replayed();
        match tag {
            None => Class::Corrupt(Corruption::Truncated),
            Some(tag) if is_replayed(tag) => Class::Foreign,
            Some(tag) if Tag::from_bytes(tag).is_none() => Class::Corrupt(Corruption::Tag),
            Some(_) => Class::Corrupt(Corruption::Length),
        }
    }

    /// Whether the headers are those of a test frame. Layer 2: the EtherType. IP: UDP from or to the benchmarking prefixes 198.18.0.0/15 and
    /// 2001:2::/48, or with other addresses a correct tag.
    fn has_test_headers(&self, frame: &[u8]) -> bool {
        let word = |at: usize| frame.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        if word(self.ethertype_at as usize) != Some(u16::from_be(self.ethertype)) {
            return false;
        }
        // With VLAN tags the outer EtherType must match too.
        let outer_is_right = match self.layout.network_offset() {
            14 => true,
            18 => word(12) == Some(ETHERTYPE_CTAG),
            _ => word(12) == Some(ETHERTYPE_STAG),
        };
        let Some(&protocol) = frame.get(self.protocol_at as usize) else { return false };
        if !outer_is_right || protocol != self.protocol {
            return false;
        }
        let l3 = self.layout.network_offset();
        let tag_is_sound = || {
            let tag = frame.get(self.tag as usize..).and_then(|bytes| bytes.first_chunk::<TAG_LEN>());
            tag.is_some_and(|tag| Tag::from_bytes(tag).is_some())
        };
        match self.layout.protocol() {
            Protocol::Ethernet => true,
            Protocol::Ipv4 => {
                let benchmarking = |at: usize| matches!(frame.get(at..at + 2), Some([198, 18 | 19]));
                benchmarking(l3 + 12) || benchmarking(l3 + 16) || tag_is_sound()
            }
            Protocol::Ipv6 => {
                let benchmarking = |at: usize| matches!(frame.get(at..at + 6), Some([0x20, 0x01, 0x00, 0x02, 0, 0]));
                benchmarking(l3 + 8) || benchmarking(l3 + 24) || tag_is_sound()
            }
        }
    }
}
