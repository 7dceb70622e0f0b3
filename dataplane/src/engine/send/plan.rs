//! The plan of a sender.

use std::path::PathBuf;
use std::time::Duration;

use methodology::units::{FrameSize, Frames, Nanoseconds, Pace, PacketRate};
use serde::{Deserialize, Serialize};

use super::pacing::Pacing;
use crate::cpu::CpuId;
use crate::engine::meter::HICCUP_THRESHOLD;
use crate::frame::{FrameFormat, FrameSpec, MacAddress, Payload, StreamId, Tagging, Template};
use crate::time::LatePolicy;

/// Default bound of catching up: frames later than this are skipped.
const CATCH_UP: Nanoseconds = Nanoseconds::new(10_000_000);

/// Default limit of the wait for frames in flight: a path around the world and through a full buffer of a second. The wait ends before it
/// as soon as all frames have returned, or none has for a while.
const DRAIN: Duration = Duration::from_secs(5);

/// What a sender sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// Test frames of one size or of a mix, each tagged. Frames of several sizes need a port that was opened without
    /// [`fast_free`](crate::PortOptions::fast_free).
    Test(Frames),
    /// The frames of a pcap or pcapng file, unchanged and repeated. They carry no tag, so a receiver cannot detect loss.
    Capture {
        /// The file, on the sender's machine.
        file: PathBuf,
        /// Send each frame at its time in the capture, relative to the first; otherwise at the plan's pace.
        own_timing: bool,
    },
}

impl From<FrameSize> for Traffic {
    fn from(size: FrameSize) -> Self {
        Traffic::Test(Frames::Fixed(size))
    }
}

impl From<Frames> for Traffic {
    fn from(frames: Frames) -> Self {
        Traffic::Test(frames)
    }
}

/// How frames of different sizes share the time of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// Each frame takes the time of its own bytes on the wire: a rate of bits is the same all the time, and line rate is never exceeded.
    #[default]
    BySize,
    /// All frames take the same time: a rate of frames is the same all the time.
    Even,
}

/// A change of the offered load during a trial (RFC 2544 §26.5, system recovery).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateStep {
    /// How long after the first frame.
    pub after: Duration,
    /// The rate from then on.
    pub rate: PacketRate,
}

/// What a sender does. Each queue of the port has its own poll loop, and the loops share the load equally.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendPlan {
    /// CPUs of the poll loops, in order. Loops without an entry get the highest allowed CPU that is free.
    pub cpus: Vec<CpuId>,
    /// What is sent.
    pub traffic: Traffic,
    /// The offered load.
    pub pace: Pace,
    /// How frames at a given rate are spaced.
    #[serde(default)]
    pub pacing: Pacing,
    /// How frames of different sizes share the time of a rate. Frames of one size are spaced evenly.
    #[serde(default)]
    pub spacing: Spacing,
    /// How long to send.
    pub duration: Duration,
    /// A rate step during the trial.
    pub then: Option<RateStep>,
    /// Stop after this many frames if they are sent before `duration` is over.
    pub frames: Option<u64>,
    /// The headers.
    pub frame: FrameFormat,
    /// VLAN tags. They are part of the frame size.
    pub tagging: Tagging,
    /// Destination Ethernet address; 02:00:00:00:00:02 where none is given.
    pub destination: Option<MacAddress>,
    /// Number of flows, with equal shares of the frames (addresses and ports of RFC 4814).
    pub flows: u32,
    /// Seed of the flows: the same seed gives the same flows in every trial.
    pub seed: u64,
    /// The most frames in one burst. Without it, 64 if the mbufs are in huge pages, and 32 if not.
    pub burst: Option<u16>,
    /// Receive the returned frames on the same port and record their round-trip times.
    pub rtt: bool,
    /// Count the frames that the other end sends meanwhile, of the same size and headers (RFC 2544 §14). One poll loop sends and counts, so the
    /// port needs one queue. It counts from its start and sends when [`Running::begin_sending`](crate::Running::begin_sending) is called: both ends
    /// can count before either sends.
    #[serde(default)]
    pub both_ways: bool,
    /// With `rtt`: time the frames of a separate stream of this rate instead of the load's. The stream has its own queue where the port has
    /// more than one.
    pub probe: Option<PacketRate>,
    /// With `rtt`: frames sent before this time are counted but not timed, so that timed frames meet a path in a steady state (RFC 8219 §7.2
    /// tags frames after 60 s of traffic).
    #[serde(default)]
    pub timed_after: Duration,
    /// Number of the first poll loop's stream. Each further loop has the next number, and the probe stream the number after all loops.
    pub stream: StreamId,
    /// What happens to frames that are late.
    pub late: LatePolicy,
    /// With `rtt`: the longest drain, which is the wait for frames in flight after the last one was sent. With `both_ways`: after its last frame,
    /// the sender counts until no frame has arrived for this long.
    pub drain: Duration,
    /// Continue while the link is down instead of ending early (RFC 2544 §26.6: the device is reset during the trial).
    #[serde(default)]
    pub outlast_link: bool,
    /// An iteration of a poll loop that takes longer than this is a hiccup. A shorter one is a hiccup too if it could overflow the queue's
    /// ring at the rate of the run.
    pub hiccup_threshold: Duration,
}

/// How the checksums of sent frames are computed. Checksum offloads of the port (RTE_ETH_TX_OFFLOAD_*_CKSUM) are never used, because no
/// checksum is computed per frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checksums {
    /// Computed once for each flow. The tag's check word keeps the one's complement sum constant, so that they are correct in every frame.
    #[default]
    Precomputed,
    /// Layer-2 frames have no checksum except the FCS.
    None,
    /// Frames of a capture keep the checksums that they were captured with.
    AsCaptured,
}

impl SendPlan {
    /// How the frames' checksums are computed.
    pub fn checksums(&self) -> Checksums {
        match (&self.traffic, self.frame) {
            (Traffic::Capture { .. }, _) => Checksums::AsCaptured,
            (Traffic::Test(_), FrameFormat::L2) => Checksums::None,
            (Traffic::Test(_), FrameFormat::Ipv4Udp | FrameFormat::Ipv6Udp) => Checksums::Precomputed,
        }
    }

    /// A plan with defaults for everything else: one IPv4/UDP flow, catching up to 10 ms.
    pub fn new(traffic: impl Into<Traffic>, pace: Pace, duration: Duration) -> Self {
        SendPlan {
            cpus: Vec::new(),
            traffic: traffic.into(),
            pace,
            pacing: Pacing::Software,
            spacing: Spacing::BySize,
            duration,
            then: None,
            frames: None,
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            destination: None,
            flows: 1,
            seed: 0,
            burst: None,
            rtt: false,
            both_ways: false,
            probe: None,
            timed_after: Duration::ZERO,
            stream: StreamId::default(),
            late: LatePolicy::CatchUp { bound: CATCH_UP },
            drain: DRAIN,
            outlast_link: false,
            hiccup_threshold: HICCUP_THRESHOLD,
        }
    }

    /// The highest rate of all loops together; `None` at maximum load.
    pub fn highest_rate(&self) -> Option<PacketRate> {
        match (self.pace, self.then) {
            (Pace::Rate(rate), Some(step)) if step.rate > rate => Some(step.rate),
            (Pace::Rate(rate), _) => Some(rate),
            (Pace::Max, _) => None,
        }
    }

    /// How many poll loops carry the load on a port with `queues` queues.
    pub fn loops(&self, queues: u16) -> u16 {
        if self.probe.is_some() && queues > 1 { queues - 1 } else { queues }
    }

    /// The stream of poll loop `number`. The probe's stream is the one after the last loop's.
    pub fn stream_of(&self, number: u16) -> StreamId {
        StreamId(self.stream.0.wrapping_add(number))
    }

    /// The test frames that this plan sends, from a port with the address `source`.
    pub fn frame_spec(&self, source: MacAddress) -> FrameSpec {
        let spec = FrameSpec { source, tagging: self.tagging, stream: self.stream, ..FrameSpec::new(self.frame.network()) };
        let spec = FrameSpec { destination: self.destination.unwrap_or(spec.destination), ..spec };
        // The payload CRC is written once for each mbuf, so it costs nothing per frame. Frames too short for it have none.
        let checked = FrameSpec { payload: Payload::Checked, ..spec };
        let fits = match &self.traffic {
            Traffic::Test(Frames::Fixed(size)) => Template::build(&checked, *size).is_ok(),
            Traffic::Test(Frames::Mix(mix)) => mix.sizes().iter().all(|size| Template::build(&checked, *size).is_ok()),
            Traffic::Capture { .. } => false,
        };
        if fits { checked } else { spec }
    }
}
