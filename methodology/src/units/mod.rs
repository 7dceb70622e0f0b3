//! Sizes, rates, loads and ratios as types, and the exact conversions between them.
//!
//! A frame size **L** counts from the Ethernet header through the FCS. On the wire a frame also takes
//! [`INTERFRAME_OVERHEAD`] bytes: preamble, start delimiter and the gap to the next frame.

mod error;
mod frame_size;
mod imix;
mod link_speed;
mod load;
mod rate;
mod ratio;
mod tcp;
mod time;

pub use error::UnitError;
pub use frame_size::FrameSize;
pub use imix::{Frames, Imix};
pub use link_speed::LinkSpeed;
pub use load::{Load, Pace};
pub use rate::{Goodput, L1Rate, L2Rate, PacketRate};
pub use ratio::{LossRatio, Share, percent};
pub use tcp::{buffer_delay_percent, tcp_efficiency_percent, tcp_goodput_ceiling, tcp_max_frame_rate, transfer_time_ratio};
pub use time::{Nanoseconds, Seconds};

/// Bytes a frame takes on the wire beside itself: 7 preamble, 1 start delimiter, 12 inter-frame gap (IEEE 802.3; RFC 5180 appendix A).
pub const INTERFRAME_OVERHEAD: u32 = 20;

/// The frame check sequence, which the port adds and strips: an mbuf is this much shorter than its frame.
pub const FCS: u32 = 4;
