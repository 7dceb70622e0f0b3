use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a result cannot exceed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ceiling {
    /// Why.
    pub kind: CeilingKind,
    /// The limit as a layer-1 rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_bps: Option<f64>,
    /// The limit in frames a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pps: Option<f64>,
    /// The limit of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goodput_bps: Option<f64>,
}

/// Why a result cannot be higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CeilingKind {
    /// The link's speed.
    LineRate,
    /// The link's speed less the headers of TCP at this MTU (RFC 6349, generalised).
    TcpGoodput,
    /// Memory and processors: there is no wire.
    None,
}

/// Processor time that a measurement cost, by end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuCost {
    /// At the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<EndCost>,
    /// At the receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<EndCost>,
    /// Both ends ran on one machine, so that machine-wide figures hold both.
    #[serde(default)]
    pub shared_machine: bool,
}

/// One end's processor time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndCost {
    /// Cores in use on average: busy time over wall time, machine-wide, softirq included (kernel), or cores that poll (DPDK).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<f64>,
    /// Of that, in softirq.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softirq_cores: Option<f64>,
    /// Taken by the hypervisor, in cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steal_cores: Option<f64>,
    /// Poll-loop cycles in iterations that found work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_cycles: Option<u64>,
    /// All poll-loop cycles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_cycles: Option<u64>,
    /// Ticks a second of those cycles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_hz: Option<u64>,
    /// Busy cycles a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_per_frame: Option<f64>,
    /// The same by core, where the machine tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_core: Vec<CoreUse>,
}

/// What one core did, as shares of the time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoreUse {
    /// The core's number.
    pub core: u32,
    /// Worked, softirq included.
    pub busy: f64,
    /// Of that, in softirq.
    pub softirq: f64,
    /// Taken by the hypervisor.
    pub steal: f64,
}
