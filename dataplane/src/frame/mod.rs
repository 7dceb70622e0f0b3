//! Test frames: built once, stamped per frame, classified on arrival, and reflected. Also flows and captures.
//!
//! A test frame is an Ethernet frame that carries a [`Tag`] of 18 bytes: exactly the UDP payload of a 64-byte IPv4 frame.
//! [`Template`] builds the finished frame, [`Stamper`] writes what changes from frame to frame, [`Classifier`] reads it
//! back, [`reflect`] returns it to its sender. Everything works on byte slices or raw pointers; nothing here uses DPDK.

mod checksum;
mod classify;
mod error;
pub mod flows;
mod format;
mod layout;
mod mac;
pub mod pcap;
mod prefetch;
pub mod reflect;
mod replayed;
mod run;
mod sizes;
mod stamp;
mod tag;
mod template;

pub use classify::{Class, Classifier, Corruption};
pub use error::FrameError;
pub use format::FrameFormat;
pub use layout::{EXPERIMENTAL_ETHERTYPE, Layout, Network, Tagging, VlanId};
pub use mac::MacAddress;
pub use prefetch::{prefetch_for_read, prefetch_for_write};
pub use run::TagRun;
pub use sizes::SizeCycle;
pub use stamp::Stamper;
pub use tag::{StreamId, TAG_LEN, TSC_BITS, Tag};
pub use template::{FrameSpec, Payload, Template, UdpChecksum};

#[cfg(test)]
mod tests;
