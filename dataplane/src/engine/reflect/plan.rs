use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::engine::meter::HICCUP;
use crate::frame::{FrameFormat, Tagging};

/// What a reflector shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReflectPlan {
    /// CPUs of the poll loops, in order; the highest allowed ones that are free for loops without one.
    pub cpus: Vec<CpuId>,
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
            cpus: Vec::new(),
            frame: FrameFormat::default(),
            tagging: Tagging::default(),
            duration: None,
            drain: Duration::from_millis(50),
            burst: 64,
            hiccup_threshold: HICCUP,
        }
    }
}
