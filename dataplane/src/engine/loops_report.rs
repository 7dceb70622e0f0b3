//! The part that the reports of all engines have: what the poll loops and the port did.

use methodology::units::PacketRate;
use serde::{Deserialize, Serialize};

use super::meter::CycleReport;
use super::queue_report::{QueueReport, QueueResult, judged};
use crate::account::hiccup::HiccupReport;
use crate::dpdk::CounterPair;

/// What the poll loops of an engine and its port did. In JSON these are fields of the engine's report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoopsReport {
    /// Hiccups of the poll loops.
    pub hiccups: HiccupReport,
    /// How the poll loops' time was spent.
    pub cycles: CycleReport,
    /// What each queue did.
    #[serde(default)]
    pub queues: Vec<QueueReport>,
    /// The port's counters before and after the run.
    pub counters: CounterPair,
    /// The reason, where the run ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    /// Whether the peer of a receiving shared-memory port stopped its queues before the link went down. A peer that ends normally does; one
    /// that is killed does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub peer_left: bool,
}

impl LoopsReport {
    /// The report of the loops that served `queues`, at an `expected` rate of all of them.
    pub(super) fn of(
        queues: Vec<QueueResult>,
        expected: Option<PacketRate>,
        counters: CounterPair,
        ended_early: Option<String>,
    ) -> LoopsReport {
        let queues = judged(queues, expected, &counters);
        let hiccups = queues.iter().fold(HiccupReport::default(), |sum, queue| sum.plus(&queue.hiccups));
        LoopsReport { hiccups, cycles: all_cycles(&queues), queues, counters, ended_early, peer_left: false }
    }

    /// The same with what only a run's end shows: whether the link was lost because the peer stopped.
    pub(super) fn with_peer_left(self, peer_stopped: impl FnOnce() -> bool) -> LoopsReport {
        LoopsReport { peer_left: self.ended_early.is_some() && peer_stopped(), ..self }
    }
}

/// The sum of the cycles of all queues.
fn all_cycles(queues: &[QueueReport]) -> CycleReport {
    queues.iter().map(|queue| queue.cycles.clone()).reduce(|sum, cycles| sum.plus(&cycles)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TickSource;

    #[test]
    fn a_queue_without_a_poll_loop_does_not_set_the_clock_of_the_sum() {
        let on_arm = CycleReport { clock: TickSource::GenericTimer, total: 7, ..CycleReport::default() };
        let queues = [QueueReport { cycles: on_arm, ..QueueReport::default() }, QueueReport::default()];
        let sum = all_cycles(&queues);
        assert_eq!((sum.clock, sum.total), (TickSource::GenericTimer, 7));
    }
}
