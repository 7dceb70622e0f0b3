//! The reflector's poll loops, and the report of all of them.

use std::sync::Arc;
use std::time::Duration;

use methodology::units::PacketRate;

use super::plan::{ReflectPlan, Turning};
use super::report::{ReflectCounters, ReflectReport};
use crate::account::latency::{RttRecorder, RttReport};
use crate::dpdk::{Burst, CounterPair, MAX_BURST, Port, QueuePair, Slots};
use crate::engine::burst;
use crate::engine::ending::Ending;
use crate::engine::full_ring::FullRing;
use crate::engine::left_in_ring::{self, LeftInRing};
use crate::engine::loops_report::LoopsReport;
use crate::engine::meter::{self, Meter};
use crate::engine::queue_report::{LoadedRing, QueueResult};
use crate::engine::running::{self, LinkEnd, Running, WatchedLink};
use crate::error::DataplaneError;
use crate::frame::reflect::{reflect_frames, set_destination, swap_macs};
use crate::frame::{Classifier, Layout, prefetch_for_write};
use crate::time::{TickRate, ticks};

type Shared = running::Shared<ReflectCounters>;

/// How long a burst is offered again before its frames count as unsent.
const RETRY: Duration = Duration::from_micros(100);

impl Port {
    /// Sends test frames back to their sender, with one poll loop for each queue. If the plan is refused, [`Running::join`] returns the
    /// error.
    pub fn reflect(self, plan: ReflectPlan) -> Running<ReflectReport> {
        let loops = usize::from(self.info().queues);
        Running::start(self, loops, move |port, shared| run(port, &plan, shared))
    }
}

fn run(port: &mut Port, plan: &ReflectPlan, shared: &[Shared]) -> Result<ReflectReport, DataplaneError> {
    burst::check(plan.burst)?;
    let rate = meter::tick_rate(port)?;
    let before = port.counters();
    let (eal, name) = (Arc::clone(port.eal()), port.info().name.clone());
    let poll = |queue: QueuePair<'_>, shared: &Shared| Ok(run_loop(queue, plan, rate, shared));
    let queues = port.queue_pairs();
    let watched = WatchedLink::of(&queues, LinkEnd::Receiver, |counters: ReflectCounters| counters.frames_received);
    let results = running::run_loops(&eal, &name, &plan.cpus, queues, shared, watched, poll)?;
    port.has_sent();
    let report = summed(results, plan.expected_rate, CounterPair { before, after: port.counters() });
    let loops = report.loops.with_peer_left(|| port.peer_stopped_its_queues());
    Ok(ReflectReport { loops, ..report })
}

/// The result of one poll loop.
struct LoopResult {
    residence: RttRecorder,
    report: ReflectReport,
    queue: QueueResult,
    ended_early: Option<String>,
}

/// The report of all loops.
fn summed(results: Vec<LoopResult>, expected: Option<PacketRate>, counters: CounterPair) -> ReflectReport {
    let mut queues = Vec::new();
    let mut ended_early = None;
    let mut sum: Option<(RttRecorder, ReflectReport)> = None;
    for LoopResult { residence, report, queue, ended_early: end } in results {
        queues.push(queue);
        ended_early = ended_early.or(end);
        sum = Some(match sum {
            None => (residence, report),
            Some((mut all, reports)) => {
                all.merge(&residence);
                (all, reports.plus(report))
            }
        });
    }
    let Some((residence, report)) = sum else { return ReflectReport::default() };
    let loops = LoopsReport::of(queues, expected, counters, ended_early);
    let rate = PacketRate::between(report.frames_sent, report.duration.as_secs_f64());
    ReflectReport { residence: RttReport::from_recorder(&residence), rate, loops, ..report }
}

fn run_loop(queue: QueuePair<'_>, plan: &ReflectPlan, rate: TickRate, shared: &Shared) -> LoopResult {
    let QueuePair { number, rx, tx, free_target, port, .. } = queue;
    let layout = Layout::new(plan.tagging, plan.frame.network());
    let classifier = Classifier::new(layout);
    let mut residence = RttRecorder::new(rate);
    let mut slots = Slots::new();
    let mut meter = Meter::new(rate, plan.hiccup_threshold, port.info().rx_descriptors);
    let mut ending = Ending::new(rate, meter.begin(), plan.duration, plan.drain);
    let retry = meter.ticks(RETRY);
    let full_ring = FullRing::new(&meter, port.info().tx_descriptors, retry);
    let mut counts = ReflectCounters::default();
    let (mut first, mut last) = (None, 0);
    let most = burst::chosen(plan.burst, port.info());
    let mut left_in_ring = LeftInRing::new(&meter);
    shared.begin();

    let end = loop {
        let now = meter.next_iteration();
        let mut burst = Burst::receive(rx, free_target, &mut slots, usize::from(most));
        let received = !burst.is_empty();
        if received {
            meter.mark_busy();
            // Taken after the queue was read, as the sender does for returned frames.
            let arrived = ticks();
            counts.frames_received += burst.len() as u64;
            match plan.turning {
                Turning::TestFrames => turn_test_frames(&mut burst, layout, &classifier, &mut counts),
                // SAFETY: the burst owns the mbufs, and nothing else writes to them. A frame of Ethernet has at least 16 bytes.
                Turning::Addresses => unsafe { swap_macs(burst.mbufs(), |mbuf| mbuf.data()) },
            }
            if let Some(destination) = plan.destination {
                // SAFETY: as above: each frame has its Ethernet header in the first segment.
                burst.mbufs().iter().for_each(|mbuf| unsafe { set_destination(mbuf.data(), destination) });
            }
            let (offered_frames, sent_before) = (burst.len(), counts.frames_sent);
            let (mut later, mut offers) = (now, full_ring.offers_from(now));
            while !burst.is_empty() {
                if offers.is_due(later) {
                    let offered = burst.len();
                    burst = burst.submit(tx);
                    counts.frames_sent += (offered - burst.len()) as u64;
                    if burst.is_empty() {
                        break;
                    }
                    offers.refused();
                }
                later = meter.next_iteration();
                if later.wrapping_sub(now) > retry || shared.stop_asked() {
                    counts.unsent += burst.len() as u64;
                    break;
                }
                std::hint::spin_loop();
            }
            drop(burst);
            if offered_frames > 0 {
                if plan.turning == Turning::TestFrames {
                    // Recorded once for each frame, as round trips are: shares of frames and shares of bursts cannot be compared.
                    residence.record_many(ticks().wrapping_sub(arrived), counts.frames_sent - sent_before);
                }
                first.get_or_insert(now);
                last = now;
            }
            shared.show(counts);
        } else {
            left_in_ring.ask(now, counts.frames_sent, tx);
        }
        if let Some(end) = ending.after(now, received, shared.stop_asked(), || shared.link_was_lost()) {
            break end;
        }
    };
    let end_of_loop = meter.next_iteration();
    let not_taken = left_in_ring::empty(tx).err().map(str::to_owned);
    let ReflectCounters { frames_received, frames_sent, unsent, foreign } = counts;
    let duration = meter.duration(first.map_or(0, |first| last.wrapping_sub(first)));
    let cycles = meter.cycles(end_of_loop, meter.on_cpu(), frames_received);
    let mut queue = QueueResult::new(number, meter.cpu(), port, meter.hiccups(), cycles);
    (queue.report.frames_received, queue.report.frames_sent) = (frames_received, frames_sent);
    queue
        .rings
        .push(LoadedRing { descriptors: port.info().rx_descriptors, rate: PacketRate::between(frames_received, duration.as_secs_f64()) });
    let report = ReflectReport { frames_received, frames_sent, unsent, foreign, duration, ..ReflectReport::default() };
    LoopResult { residence, report, queue, ended_early: end.ended_early().or(not_taken) }
}

/// Turns the test frames of a burst back, and drops the other frames: foreign ones and those whose TTL has expired.
fn turn_test_frames(burst: &mut Burst<'_>, layout: Layout, classifier: &Classifier, counts: &mut ReflectCounters) {
    for mbuf in burst.mbufs() {
        prefetch_for_write(mbuf.data());
    }
    // SAFETY: the burst owns the mbufs, each with `length` bytes in its first segment, and nothing writes to them here.
    if !unsafe { classifier.are_tests(burst.mbufs(), |mbuf| (mbuf.data().cast_const(), mbuf.length())) } {
        let all = burst.len();
        // SAFETY: as above.
        burst.retain(|_, mbuf| unsafe { classifier.tag_of(mbuf.data(), mbuf.length()) }.is_some());
        counts.foreign += (all - burst.len()) as u64;
    }
    let mut expired = 0_u64;
    let mut is_expired = [0_u64; MAX_BURST.div_ceil(64)];
    // SAFETY: test frames of this layout, owned by the burst.
    unsafe {
        reflect_frames(
            burst.mbufs(),
            layout,
            |mbuf| mbuf.data(),
            |index| {
                is_expired[index / 64] |= 1 << (index % 64);
                expired += 1;
            },
        );
    }
    if expired > 0 {
        counts.unsent += expired;
        burst.retain(|index, _| is_expired[index / 64] >> (index % 64) & 1 == 0);
    }
}
