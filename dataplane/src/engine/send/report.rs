//! The report of a sender: plain data, sent as JSON in the agent protocol.

use std::time::Duration;

use methodology::units::{L1Rate, L2Rate, PacketRate};
use serde::{Deserialize, Serialize};

use super::pacing::PacingReport;
use super::plan::Checksums;
use crate::account::gaps::GapReport;
use crate::account::latency::RttReport;
use crate::engine::counters::counters;
use crate::engine::loops_report::LoopsReport;
use crate::engine::running::EngineReport;
use crate::engine::seconds;
use crate::engine::sink::ReceiveReport;
use crate::frame::StreamId;
use crate::time::{BootId, LatenessReport};

/// The result of a sender.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SendReport {
    /// Frames that the port accepted.
    pub frames_sent: u64,
    /// Frames that were due and that the port did not accept. They were never sent, so they are not lost frames.
    pub frames_unsent: u64,
    /// Frames of the schedule. At maximum load, which has no schedule, this is sent + unsent.
    pub intended_frames: u64,
    /// Frames that the late policy skipped before they were offered to the port.
    pub frames_skipped: u64,
    /// The first stream.
    pub stream: StreamId,
    /// The boot id of the sender's machine. A sink with the same one can compute one-way delays from the tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<BootId>,
    /// How the frames' checksums were computed.
    #[serde(default)]
    pub checksums: Checksums,
    /// Every stream: one for each poll loop, then the probe stream.
    pub streams: Vec<SentStream>,
    /// The time over which the frames were to be offered: that of the schedule, which does not depend on when the last frame was sent, or the
    /// time until a run ended early; at maximum load, the time until the end.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// `frames_sent` over `duration`.
    #[serde(rename = "rate_pps")]
    pub rate: PacketRate,
    /// Bytes of the frames that the port accepted, FCS included.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Bits on the wire over `duration`: those of the bytes that were sent, preamble and gap included.
    #[serde(rename = "l1_bps", default)]
    pub l1: L1Rate,
    /// The same without preamble and gap: frames with their FCS.
    #[serde(rename = "l2_bps", default)]
    pub l2: L2Rate,
    /// Round-trip times, where the plan asked for them.
    #[serde(rename = "rtt_ns", default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<RttReport>,
    /// Returned frames, where the plan asked for round-trip times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<ReturnedFrames>,
    /// The frames of the other end, where the plan asked to count them ([`SendPlan::both_ways`](super::SendPlan::both_ways)). Its loops are this
    /// sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Box<ReceiveReport>>,
    /// How late bursts were against the schedule; `None` at maximum load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<LatenessReport>,
    /// How the port took part in pacing, where the plan asked it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<PacingReport>,
    /// Times between bursts, as the loop offered them to the port.
    pub gaps: GapReport,
    /// What the poll loops and the port did.
    #[serde(flatten)]
    pub loops: LoopsReport,
}

/// One stream of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentStream {
    /// The stream's number.
    pub stream: StreamId,
    /// Frames that the port accepted. Their sequence numbers are 0 to `frames` − 1.
    pub frames: u64,
    /// The sequence number of the first frame after the rate step, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_at: Option<u64>,
}

/// Test frames that returned to their sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedFrames {
    /// Test frames of this sender, each sequence number once.
    pub received: u64,
    /// Sequence numbers that did not return, without those that were still in flight.
    pub lost: u64,
    /// Sequence numbers above the highest that returned, where the wait for them ended by its limit or was interrupted: they were still in
    /// flight, or lost.
    #[serde(default)]
    pub in_flight: u64,
    /// How long the sender waited for frames in flight after its last frame.
    #[serde(rename = "waited_s", default, with = "seconds")]
    pub waited: Duration,
    /// Whether another sender used a stream of this one at the same time, so that its frames were counted too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several_senders: bool,
    /// Frames whose sequence number had returned already. They are not part of the round-trip times.
    pub duplicate: u64,
    /// Frames that arrived after one with a higher sequence number.
    pub reordered: u64,
    /// Damaged test frames.
    pub corrupt: u64,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Frames older than the tracker's window: a late frame cannot be told from a duplicate there. In no other count of received frames; the
    /// number of a late one is in `lost` too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub window_exceeded: u64,
    /// Test frames without an arrival time, where the port was to write one. They are not part of the round-trip times.
    #[serde(default)]
    pub untimed: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The progress of a sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendSnapshot {
    /// Frames that the port accepted.
    pub frames_sent: u64,
    /// Frames that were due and that it did not accept.
    pub frames_unsent: u64,
    /// Test frames that returned.
    pub frames_returned: u64,
    /// Time since the start.
    #[serde(rename = "elapsed_s", with = "seconds")]
    pub elapsed: Duration,
}

counters! {
    /// The counters of a [`SendSnapshot`].
    SendCounters / SharedSendCounters {
        /// Frames that the port accepted.
        frames_sent,
        /// Frames that were due and that it did not accept.
        frames_unsent,
        /// Test frames that returned.
        frames_returned,
    }
}

impl EngineReport for SendReport {
    type Snapshot = SendSnapshot;
    type Counters = SendCounters;

    fn snapshot(counters: SendCounters, _loops: usize, elapsed: Duration) -> SendSnapshot {
        let SendCounters { frames_sent, frames_unsent, frames_returned } = counters;
        SendSnapshot { frames_sent, frames_unsent, frames_returned, elapsed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_says_seconds() {
        let snapshot = SendSnapshot { frames_sent: 3, elapsed: Duration::from_millis(1500), ..SendSnapshot::default() };
        let text = serde_json::to_string(&snapshot).unwrap();
        assert!(text.contains(r#""elapsed_s":1.5"#), "{text}");
        assert_eq!(serde_json::from_str::<SendSnapshot>(&text).unwrap(), snapshot);
        assert!(serde_json::from_str::<SendSnapshot>(&text.replace("1.5", "-1")).is_err());
    }
}
