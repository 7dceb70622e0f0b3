use serde::{Deserialize, Serialize};

use crate::units::Seconds;

/// The counters of one trial at maximum load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How long frames were sent.
    pub duration: Seconds,
    /// Frames that the sender's port accepted.
    pub sent: u64,
    /// Frames that were ready to be sent and that the sender's port did not accept.
    pub refused: u64,
    /// Frames that arrived, each counted once.
    pub received: u64,
    /// Frames that the receiver's port dropped because no descriptor was free.
    pub missed: u64,
    /// Frames that a port dropped for another reason.
    pub discarded: u64,
    /// The frames a second that the link carries, where that is known.
    pub ceiling_pps: Option<f64>,
    /// Time of the generator for each frame without a driver that moves it, where that was measured.
    pub generator_ns: Option<f64>,
    /// Frames that the sender hands over at once.
    pub burst: u32,
    /// The sender.
    pub sender: End,
    /// The receiver.
    pub receiver: End,
}

/// One end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Descriptors of each queue in the direction of the frames.
    pub descriptors: u32,
    /// A poll loop for each queue.
    pub loops: Vec<Loop>,
}

/// What one poll loop did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    /// Frames that it moved.
    pub frames: u64,
    /// Time for each of them, in iterations that moved some.
    pub ns_per_frame: Option<f64>,
    /// The share of the time in which it was interrupted.
    pub interrupted: f64,
}

impl Evidence {
    /// Frames a second that arrived.
    pub fn rate(&self) -> f64 {
        self.received as f64 / self.duration.seconds().max(f64::MIN_POSITIVE)
    }

    /// Frames that left the sender's port, did not arrive, and are in no counter of the receiver's port: as a share of those that left.
    pub(super) fn vanished(&self) -> f64 {
        let known = self.received + self.missed + self.discarded;
        self.sent.saturating_sub(known) as f64 / self.sent.max(1) as f64
    }

    /// The share of the frames that were ready and that the sender's port did not accept.
    pub(super) fn refused_share(&self) -> f64 {
        self.refused as f64 / (self.refused + self.sent).max(1) as f64
    }

    /// The share of the time in which a poll loop moved frames.
    pub(super) fn busy(&self, poll_loop: &Loop) -> f64 {
        let busy = poll_loop.ns_per_frame.unwrap_or(0.0) * poll_loop.frames as f64;
        busy / (self.duration.seconds() * 1e9).max(f64::MIN_POSITIVE)
    }

    /// The busiest loop of an end, and the share of the time in which it moved frames.
    pub(super) fn busiest<'e>(&self, end: &'e End) -> Option<(usize, &'e Loop, f64)> {
        let loops = end.loops.iter().enumerate().map(|(queue, poll_loop)| (queue, poll_loop, self.busy(poll_loop)));
        loops.max_by(|one, other| one.2.total_cmp(&other.2))
    }

    /// The loop of the receiver with the most frames, and how many times its even share that is.
    pub(super) fn imbalance(&self) -> Option<(usize, &Loop, f64)> {
        let loops = &self.receiver.loops;
        let total: u64 = loops.iter().map(|poll_loop| poll_loop.frames).sum();
        let (queue, most) = loops.iter().enumerate().max_by_key(|(_, poll_loop)| poll_loop.frames)?;
        (loops.len() > 1 && total > 0).then(|| (queue, most, most.frames as f64 * loops.len() as f64 / total as f64))
    }
}
