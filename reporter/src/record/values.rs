use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use methodology::units::{Goodput, L1Rate, L2Rate, LossRatio, PacketRate};

/// What came out, in base units. Absent is not zero: a value that was not measured is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Values {
    /// Frames a second that arrived, counted by tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub forwarding_pps: Option<PacketRate>,
    /// Frames a second that were really sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub offered_pps: Option<PacketRate>,
    /// Received rate on the wire, with preamble and gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub l1_bps: Option<L1Rate>,
    /// Received rate of frames, with FCS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub l2_bps: Option<L2Rate>,
    /// Received payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub goodput_bps: Option<Goodput>,
    /// Lost of sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub loss_ratio: Option<LossRatio>,
    /// Round-trip time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ns: Option<RttSummary>,
    /// One-way delay, from the sender's clock to the receiver's: only where both ends read the same clock, because two clocks that are not
    /// disciplined to each other differ by more than what is measured. Never made from half a round trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_way_ns: Option<RttSummary>,
    /// What the tool itself reported as its latency and how that became the round trip in `rtt_ns`; `one_way_ns` needs none, its key is its definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_definition: Option<LatencyDefinition>,
    /// Frames by what became of them; the domains are never summed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossDomains>,
    /// Frames handed to the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_sent: Option<u64>,
    /// Test frames that arrived, each counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_received: Option<u64>,
    /// TCP segments sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u64>,
    /// Bytes per packet that the port's own counters saw, with FCS: the proof of the frame size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire_bytes_per_frame: Option<f64>,
    /// Time to move a file, from the first packet of the connection to the last byte, in seconds: the median of the record's transfers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_s: Option<f64>,
    /// Of that, the TLS handshake; the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_s: Option<f64>,
}

/// The distribution of a delay in nanoseconds: of round trips, or of one-way delays where its key says so. A tool that gives only a mean
/// leaves the rest out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RttSummary {
    /// Shortest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// 90 % are not longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<f64>,
    /// 99 % are not longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// 99.9 % are not longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999: Option<f64>,
    /// 99.99 % are not longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p9999: Option<f64>,
    /// Longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// How many delays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The whole distribution, an HdrHistogram log relative to the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<String>,
}

/// What a tool calls its latency. Records hold round trips; this says what was done to get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LatencyDefinition {
    /// The tool measured round trips (linerate, ping, netperf TCP_RR, sockperf --full-rtt).
    RoundTrip,
    /// The tool reports half a round trip; the record holds twice that (qperf, sockperf).
    HalfRoundTripDoubled,
}

/// Frames by what became of them (the design's accounting domains). Never summed: one lost frame can show in several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LossDomains {
    /// Meant to be sent, and the port did not take them.
    pub unsent: u64,
    /// Received by linerate's reflector and not sent back: part of `lost`, and not the path's. Absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reflector_unsent: u64,
    /// Dropped inside the NIC.
    pub nic_discard: u64,
    /// Dropped because the receive ring was full.
    pub no_descriptor: u64,
    /// Dropped because no buffer was free.
    pub no_mbuf: u64,
    /// Sent and never seen, by sequence number.
    pub lost: u64,
    /// Seen more than once, by sequence number.
    pub duplicate: u64,
    /// Seen after a later one, by sequence number.
    pub reordered: u64,
    /// Ours, but damaged.
    pub corrupt: u64,
    /// Not ours.
    pub foreign: u64,
    /// Ours, and so late that a late frame cannot be told from a duplicate. In no other count of received frames; the number of a late one is in
    /// `lost` too. Absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub window_exceeded: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
