//! What a sender reports: plain data that crosses the agent protocol as JSON.

use std::time::Duration;

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use super::pacing::PacingReport;
use super::plan::Checksums;
use crate::account::gaps::GapReport;
use crate::account::hiccup::HiccupReport;
use crate::account::latency::RttReport;
use crate::dpdk::CounterPair;
use crate::engine::meter::CycleReport;
use crate::engine::running::{Counters, EngineReport};
use crate::engine::seconds;
use crate::frame::StreamId;
use crate::time::{ClockId, LatenessReport};

/// What a sender did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SendReport {
    /// Frames that the port took.
    pub frames_sent: u64,
    /// Frames that were due and that the port did not take: never on the wire, so never lost on it.
    pub frames_unsent: u64,
    /// Frames that the schedule asked for; at maximum load there is no schedule, and this is sent + unsent.
    pub intended_frames: u64,
    /// Frames that the late policy `skip` gave up on before offering them to the port.
    pub frames_skipped: u64,
    /// The first stream that the frames carry.
    pub stream: StreamId,
    /// The clock that the tags' times are of: a sink on the same one may tell one-way delays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockId>,
    /// Where the frames' checksums come from.
    #[serde(default)]
    pub checksums: Checksums,
    /// Every stream: one a poll loop, and a probe stream behind them.
    pub streams: Vec<SentStream>,
    /// From the first frame offered to the last.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// `frames_sent` over `duration`.
    #[serde(rename = "rate_pps")]
    pub rate: PacketRate,
    /// Round-trip times, where the plan asked for them.
    #[serde(rename = "rtt_ns", default, skip_serializing_if = "Option::is_none")]
    pub rtt: Option<RttReport>,
    /// What came back, where the plan asked for round-trip times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<ReturnedFrames>,
    /// How late bursts were against the schedule; none at maximum load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<LatenessReport>,
    /// What the port did towards the spacing, where it was asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<PacingReport>,
    /// Times between bursts, as the loop gave them to the port.
    pub gaps: GapReport,
    /// Times that the poll loop was away.
    pub hiccups: HiccupReport,
    /// What the loop's time went into.
    pub cycles: CycleReport,
    /// The port's counters around the trial.
    pub counters: CounterPair,
    /// Set where the run ended early, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
}

/// One stream of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentStream {
    /// The stream's number.
    pub stream: StreamId,
    /// Frames that the port took. Their sequence numbers are 0 to `frames` − 1.
    pub frames: u64,
    /// The sequence number of the first frame after a step of the rate, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_at: Option<u64>,
}

/// Test frames that came back to the sender that made them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedFrames {
    /// Test frames of this sender's stream.
    pub received: u64,
    /// Sequence numbers that did not come back, up to the last one sent.
    pub lost: u64,
    /// Sequence numbers that came back more than once.
    pub duplicate: u64,
    /// Frames that came after one with a higher sequence number.
    pub reordered: u64,
    /// Test frames whose tag cannot be.
    pub corrupt: u64,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Test frames for which the port did not say when they came, where it was to: they are in no round-trip time.
    #[serde(default)]
    pub untimed: u64,
}

/// How far a sender is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendSnapshot {
    /// Frames that the port took.
    pub frames_sent: u64,
    /// Frames that were due and that it did not take.
    pub frames_unsent: u64,
    /// Test frames that came back.
    pub frames_returned: u64,
    /// Time since the first frame.
    #[serde(rename = "elapsed_s", with = "seconds")]
    pub elapsed: Duration,
}

impl EngineReport for SendReport {
    type Snapshot = SendSnapshot;

    fn snapshot([frames_sent, frames_unsent, frames_returned, ..]: Counters, elapsed: Duration) -> SendSnapshot {
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
