//! The plan of a sink.

use std::time::Duration;

use methodology::units::{FrameSize, PacketRate};
use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::engine::meter::HICCUP_THRESHOLD;
use crate::frame::{FrameFormat, Tagging};
use crate::time::BootId;

/// What a sink does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceivePlan {
    /// CPUs of the poll loops, in order. Loops without an entry get the highest allowed CPU that is free.
    pub cpus: Vec<CpuId>,
    /// The headers of the test frames. All other frames are foreign.
    pub frame: FrameFormat,
    /// VLAN tags of the test frames.
    pub tagging: Tagging,
    /// The size of the test frames, where all have one size. Test frames of another size are corrupt.
    pub size: Option<FrameSize>,
    /// Stop after this long; without it, only when asked to stop.
    pub duration: Option<Duration>,
    /// The drain after a stop: continue until no frame has arrived for this long.
    pub drain: Duration,
    /// The most frames in one burst; without it, 32: no size of frame was counted faster with more (docs/performance.md).
    pub burst: Option<u16>,
    /// Check the IPv4 header checksum and the payload of every test frame. This costs time per byte.
    pub check_payload: bool,
    /// How far behind the newest frame, in sequence numbers, a late frame can still be told from a duplicate.
    pub window: u32,
    /// Record one-way delays too. The value is the sender's boot id, which must be this machine's.
    #[serde(default)]
    pub one_way: Option<BootId>,
    /// Continue while the link is down, as [`SendPlan::outlast_link`](crate::SendPlan::outlast_link) does.
    #[serde(default)]
    pub outlast_link: bool,
    /// Keep the headers of the first test frame: they show what a device in the path does to frames.
    #[serde(default)]
    pub keep_headers: bool,
    /// An iteration of a poll loop that takes longer than this is a hiccup. A shorter one is a hiccup too if it could overflow the queue's
    /// ring at the rate of the run.
    pub hiccup_threshold: Duration,
    /// The highest rate of all queues together during the run, where it is known: hiccups are judged by it where it is above the mean rate.
    #[serde(default)]
    pub expected_rate: Option<PacketRate>,
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
            burst: None,
            check_payload: false,
            window: 1 << 16,
            one_way: None,
            outlast_link: false,
            keep_headers: false,
            hiccup_threshold: HICCUP_THRESHOLD,
            expected_rate: None,
        }
    }
}
