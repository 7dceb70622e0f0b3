use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FCS, INTERFRAME_OVERHEAD, UnitError};

/// An Ethernet frame's length **L** in bytes, from the destination address through the FCS, tags included.
///
/// A 64-byte frame is a 60-byte mbuf. "64 bytes before the FCS" is 68 bytes on the wire and a wrong benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FrameSize(u32);

impl FrameSize {
    /// The smallest Ethernet frame (IEEE 802.3).
    pub const MIN: FrameSize = FrameSize(64);
    /// The largest size we build: the RFC 6985 genome's `j`.
    pub const MAX: FrameSize = FrameSize(16_000);
    /// The largest untagged frame of an MTU of 1500 bytes.
    pub const MAX_STANDARD: FrameSize = FrameSize(1518);
    /// The sizes of RFC 2544 §9.1.
    pub const RFC2544: [FrameSize; 7] =
        [FrameSize(64), FrameSize(128), FrameSize(256), FrameSize(512), FrameSize(1024), FrameSize(1280), FrameSize(1518)];

    /// The sizes of RFC 8219 §5.1.1 for Ethernet: those of RFC 2544, 768, tagged, and jumbo.
    pub const RFC8219: [FrameSize; 13] = [
        FrameSize(64),
        FrameSize(128),
        FrameSize(256),
        FrameSize(512),
        FrameSize(768),
        FrameSize(1024),
        FrameSize(1280),
        FrameSize(1518),
        FrameSize(1522),
        FrameSize(2048),
        FrameSize(4096),
        FrameSize(8192),
        FrameSize(9216),
    ];
    /// Jumbo sizes of RFC 5180 §5.1.1, for devices that forward them.
    pub const JUMBO: [FrameSize; 3] = [FrameSize(4096), FrameSize(8192), FrameSize(9216)];
    /// The smallest test frame over IPv4/UDP: its 18 bytes of payload hold the tag.
    pub const MIN_TEST_V4: FrameSize = FrameSize(64);
    /// The smallest test frame over IPv6/UDP: 18 + 40 + 8 bytes of headers and FCS, and the 18-byte tag (RFC 8219 §5.1.1 says 84 too).
    pub const MIN_TEST_V6: FrameSize = FrameSize(84);

    /// The frame size nearest to `bytes` bytes, FCS included: a limit above every size that is built is [`MAX`](Self::MAX).
    pub const fn nearest(bytes: u32) -> FrameSize {
        match bytes {
            ..64 => Self::MIN,
            16_001.. => Self::MAX,
            _ => FrameSize(bytes),
        }
    }

    /// A frame of `bytes` bytes, FCS included.
    pub fn new(bytes: u32) -> Result<Self, UnitError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&bytes) {
            Ok(FrameSize(bytes))
        } else {
            Err(UnitError::OutOfRange {
                what: "frame size",
                value: format!("{bytes} bytes"),
                allowed: format!("{} to {} bytes, counted with the 4-byte FCS", Self::MIN.0, Self::MAX.0),
            })
        }
    }

    /// For sizes this crate knows to be in range.
    pub(super) const fn of_known(bytes: u32) -> Self {
        FrameSize(bytes)
    }

    /// Length in bytes, FCS included.
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// Length in bytes as DPDK and the kernel see it, without the FCS.
    pub const fn without_fcs(self) -> u32 {
        self.0 - FCS
    }

    /// Bytes of wire time the frame takes, with preamble and gap.
    pub const fn on_wire(self) -> u32 {
        self.0 + INTERFRAME_OVERHEAD
    }

    /// The MTU that carries this frame untagged: L − 18.
    pub const fn mtu(self) -> u32 {
        self.0 - 18
    }

    /// Payload of an untagged IPv4/UDP frame: L − 46 bytes.
    pub const fn udp4_payload(self) -> u32 {
        self.0 - 46
    }

    /// Payload of an untagged IPv6/UDP frame: L − 66 bytes; nothing where the headers do not fit.
    pub const fn udp6_payload(self) -> Option<u32> {
        self.0.checked_sub(66)
    }

    /// The same frame with `tags` more 802.1Q tags of 4 bytes: 1518 becomes 1522 (RFC 5180 §5.1.1).
    pub fn tagged(self, tags: u32) -> Result<FrameSize, UnitError> {
        FrameSize::new(self.0.saturating_add(tags.saturating_mul(4)))
    }
}

impl TryFrom<u32> for FrameSize {
    type Error = UnitError;

    fn try_from(bytes: u32) -> Result<Self, UnitError> {
        FrameSize::new(bytes)
    }
}

impl From<FrameSize> for u32 {
    fn from(size: FrameSize) -> u32 {
        size.0
    }
}

impl FromStr for FrameSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let digits = text.trim().trim_end_matches(['B', 'b']).trim_end();
        let bytes = digits.parse::<u32>().map_err(|_| UnitError::Unreadable {
            text: text.to_owned(),
            what: "frame size",
            example: "a number of bytes with the FCS, such as 64 or 1518",
        })?;
        FrameSize::new(bytes)
    }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_beyond_every_size_is_the_largest_size() {
        assert_eq!(
            [0, 63, 64, 9018, 16_000, 16_001, u32::MAX].map(|bytes| FrameSize::nearest(bytes).bytes()),
            [64, 64, 64, 9018, 16_000, 16_000, 16_000]
        );
    }

    #[test]
    fn a_64_byte_frame_is_a_60_byte_mbuf_with_18_bytes_of_udp_payload() {
        let size = FrameSize::new(64).unwrap();
        assert_eq!((size.without_fcs(), size.udp4_payload(), size.on_wire(), size.mtu()), (60, 18, 84, 46));
    }

    #[test]
    fn rfc8219_5_1_1_ipv6_needs_84_bytes_and_a_tag_makes_1522() {
        assert_eq!(FrameSize::MIN_TEST_V6.udp6_payload(), Some(18));
        assert_eq!(FrameSize::MIN.udp6_payload(), None);
        assert_eq!(FrameSize::MAX_STANDARD.tagged(1).unwrap().bytes(), 1522);
        assert!(FrameSize::MAX.tagged(1).is_err());
    }

    #[test]
    fn sizes_below_64_are_refused_with_the_range() {
        let error = "60".parse::<FrameSize>().unwrap_err().to_string();
        assert!(error.contains("60 bytes") && error.contains("64 to 16000"), "{error}");
        assert!("sixty".parse::<FrameSize>().is_err());
        assert!(serde_json::from_str::<FrameSize>("63").is_err());
    }
}
