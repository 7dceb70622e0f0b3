use crate::frame::checksum::Sum;
use crate::frame::template::{Template, UdpChecksum};

/// What one flow writes into a frame: 18 bytes, as many as the widest kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowEntry([u8; 18]);

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
    /// The bytes that put this flow into frames of `template`'s spec.
    pub(crate) fn entry(&self, template: &Template) -> FlowEntry {
        let udp_checksum = |sum: Sum| match template.spec().checksum {
            UdpChecksum::Zero => [0, 0],
            UdpChecksum::Correct => template.udp_sum(sum).udp_checksum().to_be_bytes(),
        };
        let mut bytes = [0; 18];
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
                bytes[14..16].copy_from_slice(&to.to_be_bytes());
                bytes[16..].copy_from_slice(&udp_checksum(addresses.word(from).word(to)));
            }
            Flow::Ipv6 { source, destination, ports: [from, to] } => {
                let addresses = Sum::default().bytes(&source).bytes(&destination);
                bytes[..4].copy_from_slice(&source[12..]);
                bytes[4..8].copy_from_slice(&destination[12..]);
                bytes[8..10].copy_from_slice(&from.to_be_bytes());
                bytes[10..12].copy_from_slice(&to.to_be_bytes());
                bytes[12..14].copy_from_slice(&udp_checksum(addresses.word(from).word(to)));
            }
        }
        FlowEntry(bytes)
    }
}

impl FlowEntry {
    /// Copies `N` bytes from `FROM` of the entry to `at`.
    ///
    /// # Safety
    /// `at` is valid for writing `N` bytes.
    #[inline(always)]
    unsafe fn put<const FROM: usize, const N: usize>(&self, at: *mut u8) {
        const { assert!(FROM + N <= 18) };
        // SAFETY: the source lies within the entry as asserted, the target is the caller's, and they cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr().add(FROM), at, N) };
    }
}

/// How an entry goes into a frame; one type for each kind, so that the choice is made once a burst.
pub(crate) trait WriteFields {
    /// # Safety
    /// `frame` is valid for writing headers of this kind, the network header at `network`; `entry` is of this kind.
    unsafe fn write(frame: *mut u8, network: usize, entry: &FlowEntry);
}

pub(crate) struct MacFields;
pub(crate) struct Ipv4Fields;
pub(crate) struct Ipv6Fields;

impl WriteFields for MacFields {
    #[inline(always)]
    unsafe fn write(frame: *mut u8, _network: usize, entry: &FlowEntry) {
        // SAFETY: 12 bytes of addresses begin every frame.
        unsafe { entry.put::<0, 12>(frame) };
    }
}

impl WriteFields for Ipv4Fields {
    /// TTL, protocol, header checksum, both addresses and both ports are 16 bytes in a row, which is one store; the UDP length stands
    /// between them and its checksum.
    #[inline(always)]
    unsafe fn write(frame: *mut u8, network: usize, entry: &FlowEntry) {
        // SAFETY: bytes 8 to 28 behind the network offset are IPv4 and UDP header, which the caller vouches for.
        unsafe {
            entry.put::<0, 16>(frame.add(network + 8));
            entry.put::<16, 2>(frame.add(network + 26));
        }
    }
}

impl WriteFields for Ipv6Fields {
    /// The destination's lower half and both ports are 8 bytes in a row.
    #[inline(always)]
    unsafe fn write(frame: *mut u8, network: usize, entry: &FlowEntry) {
        // SAFETY: bytes 20 to 48 behind the network offset are IPv6 and UDP header, which the caller vouches for.
        unsafe {
            entry.put::<0, 4>(frame.add(network + 20));
            entry.put::<4, 8>(frame.add(network + 36));
            entry.put::<12, 2>(frame.add(network + 46));
        }
    }
}
