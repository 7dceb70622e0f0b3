use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::frame::error::FrameError;

/// How many flows, 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FlowCount(u32);

impl FlowCount {
    /// One flow.
    pub const ONE: FlowCount = FlowCount(1);
    /// The most: 18 MB of table.
    pub const MAX: FlowCount = FlowCount(1_000_000);

    /// A number of flows.
    pub fn new(flows: u32) -> Result<FlowCount, FlowError> {
        if (1..=Self::MAX.0).contains(&flows) { Ok(FlowCount(flows)) } else { Err(FlowError::Count { flows }) }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for FlowCount {
    type Error = FlowError;
    fn try_from(flows: u32) -> Result<Self, FlowError> {
        FlowCount::new(flows)
    }
}

impl From<FlowCount> for u32 {
    fn from(count: FlowCount) -> u32 {
        count.0
    }
}

/// Addresses that share their first bits. Of an IPv6 prefix at most the last 32 bits vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// The addresses that agree with `address` in the first `length` bits.
    pub fn new(address: IpAddr, length: u8) -> Result<Prefix, FlowError> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        if length <= most { Ok(Prefix { address, length }) } else { Err(FlowError::PrefixLength { address, length, most }) }
    }

    /// The address that was given.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Bits that vary.
    pub(crate) fn host_bits(&self) -> u32 {
        let width: u32 = if self.address.is_ipv4() { 32 } else { 128 };
        (width - u32::from(self.length)).min(32)
    }

    /// Host numbers that may be drawn, first and last: not the network's own address nor its broadcast address, where there are
    /// such (RFC 1122 §3.2.1.3), nor the subnet-router anycast address of IPv6 (RFC 4291 §2.6.1).
    pub(crate) fn hosts(&self) -> (u32, u32) {
        let all = ((1u64 << self.host_bits()) - 1) as u32;
        match (self.address.is_ipv4(), self.host_bits()) {
            (_, 0 | 1) => (0, all),
            (true, _) => (1, all - 1),
            (false, _) => (1, all),
        }
    }

    /// How many hosts may be drawn.
    pub(crate) fn capacity(&self) -> u64 {
        let (first, last) = self.hosts();
        u64::from(last) - u64::from(first) + 1
    }
}

/// UDP ports from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Source ports of RFC 4814 §4.5.
    pub const RFC4814_SOURCE: PortRange = PortRange { first: 1024, last: 65535 };
    /// Destination ports of RFC 4814 §4.5.
    pub const RFC4814_DESTINATION: PortRange = PortRange { first: 1, last: 49151 };

    /// Ports from `first` to `last`; port 0 is no port (RFC 6335 §6).
    pub fn new(first: u16, last: u16) -> Result<PortRange, FlowError> {
        if first >= 1 && first <= last { Ok(PortRange { first, last }) } else { Err(FlowError::PortRange { first, last }) }
    }

    /// The first port.
    pub const fn first(&self) -> u16 {
        self.first
    }

    /// The last port.
    pub const fn last(&self) -> u16 {
        self.last
    }

    pub(crate) fn capacity(&self) -> u64 {
        u64::from(self.last - self.first) + 1
    }
}

/// Which flows to draw. The same spec draws the same flows in the same order, in every trial and on every machine (RFC 4814 §4.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSpec {
    /// How many.
    pub count: FlowCount,
    /// Seed of the set.
    pub seed: u64,
    /// Prefix of the source addresses of IP frames; default the /16 (IPv4) or /64 (IPv6) around the template's own address.
    pub sources: Option<Prefix>,
    /// The same for destination addresses.
    pub destinations: Option<Prefix>,
    /// Source ports.
    pub source_ports: PortRange,
    /// Destination ports.
    pub destination_ports: PortRange,
    /// Number of the tester's port, from 1, in the Ethernet addresses of layer-2 flows: `PP:PP` of RFC 4814 §4.2.
    pub tester_port: u16,
}

impl FlowSpec {
    /// `count` flows of the ranges of RFC 4814 and RFC 2544.
    pub fn new(count: FlowCount, seed: u64) -> FlowSpec {
        FlowSpec {
            count,
            seed,
            sources: None,
            destinations: None,
            source_ports: PortRange::RFC4814_SOURCE,
            destination_ports: PortRange::RFC4814_DESTINATION,
            tester_port: 1,
        }
    }
}

/// Flows that cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FlowError {
    /// No flows, or too many.
    #[error("{flows} flows are out of range: use 1 to 1000000")]
    Count {
        /// The number asked for.
        flows: u32,
    },
    /// The ranges do not hold so many different flows.
    #[error(
        "{flows} flows do not fit the ranges given: {sources} source and {destinations} destination addresses with {ports} port pairs make {capacity}; widen a range or ask for fewer flows"
    )]
    Overflow {
        /// The number asked for.
        flows: u32,
        /// How many source addresses there are.
        sources: u64,
        /// How many destination addresses there are.
        destinations: u64,
        /// How many pairs of ports there are.
        ports: u64,
        /// How many different flows there are.
        capacity: u128,
    },
    /// A prefix longer than an address.
    #[error("{address}/{length} is not a prefix: its length is at most {most}")]
    PrefixLength {
        /// The address.
        address: IpAddr,
        /// The length given.
        length: u8,
        /// The address's width.
        most: u8,
    },
    /// A prefix of the other IP version.
    #[error("{prefix} cannot be in a flow of {frames} frames: give a prefix of the same IP version")]
    Version {
        /// The prefix's address.
        prefix: IpAddr,
        /// What the frames are.
        frames: &'static str,
    },
    /// An IPv6 prefix that differs from the frames' own address above the 32 bits that vary.
    #[error(
        "{prefix} differs from the frames' own address {own} in more than its last 32 bits: give the frames an address inside the prefix"
    )]
    OutsideTemplate {
        /// The prefix's address.
        prefix: Ipv6Addr,
        /// The template's address.
        own: Ipv6Addr,
    },
    /// Ports the wrong way round, or port 0.
    #[error("ports {first} to {last} are not a range: use 1 to 65535, the smaller first")]
    PortRange {
        /// The first port given.
        first: u16,
        /// The last port given.
        last: u16,
    },
    /// The template's checksums differ from those that other sizes share.
    #[error(transparent)]
    Frame(#[from] FrameError),
}
