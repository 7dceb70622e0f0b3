//! The two directions of a record whose ends sent at the same time (RFC 2544 §14).

use methodology::trial::{self, Direction};
use methodology::units::{Goodput, LossRatio, PacketRate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{EndpointId, Pair, ShownParameter, Verdict};

/// What one direction did in the trial that the record shows. Rates elsewhere in the record are the mean of the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectionResult {
    /// Which way.
    pub direction: Direction,
    /// The end that sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<EndpointId>,
    /// The end that received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<EndpointId>,
    /// Poll loops: frames a second that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_pps: Option<PacketRate>,
    /// Frames a second that arrived, where frames are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding_pps: Option<PacketRate>,
    /// Poll loops: frames handed to the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_sent: Option<u64>,
    /// Poll loops: test frames that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_received: Option<u64>,
    /// Poll loops: what became of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<trial::LossDomains>,
    /// Kernel tools: payload that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goodput_bps: Option<Goodput>,
    /// Kernel tools: payload that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_bps: Option<f64>,
    /// Kernel tools over UDP: lost of sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_ratio: Option<LossRatio>,
    /// Kernel tools over TCP: segments sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u64>,
    /// Kernel tools: what the interfaces counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_bytes: Option<InterfaceBytes>,
    /// Kernel tools: whether this direction can be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// Bytes of one direction as the kernel counted them at both interfaces; absent where they could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceBytes {
    /// Out of the sender's interface.
    pub sent: Option<u64>,
    /// Into the receiver's.
    pub received: Option<u64>,
}

impl DirectionResult {
    /// A direction of which nothing else is known.
    pub fn new(direction: Direction) -> Self {
        DirectionResult {
            direction,
            from: None,
            to: None,
            offered_pps: None,
            forwarding_pps: None,
            frames_sent: None,
            frames_received: None,
            loss: None,
            goodput_bps: None,
            sent_bps: None,
            loss_ratio: None,
            retransmits: None,
            interface_bytes: None,
            verdict: None,
        }
    }

    /// Names the ends of this direction of a pair.
    pub fn between(&mut self, pair: &Pair) {
        let (from, to) = match self.direction {
            Direction::Forward => (&pair.from, &pair.to),
            Direction::Reverse => (&pair.to, &pair.from),
        };
        (self.from, self.to) = (Some(from.clone()), Some(to.clone()));
    }
}

/// The directions among the parameters of a record; empty where one end sent, or where they are written in another way.
pub(crate) fn of(parameters: &Map<String, Value>) -> Vec<DirectionResult> {
    ShownParameter::DIRECTIONS.of(parameters).and_then(|directions| Vec::deserialize(directions).ok()).unwrap_or_default()
}

/// Notes them among the parameters of a record.
pub(crate) fn note(directions: &[DirectionResult], parameters: &mut Map<String, Value>) {
    ShownParameter::DIRECTIONS.note(parameters, json!(directions));
}
