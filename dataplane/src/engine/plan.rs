use std::time::Duration;

use methodology::units::{FrameSize, Nanoseconds, Pace};
use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::frame::{FrameSpec, MacAddress, Network, Payload, StreamId, Tagging, Template};
use crate::pace::LatePolicy;

/// The headers of a test frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameFormat {
    /// Ethernet only, with an EtherType for local experiments.
    L2,
    /// IPv4 and UDP.
    #[default]
    Ipv4Udp,
    /// IPv6 and UDP.
    Ipv6Udp,
}

impl FrameFormat {
    /// The same with the addresses that test frames have where nothing else is said.
    pub fn network(self) -> Network {
        match self {
            FrameFormat::L2 => Network::Ethernet,
            FrameFormat::Ipv4Udp => Network::IPV4,
            FrameFormat::Ipv6Udp => Network::IPV6,
        }
    }
}

/// Longer than this between two turns of a poll loop is a hiccup: what 1024 descriptors hide at 40 Mpps.
const HICCUP: Duration = Duration::from_micros(25);

/// How late a frame may go before it is given up, unless the plan says otherwise.
const CATCH_UP: Nanoseconds = Nanoseconds::new(10_000_000);

/// What a sender shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendPlan {
    /// The poll loop's CPU; the highest allowed one that is free where none is given.
    pub cpu: Option<CpuId>,
    /// Every frame's size.
    pub size: FrameSize,
    /// How fast.
    pub pace: Pace,
    /// For how long.
    pub duration: Duration,
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
    /// The number of this sender's stream.
    pub stream: StreamId,
    /// What to do with frames that are late.
    pub late: LatePolicy,
    /// How long to wait for frames to come back after the last one, with `rtt`.
    pub drain: Duration,
    /// What counts as a hiccup of the poll loop.
    pub hiccup_threshold: Duration,
}

impl SendPlan {
    /// A plan with defaults for the rest: one IPv4/UDP flow, bursts of at most 64 frames, catching up to 10 ms.
    pub fn new(size: FrameSize, pace: Pace, duration: Duration) -> Self {
        SendPlan {
            cpu: None,
            size,
            pace,
            duration,
            frames: None,
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            destination: None,
            flows: 1,
            seed: 0,
            burst: 64,
            rtt: false,
            stream: StreamId::default(),
            late: LatePolicy::CatchUp { bound: CATCH_UP },
            drain: Duration::from_millis(100),
            hiccup_threshold: HICCUP,
        }
    }

    /// The frames that this plan sends, from a port with the address `source`.
    pub fn frame_spec(&self, source: MacAddress) -> FrameSpec {
        let spec = FrameSpec { source, tagging: self.tagging, stream: self.stream, ..FrameSpec::new(self.frame.network()) };
        let spec = FrameSpec { destination: self.destination.unwrap_or(spec.destination), ..spec };
        // The CRC is written once a frame buffer, so it costs nothing; frames too short for it go without.
        let checked = FrameSpec { payload: Payload::Checked, ..spec };
        if Template::build(&checked, self.size).is_ok() { checked } else { spec }
    }
}

/// What a sink shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceivePlan {
    /// The poll loop's CPU; the highest allowed one that is free where none is given.
    pub cpu: Option<CpuId>,
    /// The headers of the test frames; all others are foreign.
    pub frame: FrameFormat,
    /// VLAN tags of the test frames.
    pub tagging: Tagging,
    /// The test frames' size, where all have one: any other is corrupt.
    pub size: Option<FrameSize>,
    /// Stop by itself after this long; otherwise when it is told to.
    pub duration: Option<Duration>,
    /// When told to stop, go on until no frame has come for this long.
    pub drain: Duration,
    /// At most this many frames a burst.
    pub burst: u16,
    /// Check header checksum and payload of every test frame, which takes its time.
    pub check_payload: bool,
    /// How far behind the newest frame a late one is still told from a duplicate, in sequence numbers.
    pub window: u32,
    /// What counts as a hiccup of the poll loop.
    pub hiccup_threshold: Duration,
}

impl Default for ReceivePlan {
    fn default() -> Self {
        ReceivePlan {
            cpu: None,
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            size: None,
            duration: None,
            drain: Duration::from_millis(50),
            burst: 64,
            check_payload: false,
            window: 1 << 16,
            hiccup_threshold: HICCUP,
        }
    }
}

/// What a reflector shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectPlan {
    /// The poll loop's CPU; the highest allowed one that is free where none is given.
    pub cpu: Option<CpuId>,
    /// The headers of the test frames; all others are foreign.
    pub frame: FrameFormat,
    /// VLAN tags of the test frames.
    pub tagging: Tagging,
    /// Stop by itself after this long; otherwise when it is told to.
    pub duration: Option<Duration>,
    /// When told to stop, go on until no frame has come for this long.
    pub drain: Duration,
    /// At most this many frames a burst.
    pub burst: u16,
    /// What counts as a hiccup of the poll loop.
    pub hiccup_threshold: Duration,
}

impl Default for ReflectPlan {
    fn default() -> Self {
        ReflectPlan {
            cpu: None,
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            duration: None,
            drain: Duration::from_millis(50),
            burst: 64,
            hiccup_threshold: HICCUP,
        }
    }
}
