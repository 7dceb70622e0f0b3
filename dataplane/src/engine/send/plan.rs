use std::path::PathBuf;
use std::time::Duration;

use methodology::units::{FrameSize, Frames, Nanoseconds, Pace, PacketRate};
use serde::{Deserialize, Serialize};

use super::pacing::Pacing;
use crate::cpu::CpuId;
use crate::engine::meter::HICCUP;
use crate::frame::{FrameFormat, FrameSpec, MacAddress, Payload, StreamId, Tagging, Template};
use crate::time::LatePolicy;

/// How late a frame may go before it is given up, unless the plan says otherwise.
const CATCH_UP: Nanoseconds = Nanoseconds::new(10_000_000);

/// What a sender sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// Test frames of one size or of a mix, each tagged. Frames of several sizes need a port that was opened without
    /// [`fast_free`](crate::PortOptions::fast_free).
    Test(Frames),
    /// The frames of a pcap or pcapng file as they are, round and round. They carry no tag: their receiver cannot tell which are missing.
    Capture {
        /// The file, on the sender's machine.
        file: PathBuf,
        /// Send each frame when it was captured, relative to the first; at the plan's pace otherwise.
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

/// A change of the rate in the middle of a trial (RFC 2544 §26.5, system recovery).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateStep {
    /// How long after the first frame.
    pub after: Duration,
    /// The rate from then on.
    pub rate: PacketRate,
}

/// What a sender shall do. Each of the port's queues has a poll loop of its own, and the loops share the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendPlan {
    /// CPUs of the poll loops, in order; the highest allowed ones that are free for loops without one.
    pub cpus: Vec<CpuId>,
    /// What is sent.
    pub traffic: Traffic,
    /// How fast.
    pub pace: Pace,
    /// Who spaces the frames of a rate.
    #[serde(default)]
    pub pacing: Pacing,
    /// For how long.
    pub duration: Duration,
    /// Another rate from some moment on.
    pub then: Option<RateStep>,
    /// Stop after this many frames, where that is sooner.
    pub frames: Option<u64>,
    /// The headers.
    pub frame: FrameFormat,
    /// VLAN tags; they are part of the size.
    pub tagging: Tagging,
    /// Destination address; one that means no station in particular where none is given.
    pub destination: Option<MacAddress>,
    /// How many flows the frames are spread over in equal shares (RFC 4814 addresses and ports).
    pub flows: u32,
    /// Picks the flow set: the same seed gives the same flows in every trial.
    pub seed: u64,
    /// At most this many frames a burst.
    pub burst: u16,
    /// Receive the frames on the same port again and record round-trip times.
    pub rtt: bool,
    /// With `rtt`: do not time the load's frames, but those of a stream of this rate beside it, on a queue of its own where the port has more
    /// than one.
    pub probe: Option<PacketRate>,
    /// With `rtt`: frames that are sent earlier than this are counted and not timed, so that what is timed met a path that has settled
    /// (RFC 8219 §7.2 tags frames after 60 s of traffic).
    #[serde(default)]
    pub timed_after: Duration,
    /// The number of this sender's first stream. Each further poll loop has the next number, and a probe stream that behind them.
    pub stream: StreamId,
    /// What to do with frames that are late.
    pub late: LatePolicy,
    /// How long to wait for frames to come back after the last one, with `rtt`.
    pub drain: Duration,
    /// Go on while the link is down (RFC 2544 §26.6: the device is reset in the middle of the trial), instead of ending early.
    #[serde(default)]
    pub outlast_link: bool,
    /// What counts as a hiccup of the poll loop.
    pub hiccup_threshold: Duration,
}

/// Where the checksums of sent frames come from. No port is ever asked to compute one (RTE_ETH_TX_OFFLOAD_*_CKSUM): there is nothing to
/// compute per frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checksums {
    /// Computed once for each flow. The tag's check word keeps its one's complement sum constant, so that they are right in every frame.
    #[default]
    Precomputed,
    /// Frames of layer 2 have none but the FCS.
    None,
    /// Frames of a capture go as they were captured, with the checksums that they have.
    AsCaptured,
}

impl SendPlan {
    /// Where the frames' checksums come from.
    pub fn checksums(&self) -> Checksums {
        match (&self.traffic, self.frame) {
            (Traffic::Capture { .. }, _) => Checksums::AsCaptured,
            (Traffic::Test(_), FrameFormat::L2) => Checksums::None,
            (Traffic::Test(_), FrameFormat::Ipv4Udp | FrameFormat::Ipv6Udp) => Checksums::Precomputed,
        }
    }

    /// A plan with defaults for the rest: one IPv4/UDP flow, bursts of at most 64 frames, catching up to 10 ms.
    pub fn new(traffic: impl Into<Traffic>, pace: Pace, duration: Duration) -> Self {
        SendPlan {
            cpus: Vec::new(),
            traffic: traffic.into(),
            pace,
            pacing: Pacing::Software,
            duration,
            then: None,
            frames: None,
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            destination: None,
            flows: 1,
            seed: 0,
            burst: 64,
            rtt: false,
            probe: None,
            timed_after: Duration::ZERO,
            stream: StreamId::default(),
            late: LatePolicy::CatchUp { bound: CATCH_UP },
            drain: Duration::from_millis(100),
            outlast_link: false,
            hiccup_threshold: HICCUP,
        }
    }

    /// How many poll loops carry the load on a port of so many queues.
    pub fn loops(&self, queues: u16) -> u16 {
        if self.probe.is_some() && queues > 1 { queues - 1 } else { queues }
    }

    /// The stream of poll loop `number`; that behind the last loop's is the probe's.
    pub fn stream_of(&self, number: u16) -> StreamId {
        StreamId(self.stream.0.wrapping_add(number))
    }

    /// The test frames that this plan sends, from a port with the address `source`.
    pub fn frame_spec(&self, source: MacAddress) -> FrameSpec {
        let spec = FrameSpec { source, tagging: self.tagging, stream: self.stream, ..FrameSpec::new(self.frame.network()) };
        let spec = FrameSpec { destination: self.destination.unwrap_or(spec.destination), ..spec };
        // The CRC is written once a frame buffer, so it costs nothing; frames too short for it go without.
        let checked = FrameSpec { payload: Payload::Checked, ..spec };
        let fits = match &self.traffic {
            Traffic::Test(Frames::Fixed(size)) => Template::build(&checked, *size).is_ok(),
            Traffic::Test(Frames::Mix(mix)) => mix.sizes().iter().all(|size| Template::build(&checked, *size).is_ok()),
            Traffic::Capture { .. } => false,
        };
        if fits { checked } else { spec }
    }
}
