//! Frames that a queue has accepted and that are still in its transmit ring, where the kernel must be asked to take them
//! (`dpdk::kernel_ring`). Other queues have no such ring, and nothing is done for them.

use std::thread;
use std::time::{Duration, Instant};

use crate::dpdk::{Taken, TxQueue};
use crate::engine::meter::Meter;

/// How long after the last accepted frame the kernel is asked, and how often. The driver asks with every burst, so that a loop that sends more often
/// never does.
const PAUSE: Duration = Duration::from_micros(100);

/// How long the kernel may take no frame before the rest counts as lost.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why a run ended early, in its report.
pub(super) const NOT_TAKEN: &str =
    "the kernel did not take the last frames out of the port's transmit ring: its interface is congested or down";

/// When a poll loop asks the kernel to empty the ring of its queue.
#[derive(Debug)]
pub(super) struct LeftInRing {
    /// In ticks.
    pause: u64,
    /// When to ask next, in ticks.
    next: u64,
    /// How many frames were accepted when the loop looked last, and when the ring was found empty.
    seen: u64,
    taken: u64,
}

impl LeftInRing {
    pub(super) fn new(meter: &Meter) -> LeftInRing {
        LeftInRing { pause: meter.ticks(PAUSE), next: 0, seen: 0, taken: 0 }
    }

    /// For a loop that has nothing to send at `now`: asks where frames may be left. The queue has accepted so many in this run.
    #[inline(always)]
    pub(super) fn ask(&mut self, now: u64, accepted: u64, queue: &TxQueue) {
        if queue.kernel_ring().is_some() && accepted != self.taken {
            self.ask_when_due(now, accepted, queue);
        }
    }

    #[cold]
    fn ask_when_due(&mut self, now: u64, accepted: u64, queue: &TxQueue) {
        if accepted != self.seen {
            (self.seen, self.next) = (accepted, now.wrapping_add(self.pause));
            return;
        }
        if (now.wrapping_sub(self.next) as i64) < 0 {
            return;
        }
        self.next = now.wrapping_add(self.pause);
        if queue.kernel_ring().is_some_and(|ring| ring.empty() == Taken::Nothing) {
            self.taken = accepted;
        }
    }
}

/// Waits until the ring of a queue is empty, after its last frame. The thread sleeps meanwhile: what has left the ring may wait for a thread of the
/// kernel on the same CPU. An error where the kernel stopped taking frames.
#[cold]
pub(super) fn empty(queue: &TxQueue) -> Result<(), &'static str> {
    let Some(ring) = queue.kernel_ring() else { return Ok(()) };
    let mut progress = Instant::now();
    loop {
        match ring.empty() {
            Taken::Nothing => return Ok(()),
            Taken::Some => progress = Instant::now(),
            Taken::NotNow if progress.elapsed() > PATIENCE => return Err(NOT_TAKEN),
            Taken::NotNow => {}
        }
        thread::sleep(PAUSE);
    }
}
