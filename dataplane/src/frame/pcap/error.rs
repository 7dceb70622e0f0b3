use std::path::PathBuf;

use methodology::units::FrameSize;
use thiserror::Error;

/// A capture that cannot be replayed as it is.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file could not be opened or read.
    #[error("the capture {path} could not be read: {source}; check the path and its permissions")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a capture at all.
    #[error(
        "{path} is not a capture: its first bytes are neither those of pcap nor those of pcapng; use a file that Wireshark or tcpdump wrote"
    )]
    NotACapture {
        /// The file.
        path: PathBuf,
    },
    /// The file ends in the middle of a frame.
    #[error("the capture {path} is cut off after {frames} whole frames: copy it again, or repair it with `editcap {path} repaired.pcap`")]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Whole frames before the cut.
        frames: usize,
    },
    /// A header field makes no sense.
    #[error("the capture {path} is damaged after {frames} frames ({reason}): copy it again, or repeat the capture")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Sound frames before.
        frames: usize,
        /// What is wrong.
        reason: String,
    },
    /// Frames of something other than Ethernet.
    #[error(
        "{}{path} is of link type {number} ({link}), and a port sends Ethernet: capture on an Ethernet interface, not on `any` or a tunnel",
        frame.map_or("the capture ".to_owned(), |frame| format!("frame {frame} of "))
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The frame, from 1 as Wireshark counts, where frames have their own link types (pcapng, one for each interface).
        frame: Option<usize>,
        /// The link type's name.
        link: String,
        /// Its number (tcpdump.org, link-layer header types).
        number: u32,
    },
    /// The capture kept the beginning of a frame only.
    #[error(
        "frame {frame} of {path} had {original} bytes and the capture contains {kept} of them: capture again with a full snapshot length (`tcpdump -s 0`)"
    )]
    Snapped {
        /// The file.
        path: PathBuf,
        /// The frame, from 1 as Wireshark counts.
        frame: usize,
        /// Bytes it had.
        original: u32,
        /// Bytes that were kept.
        kept: usize,
    },
    /// More bytes than the frame had.
    #[error(
        "frame {frame} of {path} was {original} bytes by its header and the capture holds {kept}: one of the two is wrong, so its length is not known; \
         capture again, or leave it out with `editcap {path} without.pcap {frame}`"
    )]
    LongerThanItWas {
        /// The file.
        path: PathBuf,
        /// The frame, from 1 as Wireshark counts.
        frame: usize,
        /// Bytes it had.
        original: u32,
        /// Bytes that the file has of it.
        kept: usize,
    },
    /// A time stamp whose fraction is a second or more.
    #[error(
        "frame {frame} of {path} has a time stamp with {fraction} {unit}, and a second has {most}: whoever wrote the file gave it the magic number \
         of the other resolution, so its times are not known; correct the first four bytes (0xa1b2c3d4 for microseconds, 0xa1b23c4d for nanoseconds)"
    )]
    TimeOutOfRange {
        /// The file.
        path: PathBuf,
        /// The frame, from 1 as Wireshark counts.
        frame: usize,
        /// The fraction of a second, in the file's unit.
        fraction: u32,
        /// The unit that the magic number says.
        unit: &'static str,
        /// How many of it a second has.
        most: u32,
    },
    /// Longer than the port carries, or no Ethernet frame.
    #[error(
        "frame {frame} of {path} has {bytes} bytes with its FCS, but the port carries 18 to {most}: remove the frame, or raise the port's MTU"
    )]
    FrameLength {
        /// The file.
        path: PathBuf,
        /// The frame, from 1 as Wireshark counts.
        frame: usize,
        /// Its length.
        bytes: usize,
        /// The longest the port carries.
        most: FrameSize,
    },
    /// There is nothing to send.
    #[error("the capture {path} contains no frames: capture some traffic first")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}
