use std::fmt;

use serde::{Deserialize, Serialize};

use super::DelaySummary;
use crate::units::{LossRatio, Nanoseconds, PacketRate, Seconds};

/// What happened in one trial, in one or two directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialOutcome {
    /// One entry for each direction that carried frames; never empty.
    pub directions: Vec<DirectionOutcome>,
    /// Whatever else spoils the trial: the measurer saw it, [`crate::trial::TrialVerdict`] judges it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// Which way frames went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the pair's first endpoint to its second.
    Forward,
    /// Back.
    Reverse,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Forward => "forward",
            Direction::Reverse => "reverse",
        })
    }
}

/// What happened in one direction of a trial. Frames are told apart by tag and sequence, never by counter differences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectionOutcome {
    /// Which way.
    pub direction: Direction,
    /// Frames that were to be sent: round(rate · duration); where the pace is `max`, `sent` (unsent retries are no shortfall then).
    pub intended: u64,
    /// Frames the port took (RFC 2285 offered load).
    pub sent: u64,
    /// Distinct test frames that came, whole and with their tag: duplicates, corrupt and foreign frames are not in it (RFC 2544 §10).
    pub received: u64,
    /// Where frames went, by domain. Domains are never summed.
    #[serde(default)]
    pub loss: LossDomains,
    /// From the first frame sent to one gap after the last.
    #[serde(rename = "offered_duration_s")]
    pub offered_duration: Seconds,
    /// The tester's own absences in this direction.
    #[serde(default)]
    pub hiccups: Hiccups,
    /// Delays, where the input asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delays: Option<DelaySummary>,
    /// [`Stimulus::Step`](super::Stimulus::Step): from the reduction of load to the last lost frame; zero where none was lost after it.
    #[serde(rename = "recovery_s", default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Seconds>,
    /// [`Stimulus::Event`](super::Stimulus::Event): the longest time between two received frames.
    #[serde(rename = "longest_gap_s", default, skip_serializing_if = "Option::is_none")]
    pub longest_gap: Option<Seconds>,
}

/// The domains in which a frame can go astray. `lost` is counted by sequence; the `nic_…` and `no_…` domains only attribute it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LossDomains {
    /// Never left the tester.
    pub unsent: u64,
    /// Received by the tester's reflector and not sent back; part of `lost`, and not the path's.
    pub reflector_unsent: u64,
    /// Dropped by the receiving port.
    pub nic_discard: u64,
    /// Dropped for want of a receive descriptor.
    pub no_descriptor: u64,
    /// Dropped for want of a buffer.
    pub no_mbuf: u64,
    /// Sent and not received, by sequence number: `sent − received`.
    pub lost: u64,
    /// Received more than once: the extra copies.
    pub duplicate: u64,
    /// Received after a frame that was sent later.
    pub reordered: u64,
    /// Received with a tag of ours and wrong content.
    pub corrupt: u64,
    /// Received without a tag of ours: keep-alives, routing updates, neighbour discovery (RFC 2544 §10: not counted).
    pub foreign: u64,
    /// Received with a tag of ours, so late that it cannot be told from a duplicate ([`Fault::WindowExceeded`]).
    pub window_exceeded: u64,
}

/// A poll loop that was interrupted for longer than its queue holds frames.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hiccups {
    /// How often.
    pub count: u64,
    /// The longest absence.
    #[serde(rename = "longest_s")]
    pub longest: Seconds,
}

impl Default for Seconds {
    fn default() -> Self {
        Seconds::ZERO
    }
}

/// What else a measurer can see that spoils a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// A link was down before the trial began.
    LinkDown {
        /// The port.
        port: String,
    },
    /// A link went down or up, or changed its speed, during the trial.
    LinkChange {
        /// The port.
        port: String,
    },
    /// Pause frames were seen: the rate was the receiver's choice.
    PauseFrames {
        /// How many.
        count: u64,
    },
    /// Bytes per packet on the wire are not those of the frame size.
    SizeNotIntended {
        /// Bytes per frame as intended.
        intended: u32,
        /// Bytes per frame as counted, in thousandths.
        counted_milli: u64,
    },
    /// Frames came later than the sequence window remembers: they cannot be told from duplicates.
    WindowExceeded {
        /// How many.
        frames: u64,
    },
    /// The reflector received frames and did not send them back: they are not lost by the path.
    ReflectorUnsent {
        /// How many.
        frames: u64,
    },
    /// Frames came more than once, more of them than [`MOST_DUPLICATES`] allows: something on the path or beside it multiplies frames.
    Duplicates {
        /// How many copies.
        frames: u64,
        /// Distinct frames that came.
        received: u64,
    },
    /// Another sender used the same path: its frames took a part of the capacity, and may have been counted.
    SeveralSenders,
    /// More frames arrived that are not test frames than a path carries by itself; see [`too_many_foreign`].
    ForeignFrames {
        /// Such frames.
        frames: u64,
        /// Distinct test frames that came.
        received: u64,
    },
    /// Frames had not come when the wait for them ended: the path takes longer than that, or they are lost.
    InFlight {
        /// How many.
        frames: u64,
        /// How long they were waited for.
        waited: Nanoseconds,
    },
    /// The kernel interface below a port counted fewer frames than the engines: they did not cross it.
    InterfaceCountedLess {
        /// The port.
        port: String,
        /// The engine on it.
        engine: Engine,
        /// Frames that the engines counted by tag.
        frames: u64,
        /// Frames that the interface counted.
        counted: u64,
    },
    /// An engine of the tester ended before it was stopped.
    EndedEarly {
        /// Which.
        engine: Engine,
        /// Why, as the engine reports it.
        reason: String,
    },
    /// A fault of one of two directions.
    InDirection {
        /// Which.
        direction: Direction,
        /// What.
        fault: Box<Fault>,
    },
}

/// Copies of a thousandth of the frames: more are no accident of a path (a route that changes, a switch that learns).
pub const MOST_DUPLICATES: f64 = 1e-3;

/// The fault of `frames` copies of `received` frames, where they are too many.
pub fn too_many_duplicates(frames: u64, received: u64) -> Option<Fault> {
    (frames as f64 > MOST_DUPLICATES * received as f64).then_some(Fault::Duplicates { frames, received })
}

/// Frames that are not test frames and change no result: ARP, neighbour discovery, LLDP and spanning tree send a few a second each
/// (RFC 2544 §11.3 adds about as many on purpose).
const FEW_FOREIGN: u64 = 10;

/// The largest share of foreign frames among the test frames of a valid trial: the accuracy that results are given with.
pub const MOST_FOREIGN: f64 = 0.01;

/// Whether so many foreign frames beside distinct test frames are other traffic, which takes a part of the path's capacity.
pub fn too_many_foreign(frames: u64, received: u64) -> Option<Fault> {
    (frames > FEW_FOREIGN && frames as f64 > MOST_FOREIGN * received as f64).then_some(Fault::ForeignFrames { frames, received })
}

/// A part of the tester that sends or receives test frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Sends.
    Generator,
    /// Receives.
    Sink,
    /// Receives and sends back.
    Reflector,
    /// Sends and receives at the pair's first endpoint, in a trial of both directions.
    FirstEnd,
    /// Sends and receives at the pair's second endpoint, in a trial of both directions.
    SecondEnd,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Generator => "generator",
            Engine::Sink => "sink",
            Engine::Reflector => "reflector",
            Engine::FirstEnd => "poll loop of the first endpoint",
            Engine::SecondEnd => "poll loop of the second endpoint",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::LinkDown { port } => write!(
                f,
                "the link of {port} was down before and after the trial: check the cable and the other end, or the port's state with `ip link`"
            ),
            Fault::LinkChange { port } => write!(f, "the link of {port} changed during the trial"),
            Fault::PauseFrames { count } => write!(f, "{count} pause frames were counted: flow control limited the rate"),
            Fault::SizeNotIntended { intended, counted_milli } => {
                write!(f, "{} bytes per frame were counted on the wire instead of {intended}", *counted_milli as f64 / 1000.0)
            }
            Fault::WindowExceeded { frames } => write!(f, "{frames} frames came later than the sequence window remembers"),
            Fault::ReflectorUnsent { frames } => write!(f, "the reflector did not send back {frames} of the frames that it received"),
            Fault::Duplicates { frames, received } => {
                write!(f, "{frames} copies of {received} frames arrived: something on the path or beside it multiplies frames")
            }
            Fault::ForeignFrames { frames, received } => {
                write!(
                    f,
                    "{frames} frames that are not test frames arrived in addition to {received} test frames: other traffic uses the same path"
                )
            }
            Fault::SeveralSenders => f.write_str("test frames of another sender arrived: another run uses the same path"),
            Fault::InFlight { frames, waited } => {
                write!(f, "{frames} frames had not returned {waited} after the last one was sent: they are lost or still in flight")
            }
            Fault::InterfaceCountedLess { port, engine, frames, counted } => write!(
                f,
                "the kernel interface below {port} of the {engine} counted {counted} frames, and {frames} test frames were counted: they did not cross it"
            ),
            Fault::InDirection { direction, fault } => write!(f, "{direction} direction: {fault}"),
            Fault::EndedEarly { engine, reason } => write!(f, "the {engine} ended early: {reason}"),
        }
    }
}

impl DirectionOutcome {
    /// Frames lost in this direction: `sent − received`, never less than none.
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// (sent − received)/sent (RFC 2544 §26.3).
    pub fn loss_ratio(&self) -> LossRatio {
        LossRatio::from_counts(self.sent, self.received)
    }
}

impl TrialOutcome {
    /// An outcome with one direction and no fault.
    pub fn one_way(direction: DirectionOutcome) -> Self {
        TrialOutcome { directions: vec![direction], faults: Vec::new() }
    }

    /// Frames that were to be sent, all directions.
    pub fn intended(&self) -> u64 {
        self.directions.iter().map(|d| d.intended).sum()
    }

    /// Frames sent, all directions.
    pub fn sent(&self) -> u64 {
        self.directions.iter().map(|d| d.sent).sum()
    }

    /// Distinct test frames received, all directions.
    pub fn received(&self) -> u64 {
        self.directions.iter().map(|d| d.received).sum()
    }

    /// Frames sent and not received, direction by direction.
    pub fn lost(&self) -> u64 {
        self.directions.iter().map(DirectionOutcome::lost).sum()
    }

    /// Lost over sent, summed over directions: one dead direction of two is 0.5 (MLRsearch draft §"Trial Loss Ratio").
    pub fn loss_ratio(&self) -> LossRatio {
        let sent = self.sent();
        LossRatio::from_counts(sent, sent.saturating_sub(self.lost()))
    }

    /// The loss ratio without the frames that the tester's own reflector did not send back.
    pub fn loss_ratio_of_path(&self) -> LossRatio {
        let sent = self.sent();
        let of_path: u64 = self.directions.iter().map(|d| d.lost().saturating_sub(d.loss.reflector_unsent)).sum();
        LossRatio::from_counts(sent, sent.saturating_sub(of_path))
    }

    /// The longest time frames were offered in a direction.
    pub fn offered_duration(&self) -> Seconds {
        Seconds::lossy(self.directions.iter().map(|d| d.offered_duration.seconds()).fold(0.0, f64::max))
    }

    /// Offered load per direction: the mean over directions of frames sent over the time it took.
    pub fn offered_rate(&self) -> PacketRate {
        self.mean_rate(|d| d.sent)
    }

    /// Forwarding rate per direction: distinct frames received over the time they were offered, mean over directions.
    pub fn forwarding_rate(&self) -> PacketRate {
        self.mean_rate(|d| d.received)
    }

    /// The tester's own absences, all directions.
    pub fn hiccups(&self) -> Hiccups {
        self.directions.iter().fold(Hiccups::default(), |sum, d| Hiccups {
            count: sum.count + d.hiccups.count,
            longest: if d.hiccups.longest > sum.longest { d.hiccups.longest } else { sum.longest },
        })
    }

    fn mean_rate(&self, frames: impl Fn(&DirectionOutcome) -> u64) -> PacketRate {
        let rates = self.directions.iter().map(|d| PacketRate::from_count(frames(d), d.offered_duration.seconds()).pps());
        PacketRate::from_pps_lossy(rates.sum::<f64>() / self.directions.len().max(1) as f64)
    }
}
