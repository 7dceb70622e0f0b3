use methodology::units::FrameSize;
use thiserror::Error;

/// A test frame that cannot be built as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Headers and tag need more room.
    #[error("a frame of {size} is too small for {what}: use at least {least} bytes")]
    TooSmall {
        /// The size asked for.
        size: FrameSize,
        /// The headers and contents asked for.
        what: String,
        /// The smallest frame that holds them, FCS included.
        least: u32,
    },
    /// The size lies between "nothing to check" and "room for a CRC and what balances it".
    #[error("a frame of {size} leaves {fill} bytes beside the tag, too few for a payload check of 8: use {least} bytes, or {most} or more")]
    NoRoomForCrc {
        /// The size asked for.
        size: FrameSize,
        /// Bytes behind the tag.
        fill: usize,
        /// The size with nothing behind the tag.
        least: u32,
        /// The smallest size with room for the CRC.
        most: u32,
    },
    /// IPv6 has no frames without a UDP checksum.
    #[error("IPv6/UDP frames cannot go without a checksum (RFC 8200 §8.1): leave the checksum on")]
    ChecksumRequired,
    /// VLAN ids are 12 bits and two of them are reserved.
    #[error("VLAN id {id} is out of range: use 1 to 4094 (IEEE 802.1Q table 9-2)")]
    VlanId {
        /// The id asked for.
        id: u16,
    },
    /// The text is not an Ethernet address.
    #[error("`{text}` is not an Ethernet address: write six pairs of hexadecimal digits such as 02:00:00:00:00:01")]
    UnreadableMac {
        /// What was read.
        text: String,
    },
    /// Frames of one table must differ in nothing that a checksum sees.
    #[error(
        "a frame of {size} cannot share its flows with frames of {other}: the one byte behind its tag cannot balance the UDP checksum; use a size one byte larger or smaller"
    )]
    UnbalancedChecksum {
        /// The size that does not fit in.
        size: FrameSize,
        /// The size the flows were made for.
        other: FrameSize,
    },
}
