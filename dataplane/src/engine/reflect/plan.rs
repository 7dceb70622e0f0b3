//! The plan of a reflector.

use std::time::Duration;

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::engine::meter::HICCUP_THRESHOLD;
use crate::frame::{FrameFormat, MacAddress, Tagging};

/// What a reflector does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectPlan {
    /// CPUs of the poll loops, in order. Loops without an entry get the highest allowed CPU that is free.
    pub cpus: Vec<CpuId>,
    /// The headers of the test frames. All other frames are foreign and not reflected.
    pub frame: FrameFormat,
    /// VLAN tags of the test frames.
    pub tagging: Tagging,
    /// Destination address of the frames that are sent back; without it, the source address that they came with.
    #[serde(default)]
    pub destination: Option<MacAddress>,
    /// Stop after this long; without it, only when asked to stop.
    pub duration: Option<Duration>,
    /// The drain after a stop: continue until no frame has arrived for this long.
    pub drain: Duration,
    /// The most frames in one burst.
    pub burst: u16,
    /// An iteration of a poll loop that takes longer than this is a hiccup. A shorter one is a hiccup too if it could overflow the queue's
    /// ring at the rate of the run.
    pub hiccup_threshold: Duration,
    /// The highest rate of all queues together during the run, where it is known: hiccups are judged by it where it is above the mean rate.
    #[serde(default)]
    pub expected_rate: Option<PacketRate>,
}

impl Default for ReflectPlan {
    fn default() -> Self {
        ReflectPlan {
            cpus: Vec::new(),
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            destination: None,
            duration: None,
            drain: Duration::from_millis(50),
            burst: 64,
            hiccup_threshold: HICCUP_THRESHOLD,
            expected_rate: None,
        }
    }
}
