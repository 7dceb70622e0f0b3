use std::sync::Arc;

use methodology::units::PacketRate;

use super::arrivals::Arrivals;
use super::plan::ReceivePlan;
use super::report::ReceiveReport;
use crate::account::latency::{RttRecorder, RttReport};
use crate::account::sequence::Window;
use crate::dpdk::{Burst, CounterPair, MAX_BURST, Parts, Port, Slots};
use crate::engine::ending::Ending;
use crate::engine::meter::{self, Meter};
use crate::engine::running::{self, Running, Shared};
use crate::error::DataplaneError;
use crate::frame::{Classifier, Layout, prefetch_for_read};
use crate::time::{ClockId, TickRate, ticks};

impl Port {
    /// Receives and counts test frames, a poll loop a queue. What the plan asks for and cannot have, [`Running::join`] says.
    pub fn receive(self, plan: ReceivePlan) -> Running<ReceiveReport> {
        let loops = usize::from(self.info().queues);
        Running::start(self, loops, move |port, shared| run(port, &plan, shared))
    }
}

fn run(port: &mut Port, plan: &ReceivePlan, shared: &[Shared]) -> Result<ReceiveReport, DataplaneError> {
    let window = Window::new(plan.window).map_err(|error| DataplaneError::Plan { what: "the window", why: error.to_string() })?;
    if !(1..=MAX_BURST).contains(&usize::from(plan.burst)) {
        return Err(DataplaneError::Plan { what: "the burst", why: format!("{} is not from 1 to {MAX_BURST}", plan.burst) });
    }
    check_clock(plan)?;
    let rate = meter::tick_rate(port)?;
    let before = port.counters();
    let (eal, name) = (Arc::clone(&port.eal), port.info().name.clone());
    let poll = |queue: Parts<'_>, shared: &Shared| Ok(receive_on(queue, plan, rate, window, shared));
    let loops = running::on_each(&eal, &name, &plan.cpus, port.split(), shared, None, poll)?;
    let report = summed(loops, rate, CounterPair { before, after: port.counters() });
    let peer_left = report.ended_early.is_some() && port.peer_stopped_its_queues();
    Ok(ReceiveReport { peer_left, ..report })
}

/// Delays between two clocks would be the difference of the clocks.
fn check_clock(plan: &ReceivePlan) -> Result<(), DataplaneError> {
    let refuse = |why: String| Err(DataplaneError::Plan { what: "one-way delay", why });
    match (&plan.one_way, ClockId::of_this_machine()) {
        (None, _) => Ok(()),
        (Some(sender), Some(own)) if *sender == own => Ok(()),
        (Some(sender), Some(own)) => refuse(format!(
            "the sender's clock is {sender} and this machine's is {own}: with two clocks only round trips can be measured (`linerate send --rtt`)"
        )),
        (Some(_), None) => refuse("this kernel has no boot id, so its clock cannot be told from another's".to_owned()),
    }
}

/// What one poll loop saw.
struct Loop {
    /// First and last test frame, in ticks.
    span: Option<(u64, u64)>,
    /// One-way delays, where they were asked for.
    delays: Option<RttRecorder>,
    report: ReceiveReport,
}

fn receive_on(queue: Parts<'_>, plan: &ReceivePlan, rate: TickRate, window: Window, shared: &Shared) -> Loop {
    let Parts { rx, home, port, .. } = queue;
    let layout = Layout::new(plan.tagging, plan.frame.network());
    let classifier = plan.size.map_or(Classifier::new(layout), |size| Classifier::of_size(layout, size));
    let mut arrivals = Arrivals::new(classifier, window, plan.check_payload);
    let mut delays = plan.one_way.as_ref().map(|_| RttRecorder::new(rate));
    let mut slots = Slots::new();
    let mut meter = Meter::new(rate, plan.hiccup_threshold);
    let mut ending = Ending::new(rate, meter.begin(), plan.duration, plan.drain);
    shared.begin();

    let end = loop {
        let now = meter.turn();
        let burst = Burst::receive(rx, home, &mut slots, usize::from(plan.burst));
        let came = !burst.is_empty();
        if came {
            meter.moves();
            if !rx.is_warm() {
                burst.frames().iter().for_each(|frame| prefetch_for_read(frame.data()));
            }
            // SAFETY: the burst owns the frames, each with `length` bytes in its first segment, and nothing writes to them.
            unsafe { arrivals.burst(burst.frames(), now, |frame| (frame.data().cast_const(), frame.length())) };
            if let Some(delays) = &mut delays {
                // Not `now`: a frame may have been stamped after this turn began and before the queue was read.
                let received = ticks();
                // SAFETY: as above.
                let tags = burst.frames().iter().filter_map(|frame| unsafe { classifier.tag_of(frame.data(), frame.length()) });
                delays.record_burst(tags.map(|tag| tag.ticks_until(received)));
            }
            drop(burst);
            if arrivals.worth_showing() {
                shared.show(arrivals.counters());
            }
        }
        if let Some(end) = ending.after(now, came, shared.stop_asked(), || !plan.outlast_link && arrivals.any() && !port.link_is_up()) {
            break end;
        }
    };
    let last_turn = meter.turn();
    shared.show(arrivals.counters());
    let report = ReceiveReport {
        hiccups: meter.hiccups(),
        cycles: meter.cycles(last_turn, meter.on_cpu(), arrivals.frames()),
        ended_early: end.ended_early(),
        ..arrivals.report(rate)
    };
    Loop { span: arrivals.span(), delays, report }
}

/// One report of what all loops saw.
fn summed(loops: Vec<Loop>, rate: TickRate, counters: CounterPair) -> ReceiveReport {
    let (duration, silence) = together(loops.iter().filter_map(|one| one.span).collect());
    let duration = meter::duration(rate, duration);
    let delays = loops.iter().filter_map(|one| one.delays.clone()).reduce(|mut all, one| {
        all.merge(&one);
        all
    });
    let sum = loops.into_iter().map(|one| one.report).reduce(ReceiveReport::and).unwrap_or_default();
    ReceiveReport {
        duration,
        rate: PacketRate::from_count(sum.frames_received, duration.as_secs_f64()),
        longest_gap: sum.longest_gap.max(meter::duration(rate, silence)),
        one_way: delays.as_ref().and_then(RttReport::from_recorder),
        counters,
        ..sum
    }
}

/// From the first to the last of all spans, and the longest time between that none of them covers.
fn together(mut spans: Vec<(u64, u64)>) -> (u64, u64) {
    // Ticks are of one clock; differences from one of them do not care about its wrap.
    let earlier = |a: u64, b: u64| if b.wrapping_sub(a).cast_signed() >= 0 { a } else { b };
    let Some(origin) = spans.iter().map(|span| span.0).reduce(earlier) else { return (0, 0) };
    spans.iter_mut().for_each(|(first, last)| (*first, *last) = (first.wrapping_sub(origin), last.wrapping_sub(origin)));
    spans.sort_unstable();
    spans.into_iter().fold((0, 0), |(until, silence), (first, last)| (until.max(last), silence.max(first.saturating_sub(until))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loops_of_a_sink_together_last_from_the_first_frame_to_the_last_and_know_the_silence_between_them() {
        assert_eq!(together(Vec::new()), (0, 0));
        assert_eq!(together(vec![(70, 90)]), (20, 0));
        // One queue's frames came before the wrap of the counter, the next one's 30 later, and a third's meanwhile.
        assert_eq!(together(vec![(40, 100), (u64::MAX - 9, 10), (u64::MAX - 5, 5)]), (110, 30));
        assert_eq!(together(vec![(0, 100), (10, 20), (50, 60)]), (100, 0));
    }
}
