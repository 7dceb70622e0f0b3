//! What each queue of a port did in a run, and whether the frames were spread evenly over the queues.

use methodology::units::{Nanoseconds, PacketRate};
use serde::{Deserialize, Serialize};

use super::meter::CycleReport;
use crate::account::hiccup::{HiccupRecorder, HiccupReport, absorbed_for};
use crate::cpu::CpuId;
use crate::dpdk::{CounterPair, PortView};

/// What one queue of a port did, and the poll loop that served it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueReport {
    /// The queue's number.
    pub queue: u16,
    /// The CPU of its poll loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuId>,
    /// Whether this CPU is on another NUMA node than the port and its memory, which costs time for each frame.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub other_node: bool,
    /// Frames that the receive queue delivered, of any class.
    pub frames_received: u64,
    /// Frames that the transmit queue accepted.
    pub frames_sent: u64,
    /// Frames that the device dropped because the receive queue had no descriptor; `None` where the driver has no such counter for a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// Descriptors of the receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of the transmit queue.
    pub tx_descriptors: u16,
    /// The longest interruption of the poll loop that the queue's ring certainly absorbed at its rate; `None` where it had no load. A longer
    /// one can have lost frames that the device under test did not lose.
    #[serde(rename = "absorbed_ns", default, skip_serializing_if = "Option::is_none")]
    pub absorbed: Option<Nanoseconds>,
    /// Hiccups of the poll loop.
    pub hiccups: HiccupReport,
    /// How the poll loop's time was spent.
    pub cycles: CycleReport,
}

impl QueueReport {
    /// Hiccups that the ring may not have absorbed.
    pub fn overflowing_hiccups(&self) -> u64 {
        self.absorbed.map_or(0, |absorbed| self.hiccups.longer_than(absorbed))
    }
}

/// The queue with the largest share of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BusiestQueue {
    /// Its number.
    pub queue: u16,
    /// Its share of the frames, from 0 to 1.
    pub share: f64,
    /// The share that each queue would have if all had the same.
    pub even_share: f64,
}

impl BusiestQueue {
    /// The busiest of the queues by the frames that `frames` returns; `None` with fewer than two queues, or where there were no frames.
    pub fn of(queues: &[QueueReport], frames: impl Fn(&QueueReport) -> u64) -> Option<BusiestQueue> {
        let total: u64 = queues.iter().map(&frames).sum();
        let busiest = queues.iter().max_by_key(|queue| frames(queue))?;
        (queues.len() > 1 && total > 0).then(|| BusiestQueue {
            queue: busiest.queue,
            share: frames(busiest) as f64 / total as f64,
            even_share: 1.0 / queues.len() as f64,
        })
    }

    /// A queue with more than this many times its even share is reported. With 64 flows for each queue, the least that plans need, that is four
    /// standard deviations of a good hash.
    pub const UNEVEN: f64 = 1.5;

    /// Whether its share is so large that its poll loop limits the rate of all queues.
    pub fn is_uneven(&self) -> bool {
        self.imbalance() > Self::UNEVEN
    }

    /// What an uneven spread means. `owner` follows the queue's number, such as ` of the sink`; `verb` is what happened to the frames.
    pub fn in_words(&self, owner: &str, verb: &str) -> String {
        format!(
            "queue {}{owner} {verb} {:.0} % of the frames, and an even share is {:.0} %: its poll loop limits the rate; use more flows",
            self.queue,
            100.0 * self.share,
            100.0 * self.even_share
        )
    }

    /// How many times its even share the busiest queue had.
    pub fn imbalance(&self) -> f64 {
        self.share / self.even_share
    }
}

/// The result of one queue whose hiccups are not judged yet, because that needs the rates of all queues.
pub(super) struct QueueResult {
    pub(super) report: QueueReport,
    pub(super) hiccups: HiccupRecorder,
    /// The end of the driver's name for a queue's missed frames, where it has such a counter.
    pub(super) missed_counter: Option<&'static str>,
    /// What the poll loop's interruptions can overflow or drain.
    pub(super) rings: Vec<LoadedRing>,
}

/// A ring, and the rate of its frames as the poll loop measured it; `None` where it measured none.
pub(super) struct LoadedRing {
    pub(super) descriptors: u16,
    pub(super) rate: Option<PacketRate>,
}

impl QueueResult {
    /// The result of a poll loop on `cpu`.
    pub(super) fn new(queue: u16, cpu: Option<CpuId>, port: PortView<'_>, hiccups: HiccupRecorder, cycles: CycleReport) -> QueueResult {
        let info = port.info();
        let report = QueueReport {
            queue,
            cpu,
            other_node: cpu.and_then(CpuId::numa_node).zip(info.numa_node).is_some_and(|(of_cpu, of_port)| of_cpu != of_port),
            rx_descriptors: info.rx_descriptors,
            tx_descriptors: info.tx_descriptors,
            cycles,
            ..QueueReport::default()
        };
        QueueResult { report, hiccups, missed_counter: port.driver().queue_missed, rings: Vec::new() }
    }
}

/// Judges the hiccups of every queue by the rate of its frames: the rate that it measured, or its share of the `expected` rate of all queues
/// where that is higher. The mean of a run in which the rate changed is too low.
pub(super) fn judged(results: Vec<QueueResult>, expected: Option<PacketRate>, counters: &CounterPair) -> Vec<QueueReport> {
    let total: u64 = results.iter().map(|result| result.report.frames_received).sum();
    let grown = counters.difference();
    let judge = |result: QueueResult| {
        let QueueResult { report, hiccups, missed_counter, rings } = result;
        let share = if total == 0 { 0.0 } else { report.frames_received as f64 / total as f64 };
        let of_expected = expected.map_or(0.0, |rate| rate.pps() * share);
        let absorbed_by = |ring: &LoadedRing| {
            let rate = PacketRate::new(ring.rate.map_or(0.0, PacketRate::pps).max(of_expected)).ok()?;
            (rate.pps() > 0.0).then(|| absorbed_for(ring.descriptors, rate))
        };
        let absorbed = rings.iter().filter_map(absorbed_by).min();
        let missed = missed_counter.map(|suffix| format!("xstats.rx_q{}_{suffix}", report.queue));
        QueueReport {
            absorbed,
            hiccups: hiccups.report(absorbed),
            missed: missed.map(|name| grown.get(&name).copied().unwrap_or(0)),
            ..report
        }
    };
    results.into_iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TickRate;

    /// A clock of nanoseconds.
    const CLOCK: TickRate = TickRate::from_hz(1_000_000_000).unwrap();

    fn mpps(millions: f64) -> PacketRate {
        PacketRate::new(millions * 1e6).unwrap()
    }

    /// A queue with an interruption of 10 µs.
    fn queue(queue: u16, descriptors: u16, frames: u64, rate: Option<PacketRate>) -> QueueResult {
        let mut hiccups = HiccupRecorder::new(CLOCK, Nanoseconds::new(25_000), descriptors, 0);
        hiccups.observe(10_000);
        let report = QueueReport { queue, frames_received: frames, rx_descriptors: descriptors, ..QueueReport::default() };
        QueueResult { report, hiccups, missed_counter: None, rings: vec![LoadedRing { descriptors, rate }] }
    }

    fn overflowing(results: Vec<QueueResult>, expected: Option<PacketRate>) -> Vec<u64> {
        judged(results, expected, &CounterPair::default()).iter().map(QueueReport::overflowing_hiccups).collect()
    }

    #[test]
    fn ten_microseconds_count_by_the_ring_and_the_rate_of_each_queue() {
        let both = |descriptors, rate| vec![queue(0, descriptors, 100, Some(rate)), queue(1, descriptors, 100, Some(rate))];
        // 256 descriptors hold 6 µs of 32 Mpps a queue, and 12 µs of 16 Mpps.
        assert_eq!(overflowing(both(256, mpps(32.0)), None), [1, 1]);
        assert_eq!(overflowing(both(256, mpps(16.0)), None), [0, 0]);
        assert_eq!(overflowing(both(4096, mpps(32.0)), None), [0, 0]);
        // 32 Mpps in total are 16 Mpps a queue, unless one queue has most of them.
        assert_eq!(overflowing(both(256, mpps(1.0)), Some(mpps(32.0))), [0, 0]);
        let uneven = vec![queue(0, 256, 900, Some(mpps(1.0))), queue(1, 256, 100, Some(mpps(1.0)))];
        assert_eq!(overflowing(uneven, Some(mpps(32.0))), [1, 0]);
        // A queue without frames lost none.
        assert_eq!(overflowing(vec![queue(0, 256, 0, None)], Some(mpps(32.0))), [0]);
    }

    #[test]
    fn the_busiest_queue_and_its_share_are_named() {
        let of = |frames: &[u64]| {
            let queues: Vec<QueueReport> = frames
                .iter()
                .zip(0..)
                .map(|(&frames, queue)| QueueReport { queue, frames_received: frames, ..QueueReport::default() })
                .collect();
            BusiestQueue::of(&queues, |queue| queue.frames_received)
        };
        let busiest = of(&[20, 20, 19, 41]).unwrap();
        assert_eq!((busiest.queue, busiest.share, busiest.even_share, busiest.imbalance()), (3, 0.41, 0.25, 1.64));
        assert!(busiest.is_uneven() && !of(&[20, 22, 21, 37]).unwrap().is_uneven());
        assert_eq!((of(&[5]), of(&[0, 0])), (None, None));
    }

    #[test]
    fn missed_frames_are_those_of_the_queues_counter() {
        let mut counters = CounterPair::default();
        counters.before.extended = [("rx_q1_errors".to_owned(), 5)].into();
        counters.after.extended = [("rx_q0_errors".to_owned(), 0), ("rx_q1_errors".to_owned(), 8)].into();
        let missed = |suffix| -> Vec<Option<u64>> {
            let of = |number| QueueResult { missed_counter: suffix, ..queue(number, 256, 1, None) };
            judged(vec![of(0), of(1)], None, &counters).iter().map(|queue| queue.missed).collect()
        };
        assert_eq!(missed(Some("errors")), [Some(0), Some(3)]);
        assert_eq!(missed(None), [None, None]);
    }
}
