use std::time::Duration;

use methodology::units::FrameSize;
use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::engine::meter::HICCUP;
use crate::frame::{FrameFormat, Tagging};
use crate::time::ClockId;

/// What a sink shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceivePlan {
    /// CPUs of the poll loops, in order; the highest allowed ones that are free for loops without one.
    pub cpus: Vec<CpuId>,
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
    /// Record one-way delays too: the clock of the sender, which must be this machine's own.
    #[serde(default)]
    pub one_way: Option<ClockId>,
    /// Go on while the link is down, as [`SendPlan::outlast_link`](crate::SendPlan::outlast_link) does.
    #[serde(default)]
    pub outlast_link: bool,
    /// What counts as a hiccup of the poll loop.
    pub hiccup_threshold: Duration,
}

impl Default for ReceivePlan {
    fn default() -> Self {
        ReceivePlan {
            cpus: Vec::new(),
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            size: None,
            duration: None,
            drain: Duration::from_millis(50),
            burst: 64,
            check_payload: false,
            window: 1 << 16,
            one_way: None,
            outlast_link: false,
            hiccup_threshold: HICCUP,
        }
    }
}
