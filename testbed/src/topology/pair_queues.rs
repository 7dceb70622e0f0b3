//! The queues of a pair's two ports, and the NUMA nodes that the ports are on.

use std::num::NonZeroU16;

/// How many queues each end of a pair has. Each queue has a poll loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairQueues {
    /// The sender's: it sends from all of them, and returned frames arrive at all of them.
    pub sender: NonZeroU16,
    /// The receiver's, where a sink or a reflector runs.
    pub receiver: NonZeroU16,
}

impl PairQueues {
    /// One queue at each end.
    pub const ONE: PairQueues = PairQueues { sender: NonZeroU16::MIN, receiver: NonZeroU16::MIN };

    /// The larger of two numbers at each end.
    pub fn max(self, other: PairQueues) -> PairQueues {
        PairQueues { sender: self.sender.max(other.sender), receiver: self.receiver.max(other.receiver) }
    }
}

/// The NUMA nodes of a pair's ports, where they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairNodes {
    /// The sender's.
    pub sender: Option<u32>,
    /// The receiver's.
    pub receiver: Option<u32>,
}
