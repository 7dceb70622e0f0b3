//! What each endpoint was when it was measured: `environment.json`.
//!
//! Two runs can be compared only as far as their environments agree; the report prints this, and `compare` points out what differs first.

mod ethtool;
mod kernel_files;
mod system;

use std::collections::BTreeMap;

use methodology::units::LinkSpeed;
use serde::{Deserialize, Serialize};

pub use ethtool::{parse_ethtool_driver, parse_ethtool_features, parse_ethtool_pause, parse_ethtool_rings};
pub use kernel_files::KernelFiles;

use crate::record::{EndpointId, SchemaVersion};

/// What a report on the built-in lab must say.
pub const EMULATED_NOTE: &str = "The endpoints are emulated: network namespaces and shared memory on one machine. \
    The figures show how the program works, not what a SmartNIC or a wire can do.";

/// The endpoints of one run, as they were when it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The format's version, the same as that of the records.
    pub schema: SchemaVersion,
    /// The endpoints stand for hardware that is not there (the lab).
    #[serde(default)]
    pub emulated: bool,
    /// What a reader must know before the first figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// By name.
    pub endpoints: BTreeMap<EndpointId, EndpointEnvironment>,
    /// The devices between them that the run started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceEnvironment>,
}

impl Environment {
    /// Real endpoints.
    pub fn new(endpoints: BTreeMap<EndpointId, EndpointEnvironment>) -> Self {
        Environment { schema: SchemaVersion::CURRENT, emulated: false, note: None, endpoints, devices: Vec::new() }
    }

    /// The lab's endpoints: emulated, and the report says so.
    pub fn emulated(endpoints: BTreeMap<EndpointId, EndpointEnvironment>) -> Self {
        Environment { emulated: true, note: Some(EMULATED_NOTE.to_owned()), ..Environment::new(endpoints) }
    }
}

/// A device in the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceEnvironment {
    /// Its name.
    pub id: String,
    /// What it is: `bridge`, `ip-forward`, `testpmd` or `command`.
    pub kind: String,
    /// The endpoint where it ran.
    pub at: EndpointId,
    /// The endpoints at its first and its second port.
    pub joins: Vec<Vec<EndpointId>>,
    /// Its version, where it has one that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// What it does to the headers of frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding: Option<String>,
    /// The CPUs that it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<String>,
    /// The words of a program of the user's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

/// One endpoint. What could not be found out is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointEnvironment {
    /// The processor.
    pub cpu: Cpu,
    /// The operating system as it names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The kernel's release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// What the kernel was started with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// The hypervisor, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<String>,
    /// Mitigations of processor flaws, by flaw.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mitigations: BTreeMap<String, String>,
    /// Memory pages.
    pub memory: Memory,
    /// The kernel's TCP.
    pub tcp: TcpSettings,
    /// Network interfaces that the measurements use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nics: Vec<Nic>,
    /// DPDK, where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpdk: Option<Dpdk>,
    /// Versions of `iperf3`, `qperf` …, as they give them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, String>,
    /// What `doctor` found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// A processor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpu {
    /// What linerate was compiled for there, such as `x86_64` or `aarch64`: two endpoints of one pair may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// As it names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Logical processors online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// NUMA nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numa_nodes: Option<u32>,
    /// What scales the clock; `performance` keeps it still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Whether the clock may go above nominal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turbo: Option<bool>,
    /// Processors kept from the scheduler, as the kernel lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolated: Option<String>,
}

/// Memory pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Huge pages reserved, of the default size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<u64>,
    /// That size, in kibibytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub huge_page_kib: Option<u64>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transparent: Option<String>,
}

/// The kernel's TCP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpSettings {
    /// The default congestion control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// Receive buffer: smallest, default, largest, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmem: Option<[u64; 3]>,
    /// Send buffer: smallest, default, largest, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wmem: Option<[u64; 3]>,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nic {
    /// Its name in the kernel, or the device arguments that DPDK knows it by.
    pub name: String,
    /// The driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_version: Option<String>,
    /// The firmware's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// Link speed in bits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_bps: Option<LinkSpeed>,
    /// Largest packet, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Where it is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numa_node: Option<u32>,
    /// Offloads by their `ethtool -k` names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offloads: BTreeMap<String, bool>,
    /// Flow control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Descriptor rings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rings: Option<Rings>,
}

/// Ethernet flow control (IEEE 802.3 annex 31B).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Negotiated with the other end.
    pub autonegotiate: bool,
    /// Obeys pause frames.
    pub rx: bool,
    /// Sends pause frames.
    pub tx: bool,
}

/// Descriptors in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rings {
    /// Of the receive ring.
    pub rx: u32,
    /// Of the transmit ring.
    pub tx: u32,
}

/// DPDK at an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dpdk {
    /// As it gives it.
    pub version: String,
    /// The arguments EAL was started with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub eal_arguments: Vec<String>,
}

/// How much a finding of `doctor` matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Can spoil a measurement.
    Warning,
    /// Makes a measurement impossible or worthless.
    Error,
}

/// One thing that `doctor` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was found, with figures.
    pub what: String,
    /// The command that fixes it, where there is one.
    #[serde(rename = "mend", default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}
