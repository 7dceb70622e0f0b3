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
    /// Time of the poll loops in iterations that found frames, for each frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_per_frame: Option<f64>,
    /// Poll-loop cycles in iterations that found work. Cycles are those of the TSC; absent on CPUs whose clock does not count cycles (Arm).
    /// Older records of Arm endpoints have ticks of its generic timer there.
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
    /// What each queue of the DPDK port did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_queue: Vec<QueueUse>,
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

/// What one queue of a DPDK port did, and the poll loop that served it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueUse {
    /// The queue's number.
    pub queue: u32,
    /// The core of its poll loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<u32>,
    /// Frames that the receive queue delivered, of any kind.
    pub frames_received: u64,
    /// Frames that the transmit queue accepted.
    pub frames_sent: u64,
    /// Frames that the device dropped because the receive queue had no descriptor; absent where the driver does not count them for a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// Time of the poll loop in iterations that found frames, for each frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_per_frame: Option<f64>,
    /// Interruptions of the poll loop above the threshold.
    pub hiccups: u64,
    /// The longest of them.
    pub longest_hiccup_ns: u64,
}

impl EndCost {
    /// Time of the poll loops for each frame. Older records have cycles only.
    pub fn busy_ns_per_frame(&self) -> Option<f64> {
        let from_cycles = || Some(self.cycles_per_frame? * 1e9 / self.cycles_hz.filter(|&hz| hz > 0)? as f64);
        self.ns_per_frame.or_else(from_cycles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_record_has_no_queues_and_its_cycles_are_a_time() {
        let old: EndCost = serde_json::from_str(r#"{"cores":1.0,"cycles_hz":2500000000,"cycles_per_frame":100.0}"#).unwrap();
        assert_eq!((old.busy_ns_per_frame(), old.by_queue.len()), (Some(40.0), 0));
        let new = EndCost { ns_per_frame: Some(41.5), ..old };
        assert_eq!(new.busy_ns_per_frame(), Some(41.5));
    }
}
