//! The report of a reflector: plain data, sent as JSON in the agent protocol.

use std::time::Duration;

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use crate::account::latency::RttReport;
use crate::engine::counters::counters;
use crate::engine::loops_report::LoopsReport;
use crate::engine::running::EngineReport;
use crate::engine::seconds;

/// The result of a reflector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReflectReport {
    /// Frames received.
    pub frames_received: u64,
    /// Frames that the port accepted for sending.
    pub frames_sent: u64,
    /// Frames that the port did not accept, or whose TTL had expired.
    pub unsent: u64,
    /// Frames that are not test frames (ARP, neighbour discovery …). They are not reflected.
    pub foreign: u64,
    /// From the first frame to the last.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// The time between the frames, as a rate: `frames_sent` − 1 over `duration`. `None` (null) where one frame was sent, or all at once.
    #[serde(rename = "rate_pps", default)]
    pub rate: Option<PacketRate>,
    /// Residence time: from reading a burst off the receive queue until the port has accepted it, the same for all its frames. A frame can
    /// leave shortly before the transmit function returns, so the residence of a burst's first frames is slightly overstated.
    #[serde(rename = "residence_ns", default, skip_serializing_if = "Option::is_none")]
    pub residence: Option<RttReport>,
    /// What the poll loops and the port did.
    #[serde(flatten)]
    pub loops: LoopsReport,
}

impl ReflectReport {
    /// The sum of two poll loops of one reflector. What describes the whole reflector, such as `rate` and `queues`, is not summed here.
    pub(super) fn plus(self, other: ReflectReport) -> ReflectReport {
        ReflectReport {
            frames_received: self.frames_received + other.frames_received,
            frames_sent: self.frames_sent + other.frames_sent,
            unsent: self.unsent + other.unsent,
            foreign: self.foreign + other.foreign,
            duration: self.duration.max(other.duration),
            ..self
        }
    }
}

/// The progress of a reflector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReflectSnapshot {
    /// Frames received.
    pub frames_received: u64,
    /// Frames that the port accepted for sending.
    pub frames_sent: u64,
    /// Frames that it did not accept, or whose TTL had expired.
    pub unsent: u64,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Time since the start.
    #[serde(rename = "elapsed_s", with = "seconds")]
    pub elapsed: Duration,
}

counters! {
    /// The counters of a [`ReflectSnapshot`].
    ReflectCounters / SharedReflectCounters {
        /// Frames received.
        frames_received,
        /// Frames that the port accepted for sending.
        frames_sent,
        /// Frames that it did not accept, or whose TTL had expired.
        unsent,
        /// Frames that are not test frames.
        foreign,
    }
}

impl EngineReport for ReflectReport {
    type Snapshot = ReflectSnapshot;
    type Counters = ReflectCounters;

    fn snapshot(counters: ReflectCounters, _loops: usize, elapsed: Duration) -> ReflectSnapshot {
        let ReflectCounters { frames_received, frames_sent, unsent, foreign } = counters;
        ReflectSnapshot { frames_received, frames_sent, unsent, foreign, elapsed }
    }
}
