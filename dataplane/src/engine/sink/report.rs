//! The report of a sink: plain data, sent as JSON in the agent protocol.

use std::time::Duration;

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use crate::account::latency::RttReport;
use crate::account::sequence::Stamps;
use crate::engine::counters::counters;
use crate::engine::loops_report::LoopsReport;
use crate::engine::running::EngineReport;
use crate::engine::seconds;
use crate::frame::StreamId;

/// The result of a sink.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceiveReport {
    /// Test frames, each sequence number once.
    pub frames_received: u64,
    /// Sequence numbers that did not arrive, from the lowest to the highest received of each run of each stream. Only the sender knows how many
    /// were lost after the highest: see [`StreamReport::highest_sequence`]. What was sent before the lowest is not known to have been lost,
    /// because the sink may have started after the sender: see [`StreamReport::first_sequence`].
    pub lost: u64,
    /// Test frames whose sequence number had arrived already.
    pub duplicate: u64,
    /// Test frames that arrived after one with a higher sequence number.
    pub reordered: u64,
    /// Damaged test frames: tag or length is wrong, or, with `payload_checked`, payload or a checksum of the headers.
    pub corrupt: u64,
    /// Whether payloads, IPv4 header checksums and UDP checksums were checked.
    #[serde(default)]
    pub payload_checked: bool,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Bytes of the test frames, duplicates and FCS included.
    pub bytes: u64,
    /// From the first test frame to the last.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// The time between the frames, as a rate: `frames_received` − 1 over `duration`. `None` (null) where one frame arrived, or all at once,
    /// which are no rate.
    #[serde(rename = "rate_pps", default)]
    pub rate: Option<PacketRate>,
    /// Longest time between two test frames by the poll loop's clock, hiccups of the loop included. With several queues, the longest of any
    /// one queue, which is not shorter than the longest of all queues together. In a trial with one reset of the device, this is the reset
    /// time of RFC 2544 §26.6.
    #[serde(rename = "longest_gap_s", default, with = "seconds")]
    pub longest_gap: Duration,
    /// Frames older than the tracker's window: a late frame cannot be told from a duplicate there.
    pub window_exceeded: u64,
    /// One-way delays, where the plan asked for them: from the time in the tag until the poll loop had read the queue.
    #[serde(rename = "one_way_ns", default, skip_serializing_if = "Option::is_none")]
    pub one_way: Option<RttReport>,
    /// The first bytes of the first test frame, where the plan asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<u8>>,
    /// Each run of each stream received.
    pub streams: Vec<StreamReport>,
    /// What the poll loops and the port did.
    #[serde(flatten)]
    pub loops: LoopsReport,
}

/// One run of one stream at a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// The stream's number.
    pub stream: StreamId,
    /// Which run of a sender of this stream: 0 for the first. A sender that is started again begins a new run.
    #[serde(default)]
    pub run: u32,
    /// Whether two senders used the stream's number at the same time. Then frames of one can count as the other's, and the counts of neither
    /// are right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several_senders: bool,
    /// Sequence numbers received, each once.
    pub received: u64,
    /// Sequence numbers missing between the lowest and the highest received.
    pub lost: u64,
    /// Frames whose sequence number had arrived already.
    pub duplicate: u64,
    /// Frames that arrived after one with a higher sequence number.
    pub reordered: u64,
    /// Frames older than the window.
    pub window_exceeded: u64,
    /// The lowest sequence number received. Streams start at 0: what is below it was lost, or was sent before the sink started.
    #[serde(default)]
    pub first_sequence: Option<u64>,
    /// The highest sequence number received. What was sent after it was lost too; only the sender knows how many frames these are.
    pub highest_sequence: Option<u64>,
    /// The highest sequence number below it that did not arrive (RFC 2544 §26.5 needs the time of the last lost frame). Exact where
    /// `window_exceeded` is 0; otherwise that frame may have arrived too late to be told from a duplicate, and the last lost frame may have
    /// a lower number. `None` where nothing was lost, and where several queues received the stream, because each queue sees only its part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lost: Option<u64>,
    /// The stamps of the lowest and the highest number, by which the loops of a sink know each other's runs.
    #[serde(skip)]
    pub stamps: Option<Stamps>,
}

impl ReceiveReport {
    /// The sum of two poll loops of one sink. What describes the whole sink, such as `duration` and `queues`, is not summed here.
    ///
    /// RSS can spread a stream over several queues. Each loop misses the frames of the others, so the loss is counted from the highest
    /// number that any of them received. A duplicate has the same addresses and ports and so arrives at the same queue.
    pub(super) fn plus(mut self, other: ReceiveReport) -> ReceiveReport {
        for stream in other.streams {
            match self.streams.iter_mut().find(|known| known.is_same_run(&stream)) {
                Some(known) => known.add(&stream),
                None => self.streams.push(StreamReport { run: self.runs_of(stream.stream), ..stream }),
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
            headers: self.headers.or(other.headers),
            ..self
        }
    }

    /// How many runs of a stream there are.
    fn runs_of(&self, stream: StreamId) -> u32 {
        self.streams.iter().filter(|known| known.stream == stream).count() as u32
    }
}

impl StreamReport {
    /// Whether two loops saw frames of one run: of the same stream, stamped in the same time.
    fn is_same_run(&self, other: &StreamReport) -> bool {
        let overlap = |one: Stamps, two: Stamps| !one.is_before(two) && !two.is_before(one);
        self.stream == other.stream && self.stamps.zip(other.stamps).is_none_or(|(one, two)| overlap(one, two))
    }

    fn add(&mut self, other: &StreamReport) {
        self.received += other.received;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.window_exceeded += other.window_exceeded;
        self.several_senders |= other.several_senders;
        self.first_sequence = self.first_sequence.into_iter().chain(other.first_sequence).min();
        self.highest_sequence = self.highest_sequence.max(other.highest_sequence);
        self.stamps = self.stamps.zip(other.stamps).map(|(one, two)| one.together(two));
        // Each loop counts the frames of the other loop as missing.
        self.last_lost = None;
        let sent = self.first_sequence.zip(self.highest_sequence).map_or(0, |(first, highest)| highest + 1 - first);
        self.lost = sent.saturating_sub(self.received);
    }
}

/// The progress of a sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveSnapshot {
    /// Test frames, each sequence number once.
    pub frames_received: u64,
    /// Bytes of the test frames, FCS included.
    pub bytes: u64,
    /// Sequence numbers missing below the highest received so far. `None` (null) with several queues: each receives a part of every stream, so
    /// that the numbers that another queue received look missing. The report has the loss.
    pub lost: Option<u64>,
    /// Test frames whose sequence number had arrived already.
    pub duplicate: u64,
    /// Test frames that arrived after one with a higher sequence number.
    pub reordered: u64,
    /// Damaged test frames: tag or length is wrong, or, with `payload_checked`, payload or a checksum of the headers.
    pub corrupt: u64,
    /// Frames that are not test frames.
    pub foreign: u64,
    /// Time since the start.
    #[serde(rename = "elapsed_s", with = "seconds")]
    pub elapsed: Duration,
}

counters! {
    /// The counters of a [`ReceiveSnapshot`].
    ReceiveCounters / SharedReceiveCounters {
        /// Test frames, each sequence number once.
        frames_received,
        /// Bytes of the test frames, FCS included.
        bytes,
        /// Sequence numbers missing below the highest received so far.
        lost,
        /// Test frames whose sequence number had arrived already.
        duplicate,
        /// Test frames that arrived after one with a higher sequence number.
        reordered,
        /// Damaged test frames.
        corrupt,
        /// Frames that are not test frames.
        foreign,
    }
}

impl EngineReport for ReceiveReport {
    type Snapshot = ReceiveSnapshot;
    type Counters = ReceiveCounters;

    fn snapshot(counters: ReceiveCounters, loops: usize, elapsed: Duration) -> ReceiveSnapshot {
        let ReceiveCounters { frames_received, bytes, lost, duplicate, reordered, corrupt, foreign } = counters;
        let lost = (loops == 1).then_some(lost);
        ReceiveSnapshot { frames_received, bytes, lost, duplicate, reordered, corrupt, foreign, elapsed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpdk::PortCounters;

    #[test]
    fn an_older_report_has_no_longest_gap_and_no_last_lost_frame() {
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
