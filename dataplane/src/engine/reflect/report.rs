//! What a reflector reports: plain data that crosses the agent protocol as JSON.

use std::time::Duration;

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use crate::account::hiccup::HiccupReport;
use crate::account::latency::RttReport;
use crate::dpdk::CounterPair;
use crate::engine::meter::CycleReport;
use crate::engine::running::{Counters, EngineReport};
use crate::engine::seconds;

/// What a reflector did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReflectReport {
    /// Frames that came.
    pub frames_received: u64,
    /// Frames that the port took back.
    pub frames_sent: u64,
    /// Frames that the port did not take back, or whose TTL was used up.
    pub unsent: u64,
    /// Frames that are not test frames (ARP, neighbour discovery …): they are not turned round.
    pub foreign: u64,
    /// From the first frame to the last.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// `frames_sent` over `duration`.
    #[serde(rename = "rate_pps")]
    pub rate: PacketRate,
    /// Time from having read a burst from the queue to having handed it back, the same for each of its frames. The other end may see a frame a little before
    /// the port's transmit function returns, so the residence of the first frames of a burst is told slightly too long.
    #[serde(rename = "residence_ns", default, skip_serializing_if = "Option::is_none")]
    pub residence: Option<RttReport>,
    /// Times that the poll loop was away.
    pub hiccups: HiccupReport,
    /// What the loop's time went into.
    pub cycles: CycleReport,
    /// The port's counters around the trial.
    pub counters: CounterPair,
    /// Set where the run ended early, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    /// Whether, where the link ended the run, the other end of shared memory had stopped its queues in order, as one that is done does and one
    /// that was killed does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub peer_left: bool,
}

impl ReflectReport {
    /// What two poll loops of one reflector did together; `rate`, `residence` and `counters` are the whole reflector's.
    pub(crate) fn and(self, other: ReflectReport) -> ReflectReport {
        ReflectReport {
            frames_received: self.frames_received + other.frames_received,
            frames_sent: self.frames_sent + other.frames_sent,
            unsent: self.unsent + other.unsent,
            foreign: self.foreign + other.foreign,
            duration: self.duration.max(other.duration),
            hiccups: self.hiccups.and(&other.hiccups),
            cycles: self.cycles.and(&other.cycles),
            ended_early: self.ended_early.or(other.ended_early),
            ..self
        }
    }
}

/// How far a reflector is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReflectSnapshot {
    /// Frames that came.
    pub frames_received: u64,
    /// Frames that the port took back.
    pub frames_sent: u64,
    /// Frames that it did not take back.
    pub unsent: u64,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Time since the loop began.
    #[serde(rename = "elapsed_s", with = "seconds")]
    pub elapsed: Duration,
}

impl EngineReport for ReflectReport {
    type Snapshot = ReflectSnapshot;

    fn snapshot([frames_received, frames_sent, unsent, foreign, ..]: Counters, elapsed: Duration) -> ReflectSnapshot {
        ReflectSnapshot { frames_received, frames_sent, unsent, foreign, elapsed }
    }
}
