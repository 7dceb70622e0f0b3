use std::time::Duration;

use methodology::units::{FrameSize, Pace};
use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;

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

/// What a sender does with frames that are late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatePolicy {
    /// Send them faster than intended, within a bound.
    #[default]
    CatchUp,
    /// Leave them out.
    Skip,
    /// End the run.
    Abort,
}

/// What a sender shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendPlan {
    /// The poll loop's CPU; the highest allowed one where none is given.
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
    /// How many flows the frames are spread over in equal shares (RFC 4814 addresses and ports).
    pub flows: u32,
    /// Picks the flow set: the same seed gives the same flows in every trial.
    pub seed: u64,
    /// At most this many frames a burst.
    pub burst: u16,
    /// Receive the frames on the same port again and record round-trip times.
    pub rtt: bool,
    /// The number of this sender's stream.
    pub stream: u16,
    /// What to do with frames that are late.
    pub late: LatePolicy,
    /// How long to wait for frames to come back after the last one, with `rtt`.
    pub drain: Duration,
}

impl SendPlan {
    /// A plan with defaults for the rest: one IPv4/UDP flow, bursts of at most 64 frames, bounded catch-up.
    pub fn new(size: FrameSize, pace: Pace, duration: Duration) -> Self {
        SendPlan {
            cpu: None,
            size,
            pace,
            duration,
            frames: None,
            frame: FrameFormat::default(),
            flows: 1,
            seed: 0,
            burst: 64,
            rtt: false,
            stream: 0,
            late: LatePolicy::default(),
            drain: Duration::from_millis(100),
        }
    }
}

/// What a sink shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceivePlan {
    /// The poll loop's CPU; the highest allowed one where none is given.
    pub cpu: Option<CpuId>,
    /// Stop by itself after this long; otherwise when it is told to.
    pub duration: Option<Duration>,
    /// When told to stop, go on until no frame has come for this long.
    pub drain: Duration,
    /// At most this many frames a burst.
    pub burst: u16,
    /// Check the payload's CRC32C where the frames carry one.
    pub check_payload: bool,
}

impl Default for ReceivePlan {
    fn default() -> Self {
        ReceivePlan { cpu: None, duration: None, drain: Duration::from_millis(50), burst: 64, check_payload: false }
    }
}

/// What a reflector shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectPlan {
    /// The poll loop's CPU; the highest allowed one where none is given.
    pub cpu: Option<CpuId>,
    /// Stop by itself after this long; otherwise when it is told to.
    pub duration: Option<Duration>,
    /// When told to stop, go on until no frame has come for this long.
    pub drain: Duration,
    /// At most this many frames a burst.
    pub burst: u16,
    /// Turn round frames that are not test frames, too.
    pub reflect_foreign: bool,
}

impl Default for ReflectPlan {
    fn default() -> Self {
        ReflectPlan { cpu: None, duration: None, drain: Duration::from_millis(50), burst: 64, reflect_foreign: false }
    }
}
