//! What a sink reports: plain data that crosses the agent protocol as JSON.

use std::time::Duration;

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use crate::account::hiccup::HiccupReport;
use crate::account::latency::RttReport;
use crate::dpdk::CounterPair;
use crate::engine::meter::CycleReport;
use crate::engine::running::{Counters, EngineReport};
use crate::engine::seconds;
use crate::frame::StreamId;

/// What a sink saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceiveReport {
    /// Test frames, each sequence number once.
    pub frames_received: u64,
    /// Sequence numbers that did not come, up to the highest seen of each stream. What was lost after it only the sender can tell:
    /// see [`StreamReport::highest_sequence`].
    pub lost: u64,
    /// Test frames that had come already.
    pub duplicate: u64,
    /// Test frames that came after one with a higher sequence number.
    pub reordered: u64,
    /// Test frames whose tag or payload is not what was sent.
    pub corrupt: u64,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Bytes of the test frames with duplicates, FCS included.
    pub bytes: u64,
    /// From the first test frame to the last.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// `frames_received` over `duration`.
    #[serde(rename = "rate_pps")]
    pub rate: PacketRate,
    /// Longest time between two test frames, from the first to the last, by the poll loop's clock: what the loop was away is part of it.
    /// With several queues it is the longest of any one of them, which the whole sink's does not exceed.
    /// Of several queues, the longest of any one of them.
    /// The reset time of RFC 2544 §26.6 is this of a trial with one reset.
    #[serde(rename = "longest_gap_s", default, with = "seconds")]
    pub longest_gap: Duration,
    /// Frames older than the tracker's window, so that it cannot tell a late one from a duplicate.
    pub window_exceeded: u64,
    /// One-way delays, where the plan asked for them: from the sender's tag to the turn of the poll loop that received the frame.
    #[serde(rename = "one_way_ns", default, skip_serializing_if = "Option::is_none")]
    pub one_way: Option<RttReport>,
    /// Each stream seen.
    pub streams: Vec<StreamReport>,
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

/// One stream at a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// The stream's number.
    pub stream: StreamId,
    /// Sequence numbers received, each once.
    pub received: u64,
    /// Sequence numbers missing below the highest.
    pub lost: u64,
    /// Frames that had come already.
    pub duplicate: u64,
    /// Frames that came after one with a higher sequence number.
    pub reordered: u64,
    /// Frames older than the window.
    pub window_exceeded: u64,
    /// The highest sequence number seen; streams start at 0.
    pub highest_sequence: Option<u64>,
    /// The highest sequence number below it that did not come: RFC 2544 §26.5 wants the time of the last frame lost. Exact where
    /// `window_exceeded` is 0; otherwise that number may have come, too late to be told from a duplicate, and the last one lost may be a
    /// lower one. What was lost after the highest seen only the sender can tell. None where nothing was lost, and where the stream came to
    /// several queues, none of which knows what came to the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lost: Option<u64>,
}

impl ReceiveReport {
    /// What two poll loops of one sink saw together; `duration`, `rate` and `counters` are the whole sink's and not theirs to say.
    ///
    /// A stream's frames may come to several queues (RSS). Each loop misses what came to the others, so what is lost is counted from the
    /// highest number that any of them saw. A copy of a frame has the same addresses and ports and so comes to the queue of its first.
    pub(crate) fn and(mut self, other: ReceiveReport) -> ReceiveReport {
        for theirs in other.streams {
            match self.streams.iter_mut().find(|mine| mine.stream == theirs.stream) {
                Some(mine) => mine.add(&theirs),
                None => self.streams.push(theirs),
            }
        }
        ReceiveReport {
            frames_received: self.frames_received + other.frames_received,
            lost: self.streams.iter().map(|stream| stream.lost).sum(),
            duplicate: self.duplicate + other.duplicate,
            reordered: self.reordered + other.reordered,
            corrupt: self.corrupt + other.corrupt,
            foreign: self.foreign + other.foreign,
            bytes: self.bytes + other.bytes,
            longest_gap: self.longest_gap.max(other.longest_gap),
            window_exceeded: self.window_exceeded + other.window_exceeded,
            hiccups: self.hiccups.and(&other.hiccups),
            cycles: self.cycles.and(&other.cycles),
            ended_early: self.ended_early.or(other.ended_early),
            ..self
        }
    }
}

impl StreamReport {
    fn add(&mut self, other: &StreamReport) {
        self.received += other.received;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.window_exceeded += other.window_exceeded;
        self.highest_sequence = self.highest_sequence.max(other.highest_sequence);
        // Each loop takes for missing what came to the other.
        self.last_lost = None;
        self.lost = self.highest_sequence.map_or(0, |highest| (highest + 1).saturating_sub(self.received));
    }
}

/// How far a sink is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveSnapshot {
    /// Test frames, each sequence number once.
    pub frames_received: u64,
    /// Bytes of the test frames, FCS included.
    pub bytes: u64,
    /// Sequence numbers missing below the highest, as far as is known now.
    pub lost: u64,
    /// Test frames that had come already.
    pub duplicate: u64,
    /// Test frames that came after one with a higher sequence number.
    pub reordered: u64,
    /// Test frames whose tag or payload is not what was sent.
    pub corrupt: u64,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Time since the loop began.
    #[serde(rename = "elapsed_s", with = "seconds")]
    pub elapsed: Duration,
}

impl EngineReport for ReceiveReport {
    type Snapshot = ReceiveSnapshot;

    fn snapshot([frames_received, bytes, lost, duplicate, reordered, corrupt, foreign]: Counters, elapsed: Duration) -> ReceiveSnapshot {
        ReceiveSnapshot { frames_received, bytes, lost, duplicate, reordered, corrupt, foreign, elapsed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpdk::PortCounters;

    #[test]
    fn a_sink_of_before_says_no_longest_gap_and_no_last_lost_frame() {
        let report = r#"{"frames_received":1,"lost":0,"duplicate":0,"reordered":0,"corrupt":0,"foreign":0,"bytes":64,"duration_s":0.0,
            "rate_pps":0.0,"window_exceeded":0,"streams":[{"stream":0,"received":1,"lost":0,"duplicate":0,"reordered":0,"window_exceeded":0,
            "highest_sequence":0}],"hiccups":{"threshold_ns":20000,"count":0,"longest_ns":0,"total_ns":0,"histogram":[]},
            "cycles":{"hz":1,"total":0,"busy":0,"per_frame":0.0,"on_cpu_s":0.0},"counters":{"before":COUNTERS,"after":COUNTERS}}"#;
        let counters = serde_json::to_string(&PortCounters::default()).unwrap();
        let report: ReceiveReport = serde_json::from_str(&report.replace("COUNTERS", &counters)).unwrap();
        assert_eq!((report.longest_gap, report.streams[0].last_lost), (Duration::ZERO, None));
        assert!(serde_json::to_string(&report).unwrap().contains(r#""longest_gap_s":0.0"#));
    }
}
