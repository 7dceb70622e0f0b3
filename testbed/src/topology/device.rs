//! Devices in the path: what lies between two endpoints and is measured, started by linerate.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use dataplane::{CpuId, PortSpec};
use reporter::record::{EndpointId, Pair};
use serde::{Deserialize, Serialize};

/// A device between endpoints, which a run starts, checks, counts and stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name, such as `switch`.
    pub id: DeviceId,
    /// What it is, between which two ports.
    pub kind: DeviceKind,
    /// The endpoint where it runs.
    pub at: EndpointId,
    /// The endpoints that its first and its second port lead to.
    pub joins: [Vec<EndpointId>; 2],
    /// The CPUs that it forwards on.
    pub cpus: Vec<CpuId>,
    /// What of the traffic of its endpoints it carries.
    pub carries: Carries,
}

/// What of the traffic between its endpoints a device carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carries {
    /// All of it.
    #[default]
    Everything,
    /// The traffic of the DPDK ports that the testbed names. Kernel traffic has another path, and so have ports on kernel interfaces.
    Dpdk,
}

/// The name of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(pub String);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceKind {
    /// A bridge of the kernel between two interfaces.
    Bridge {
        /// The interfaces.
        between: [String; 2],
    },
    /// The kernel as a router between two interfaces.
    IpForward {
        /// The interfaces.
        between: [String; 2],
        /// Addresses of the first and the second interface, for kernel traffic.
        addresses: Option<[InterfaceAddress; 2]>,
    },
    /// DPDK's testpmd between two ports.
    Testpmd {
        /// The ports.
        between: [PortSpec; 2],
        /// What it does to frames.
        mode: Forwarding,
        /// The program.
        program: PathBuf,
    },
    /// Open vSwitch in the kernel, between two interfaces.
    Ovs {
        /// The interfaces.
        between: [String; 2],
    },
    /// Open vSwitch in user space, between two ports of DPDK.
    OvsDpdk {
        /// The ports.
        between: [PortSpec; 2],
    },
    /// A program of the user's.
    Command {
        /// Its words.
        command: Vec<String>,
        /// The interfaces whose counters are the device's, where it has any.
        between: Option<[String; 2]>,
        /// What it must do to frames, where the testbed says so.
        mode: Option<Forwarding>,
    },
}

impl DeviceKind {
    /// The names of all kinds, for messages.
    pub const NAMES: [&'static str; 6] = ["bridge", "ip-forward", "testpmd", "ovs", "ovs-dpdk", "command"];

    /// The name in a testbed file.
    pub const fn name(&self) -> &'static str {
        match self {
            DeviceKind::Bridge { .. } => "bridge",
            DeviceKind::IpForward { .. } => "ip-forward",
            DeviceKind::Testpmd { .. } => "testpmd",
            DeviceKind::Ovs { .. } => "ovs",
            DeviceKind::OvsDpdk { .. } => "ovs-dpdk",
            DeviceKind::Command { .. } => "command",
        }
    }

    /// What it must do to the headers of a frame; none where that is not known.
    pub const fn forwarding(&self) -> Option<Forwarding> {
        match self {
            DeviceKind::Bridge { .. } | DeviceKind::Ovs { .. } | DeviceKind::OvsDpdk { .. } => Some(Forwarding::Io),
            DeviceKind::IpForward { .. } => Some(Forwarding::Route),
            DeviceKind::Testpmd { mode, .. } => Some(*mode),
            DeviceKind::Command { mode, .. } => *mode,
        }
    }

    /// Whether it occupies its CPUs with poll loops.
    pub const fn polls(&self) -> bool {
        matches!(self, DeviceKind::Testpmd { .. } | DeviceKind::OvsDpdk { .. })
    }
}

/// What a device does to the headers of the frames that it forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forwarding {
    /// Nothing.
    Io,
    /// Exchanges the Ethernet addresses.
    #[serde(rename = "macswap")]
    MacSwap,
    /// Exchanges Ethernet addresses, IP addresses and UDP ports.
    #[serde(rename = "5tswap")]
    FiveTupleSwap,
    /// Routes: own source address, the next hop's destination address, TTL less one (RFC 1812 §5.3.1).
    Route,
}

impl Forwarding {
    /// The name in a testbed file; for testpmd also the name of its forwarding mode.
    pub const fn name(self) -> &'static str {
        match self {
            Forwarding::Io => "io",
            Forwarding::MacSwap => "macswap",
            Forwarding::FiveTupleSwap => "5tswap",
            Forwarding::Route => "route",
        }
    }
}

/// An address and the length of its prefix, as `ip address` takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    address: IpAddr,
    prefix: u8,
}

impl std::str::FromStr for InterfaceAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not an address with a prefix, such as 192.0.2.254/24", text.escape_debug());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let (address, prefix) = (address.parse::<IpAddr>().map_err(|_| wrong())?, prefix.parse::<u8>().map_err(|_| wrong())?);
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix > most { Err(wrong()) } else { Ok(InterfaceAddress { address, prefix }) }
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// In which direction the frames of a pair pass a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// In at the first port, out at the second.
    FirstToSecond,
    /// In at the second port, out at the first.
    SecondToFirst,
}

impl Passage {
    /// What belongs to the sender and what to the receiver, of what belongs to the first and the second port.
    pub fn order<T>(self, [first, second]: [T; 2]) -> [T; 2] {
        match self {
            Passage::FirstToSecond => [first, second],
            Passage::SecondToFirst => [second, first],
        }
    }
}

impl Device {
    /// How the frames of a pair pass it; none where they do not.
    pub fn passage(&self, pair: &Pair) -> Option<Passage> {
        let joins = |from: usize, to: usize| self.joins[from].contains(&pair.from) && self.joins[to].contains(&pair.to);
        match (joins(0, 1), joins(1, 0)) {
            (true, _) => Some(Passage::FirstToSecond),
            (false, true) => Some(Passage::SecondToFirst),
            (false, false) => None,
        }
    }

    /// The names of its two ports; none for a program without named interfaces.
    pub fn port_names(&self) -> Option<[String; 2]> {
        match &self.kind {
            DeviceKind::Bridge { between } | DeviceKind::IpForward { between, .. } | DeviceKind::Ovs { between } => Some(between.clone()),
            DeviceKind::Testpmd { between, .. } | DeviceKind::OvsDpdk { between } => {
                Some(between.each_ref().map(|port| port.name().to_owned()))
            }
            DeviceKind::Command { between, .. } => between.clone(),
        }
    }

    /// The kernel interfaces that are its ports, or that its DPDK ports are on.
    pub fn kernel_interfaces(&self) -> Vec<&str> {
        match &self.kind {
            DeviceKind::Bridge { between } | DeviceKind::IpForward { between, .. } | DeviceKind::Ovs { between } => {
                between.iter().map(String::as_str).collect()
            }
            DeviceKind::Testpmd { between, .. } | DeviceKind::OvsDpdk { between } => {
                between.iter().filter_map(PortSpec::kernel_interface).collect()
            }
            DeviceKind::Command { between, .. } => between.iter().flatten().map(String::as_str).collect(),
        }
    }
}
