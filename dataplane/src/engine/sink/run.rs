//! The sink's poll loops, and the report of all of them.

use std::sync::Arc;
use std::time::Duration;

use methodology::units::PacketRate;

use super::arrivals::Arrivals;
use super::plan::ReceivePlan;
use super::report::{ReceiveCounters, ReceiveReport};
use crate::account::latency::{RttRecorder, RttReport};
use crate::account::sequence::Window;
use crate::dpdk::{Burst, CounterPair, Port, QueuePair, Slots};
use crate::engine::burst;
use crate::engine::ending::Ending;
use crate::engine::loops_report::LoopsReport;
use crate::engine::meter::{self, Meter};
use crate::engine::queue_report::{LoadedRing, QueueResult};
use crate::engine::running::{self, LinkEnd, Running, WatchedLink};
use crate::error::DataplaneError;
use crate::frame::{Classifier, Layout, prefetch_for_read};
use crate::time::{BootId, TickRate, ticks};

/// Ethernet with two VLAN tags, IPv6 and UDP (14 + 8 + 40 + 8 bytes).
const HEADER_BYTES: usize = 70;

/// Frames of a burst where the plan names no number.
const USUAL_BURST: u16 = 32;

type Shared = running::Shared<ReceiveCounters>;

impl Port {
    /// Receives and counts test frames, with one poll loop for each queue. If the plan is refused, [`Running::join`] returns the error.
    pub fn receive(self, plan: ReceivePlan) -> Running<ReceiveReport> {
        let loops = usize::from(self.info().queues);
        Running::start(self, loops, move |port, shared| run(port, &plan, shared))
    }
}

fn run(port: &mut Port, plan: &ReceivePlan, shared: &[Shared]) -> Result<ReceiveReport, DataplaneError> {
    let window = Window::new(plan.window).map_err(|error| DataplaneError::Plan { what: "the window", why: error.to_string() })?;
    burst::check(plan.burst)?;
    check_clock(plan)?;
    let rate = meter::tick_rate(port)?;
    let before = port.counters();
    let (eal, name) = (Arc::clone(port.eal()), port.info().name.clone());
    let poll = |queue: QueuePair<'_>, shared: &Shared| Ok(run_loop(queue, plan, rate, window, shared));
    let queues = port.queue_pairs();
    let watched = WatchedLink::of(&queues, LinkEnd::Receiver, |counters: ReceiveCounters| counters.frames_received);
    let watched = watched.filter(|_| !plan.outlast_link);
    let results = running::run_loops(&eal, &name, &plan.cpus, queues, shared, watched, poll)?;
    let counters = CounterPair { before, after: port.counters() };
    let report = summed(results, rate, plan.expected_rate, counters);
    let loops = report.loops.with_peer_left(|| port.peer_stopped_its_queues());
    Ok(ReceiveReport { loops, ..report })
}

/// Refuses one-way delays between two clocks: they would include the difference of the clocks.
fn check_clock(plan: &ReceivePlan) -> Result<(), DataplaneError> {
    let refuse = |why: String| Err(DataplaneError::Plan { what: "one-way delay", why });
    match (&plan.one_way, BootId::of_this_machine()) {
        (None, _) => Ok(()),
        (Some(sender), Some(own)) if *sender == own => Ok(()),
        (Some(sender), Some(own)) => refuse(format!(
            "the sender's boot id is {sender} and this machine's is {own}. One-way delay cannot be measured between two clocks: measure round trips instead (`linerate send --rtt`)"
        )),
        (Some(_), None) => refuse("this kernel gives no boot id, so its clock cannot be compared with the sender's".to_owned()),
    }
}

/// The result of one poll loop.
struct LoopResult {
    /// First and last test frame, in ticks.
    span: Option<(u64, u64)>,
    /// One-way delays, where the plan asked for them.
    delays: Option<RttRecorder>,
    report: ReceiveReport,
    queue: QueueResult,
    ended_early: Option<String>,
}

fn run_loop(queue: QueuePair<'_>, plan: &ReceivePlan, rate: TickRate, window: Window, shared: &Shared) -> LoopResult {
    let QueuePair { number, rx, free_target, port, .. } = queue;
    let layout = Layout::new(plan.tagging, plan.frame.network());
    let classifier = plan.size.map_or(Classifier::new(layout), |size| Classifier::of_size(layout, size));
    let arrivals = Arrivals::new(classifier, window, plan.check_payload);
    let mut arrivals = if port.info().queues > 1 { arrivals.of_one_of_several_queues() } else { arrivals };
    let mut delays = plan.one_way.as_ref().map(|_| RttRecorder::new(rate));
    let mut headers = None;
    let mut slots = Slots::new();
    let mut meter = Meter::new(rate, plan.hiccup_threshold, port.info().rx_descriptors);
    let mut ending = Ending::new(rate, meter.begin(), plan.duration, plan.drain);
    shared.begin();

    let end = loop {
        let now = meter.next_iteration();
        let burst = Burst::receive(rx, free_target, &mut slots, usize::from(plan.burst.unwrap_or(USUAL_BURST)));
        let received = !burst.is_empty();
        if received {
            meter.mark_busy();
            if !rx.is_warm() {
                burst.mbufs().iter().for_each(|mbuf| prefetch_for_read(mbuf.data()));
            }
            // SAFETY: the burst owns the mbufs, each with `length` bytes in its first segment, and nothing writes to them.
            unsafe { arrivals.burst(burst.mbufs(), now, |mbuf| (mbuf.data().cast_const(), mbuf.length())) };
            if plan.keep_headers && headers.is_none() {
                headers = burst.mbufs().iter().find_map(|mbuf| {
                    // SAFETY: as above.
                    let frame = unsafe { std::slice::from_raw_parts(mbuf.data().cast_const(), mbuf.length() as usize) };
                    let is_test = classifier.classify(frame).is_test();
                    is_test.then(|| frame.iter().copied().take(HEADER_BYTES).collect())
                });
            }
            if let Some(delays) = &mut delays {
                // Not `now`: a frame can be stamped after this iteration began and before the queue was read.
                let read_at = ticks();
                // SAFETY: as above.
                let tags = burst.mbufs().iter().filter_map(|mbuf| unsafe { classifier.tag_of(mbuf.data(), mbuf.length()) });
                delays.record_burst(tags.map(|tag| tag.ticks_until(read_at)));
            }
            drop(burst);
            if arrivals.worth_showing() {
                shared.show(arrivals.counters());
            }
        }
        if let Some(end) = ending.after(now, received, shared.stop_asked(), || shared.link_was_lost()) {
            break end;
        }
    };
    let end_of_loop = meter.next_iteration();
    shared.show(arrivals.counters());
    let frames = arrivals.frames();
    let cycles = meter.cycles(end_of_loop, meter.on_cpu(), frames);
    let mut queue = QueueResult::new(number, meter.cpu(), port, meter.hiccups(), cycles);
    queue.report.frames_received = frames;
    let received_for = arrivals.span().map_or(Duration::ZERO, |(first, last)| meter.duration(last.wrapping_sub(first)));
    queue.rings.push(LoadedRing { descriptors: port.info().rx_descriptors, rate: PacketRate::between(frames, received_for.as_secs_f64()) });
    LoopResult {
        span: arrivals.span(),
        delays,
        report: ReceiveReport { headers, ..arrivals.report(rate) },
        queue,
        ended_early: end.ended_early(),
    }
}

/// The report of all loops.
fn summed(results: Vec<LoopResult>, rate: TickRate, expected: Option<PacketRate>, counters: CounterPair) -> ReceiveReport {
    let (duration, idle) = combined_span(results.iter().filter_map(|result| result.span).collect());
    let duration = meter::duration(rate, duration);
    let delays = results.iter().filter_map(|result| result.delays.clone()).reduce(|mut sum, delays| {
        sum.merge(&delays);
        sum
    });
    let ended_early = results.iter().find_map(|result| result.ended_early.clone());
    let (reports, queues): (Vec<_>, Vec<_>) = results.into_iter().map(|result| (result.report, result.queue)).unzip();
    let sum = reports.into_iter().reduce(ReceiveReport::plus).unwrap_or_default();
    ReceiveReport {
        duration,
        rate: PacketRate::between(sum.frames_received, duration.as_secs_f64()),
        longest_gap: sum.longest_gap.max(meter::duration(rate, idle)),
        one_way: delays.as_ref().and_then(RttReport::from_recorder),
        loops: LoopsReport::of(queues, expected, counters, ended_early),
        ..sum
    }
}

/// The time from the first tick of all spans to the last, and the longest time in between that no span covers.
fn combined_span(mut spans: Vec<(u64, u64)>) -> (u64, u64) {
    // All ticks are of one clock. Differences to one of them are right across the counter's wrap.
    let earlier = |a: u64, b: u64| if b.wrapping_sub(a).cast_signed() >= 0 { a } else { b };
    let Some(origin) = spans.iter().map(|span| span.0).reduce(earlier) else { return (0, 0) };
    spans.iter_mut().for_each(|(first, last)| (*first, *last) = (first.wrapping_sub(origin), last.wrapping_sub(origin)));
    spans.sort_unstable();
    spans.into_iter().fold((0, 0), |(until, idle), (first, last)| (until.max(last), idle.max(first.saturating_sub(until))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_of_all_loops_is_from_the_first_frame_to_the_last_and_its_longest_uncovered_time_is_known() {
        assert_eq!(combined_span(Vec::new()), (0, 0));
        assert_eq!(combined_span(vec![(70, 90)]), (20, 0));
        // One queue's frames arrived before the counter wrapped, those of a second 30 ticks later, and those of a third meanwhile.
        assert_eq!(combined_span(vec![(40, 100), (u64::MAX - 9, 10), (u64::MAX - 5, 5)]), (110, 30));
        assert_eq!(combined_span(vec![(0, 100), (10, 20), (50, 60)]), (100, 0));
    }
}
