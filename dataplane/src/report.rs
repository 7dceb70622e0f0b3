//! What the engines report: plain data that crosses the agent protocol as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use methodology::units::{PacketRate, Seconds};
use serde::{Deserialize, Serialize};

pub use crate::hiccup::HiccupReport;
pub use crate::latency::RttReport;
pub use crate::pace::{Bucket, GapReport, LatenessReport, PacingReport};

use crate::clock::ClockId;
use crate::engine::Checksums;
use crate::frame::StreamId;
use crate::port::PortCounters;

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

impl CycleReport {
    /// Those of two poll loops, each with a core of its own.
    pub(crate) fn and(&self, other: &CycleReport) -> CycleReport {
        let frames = |cycles: &CycleReport| if cycles.per_frame > 0.0 { cycles.busy as f64 / cycles.per_frame } else { 0.0 };
        let all = frames(self) + frames(other);
        let busy = self.busy + other.busy;
        CycleReport {
            hz: self.hz.max(other.hz),
            total: self.total + other.total,
            busy,
            per_frame: if all > 0.0 { busy as f64 / all } else { 0.0 },
            on_cpu: self.on_cpu + other.on_cpu,
            steal: [self.steal, other.steal].into_iter().flatten().reduce(|all, one| all + one),
        }
    }
}

/// What the poll loops' time went into, in TSC cycles of all loops together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleReport {
    /// TSC frequency in Hz.
    pub hz: u64,
    /// From the loop's start to its end.
    pub total: u64,
    /// Turns of the loop that moved at least one frame.
    pub busy: u64,
    /// `busy` over the frames moved.
    pub per_frame: f64,
    /// How long the kernel had the loops on their CPUs. What is missing to the whole time was someone else's.
    #[serde(rename = "on_cpu_s", with = "seconds")]
    pub on_cpu: Duration,
    /// Time that the hypervisor took from the loops' CPUs (steal of /proc/stat, in its ticks of 10 ms); none where the kernel does not tell.
    #[serde(rename = "steal_s", default, skip_serializing_if = "Option::is_none")]
    pub steal: Option<Seconds>,
}

/// The port's counters before the first frame and after the last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterPair {
    /// Before.
    pub before: PortCounters,
    /// After.
    pub after: PortCounters,
}

impl CounterPair {
    /// What every counter that changed went up by. Counters that a driver resets count from 0.
    pub fn difference(&self) -> BTreeMap<String, u64> {
        let before = self.before.flat();
        let grown = self.after.flat().into_iter().map(|(name, after)| {
            let before = before.get(&name).copied().unwrap_or(0);
            (name, after.checked_sub(before).unwrap_or(after))
        });
        grown.filter(|(_, by)| *by > 0).collect()
    }
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

/// Durations as decimal seconds, the base unit of the result format.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(duration.as_secs_f64())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(serde::de::Error::custom)
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

    #[test]
    fn counters_that_were_reset_count_from_zero() {
        let counters = |packets| PortCounters { tx_packets: packets, ..PortCounters::default() };
        let pair = CounterPair { before: counters(10), after: counters(4) };
        assert_eq!(pair.difference()["tx_packets"], 4);
        let pair = CounterPair { before: counters(4), after: counters(10) };
        assert_eq!(pair.difference()["tx_packets"], 6);
    }
}
