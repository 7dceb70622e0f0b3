//! The plan of a reflector.

use std::time::Duration;

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::engine::meter::HICCUP_THRESHOLD;
use crate::frame::{FrameFormat, MacAddress, Tagging};

/// What a reflector does with each frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turning {
    /// Only test frames return. Ethernet addresses, IP addresses and ports are swapped, the TTL is decremented, and the residence time is
    /// recorded.
    #[default]
    TestFrames,
    /// Every frame returns with its Ethernet addresses swapped, as testpmd's `macswap` does it (`app/test-pmd/macswap.c`): no frame is
    /// classified and no residence time is recorded. For comparisons with programs that do no more.
    Addresses,
}

/// What a reflector does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectPlan {
    /// What is done with each frame.
    #[serde(default)]
    pub turning: Turning,
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
    /// The most frames in one burst. Without it, 64 if the mbufs are in huge pages, and 32 if not.
    pub burst: Option<u16>,
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
            turning: Turning::default(),
            cpus: Vec::new(),
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            destination: None,
            duration: None,
            drain: Duration::from_millis(50),
            burst: None,
            hiccup_threshold: HICCUP_THRESHOLD,
            expected_rate: None,
        }
    }
}
