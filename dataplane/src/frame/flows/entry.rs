use crate::frame::checksum::Sum;
use crate::frame::tag::RawTag;
use crate::frame::template::{Template, UdpChecksum};

/// The header fields that one flow writes into a frame, in 16 bytes, as many as the widest kind has: four are a cache line, and none lies in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(16))]
pub(crate) struct HeaderFields([u8; 16]);

/// The UDP checksum of a flow's frames, as it stands in them. Apart from the header fields, because it is written together with the tag, which stands
/// behind it. Zero, and not used, for frames without UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowChecksum([u8; 2]);

/// Which header fields a table's flows write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowFields {
    /// Ethernet addresses.
    Mac,
    /// IPv4 addresses, UDP ports and both checksums.
    Ipv4,
    /// The lower 32 bits of the IPv6 addresses, UDP ports and the UDP checksum.
    Ipv6,
}

/// One drawn flow, before it becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    Mac { destination: [u8; 6], source: [u8; 6] },
    Ipv4 { source: [u8; 4], destination: [u8; 4], ports: [u16; 2] },
    Ipv6 { source: [u8; 16], destination: [u8; 16], ports: [u16; 2] },
}

impl Flow {
    /// What puts this flow into frames of `template`'s spec.
    pub(crate) fn entry(&self, template: &Template) -> (HeaderFields, FlowChecksum) {
        let udp_checksum = |sum: Sum| match template.spec().checksum {
            UdpChecksum::Zero => [0, 0],
            UdpChecksum::Correct => template.udp_sum(sum).udp_checksum().to_be_bytes(),
        };
        let (mut bytes, mut checksum) = ([0; 16], [0; 2]);
        match *self {
            Flow::Mac { destination, source } => {
                bytes[..6].copy_from_slice(&destination);
                bytes[6..12].copy_from_slice(&source);
            }
            Flow::Ipv4 { source, destination, ports: [from, to] } => {
                let addresses = Sum::default().bytes(&source).bytes(&destination);
                let header = template.ipv4_sum_without_addresses().bytes(&source).bytes(&destination).checksum();
                let before_checksum = template.layout().network_offset() + 8;
                bytes[..2].copy_from_slice(&template.bytes()[before_checksum..before_checksum + 2]);
                bytes[2..4].copy_from_slice(&header.to_be_bytes());
                bytes[4..8].copy_from_slice(&source);
                bytes[8..12].copy_from_slice(&destination);
                bytes[12..14].copy_from_slice(&from.to_be_bytes());
                bytes[14..].copy_from_slice(&to.to_be_bytes());
                checksum = udp_checksum(addresses.word(from).word(to));
            }
            Flow::Ipv6 { source, destination, ports: [from, to] } => {
                let addresses = Sum::default().bytes(&source).bytes(&destination);
                bytes[..4].copy_from_slice(&source[12..]);
                bytes[4..8].copy_from_slice(&destination[12..]);
                bytes[8..10].copy_from_slice(&from.to_be_bytes());
                bytes[10..12].copy_from_slice(&to.to_be_bytes());
                checksum = udp_checksum(addresses.word(from).word(to));
            }
        }
        (HeaderFields(bytes), FlowChecksum(checksum))
    }
}

impl HeaderFields {
    /// Copies `N` bytes from `FROM` on to `at`.
    ///
    /// # Safety
    /// `at` is valid for writing `N` bytes.
    #[inline(always)]
    unsafe fn put<const FROM: usize, const N: usize>(&self, at: *mut u8) {
        const { assert!(FROM + N <= 16) };
        // SAFETY: the source lies within the fields as asserted, the target is the caller's, and they cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr().add(FROM), at, N) };
    }
}

/// How a flow and the tag behind it go into a frame; one type for each kind, so that the choice is made once a burst.
pub(in crate::frame) trait WriteFlow {
    /// # Safety
    /// `frame` is valid for writing headers of this kind, the network header at `network`, and the tag at `tag_at`; `fields` and `checksum` are of
    /// this kind.
    unsafe fn write(frame: *mut u8, network: usize, fields: &HeaderFields, checksum: FlowChecksum, tag: RawTag, tag_at: usize);
}

pub(in crate::frame) struct MacFields;
pub(in crate::frame) struct Ipv4Fields;
pub(in crate::frame) struct Ipv6Fields;

impl WriteFlow for MacFields {
    #[inline(always)]
    unsafe fn write(frame: *mut u8, _network: usize, fields: &HeaderFields, _: FlowChecksum, tag: RawTag, tag_at: usize) {
        // SAFETY: 12 bytes of addresses begin every frame; the tag's place is the caller's.
        unsafe {
            fields.put::<0, 12>(frame);
            tag.write(frame.add(tag_at));
        }
    }
}

impl WriteFlow for Ipv4Fields {
    /// TTL, protocol, header checksum, both addresses and both ports are 16 bytes in a row, which is one store; the UDP length stands
    /// between them and its checksum.
    #[inline(always)]
    unsafe fn write(frame: *mut u8, network: usize, fields: &HeaderFields, checksum: FlowChecksum, tag: RawTag, tag_at: usize) {
        // SAFETY: bytes 8 to 24 behind the network offset are IPv4 and UDP header, and the two bytes before the tag are the UDP checksum: the
        // caller vouches for them.
        unsafe {
            fields.put::<0, 16>(frame.add(network + 8));
            tag.write_behind(checksum.0, frame.add(tag_at));
        }
    }
}

impl WriteFlow for Ipv6Fields {
    /// The destination's lower half and both ports are 8 bytes in a row.
    #[inline(always)]
    unsafe fn write(frame: *mut u8, network: usize, fields: &HeaderFields, checksum: FlowChecksum, tag: RawTag, tag_at: usize) {
        // SAFETY: bytes 20 to 44 behind the network offset are IPv6 and UDP header, and the two bytes before the tag are the UDP checksum: the
        // caller vouches for them.
        unsafe {
            fields.put::<0, 4>(frame.add(network + 20));
            fields.put::<4, 8>(frame.add(network + 36));
            tag.write_behind(checksum.0, frame.add(tag_at));
        }
    }
}
