use std::sync::Arc;

use methodology::units::PacketRate;

use super::arrivals::Arrivals;
use super::ending::Ending;
use super::meter::{self, Meter};
use super::plan::ReceivePlan;
use super::running::{self, Running, Shared};
use crate::burst::{Burst, MAX_BURST, Slots};
use crate::error::DataplaneError;
use crate::frame::{Classifier, Layout};
use crate::pace::TickRate;
use crate::port::{Parts, Port};
use crate::report::{CounterPair, ReceiveReport};
use crate::sequence::Window;

/// Starts a sink. What the plan asks for and cannot have, `join` says.
pub(crate) fn receive(port: Port, plan: ReceivePlan) -> Running<ReceiveReport> {
    let loops = usize::from(port.info().queues);
    Running::start(port, loops, move |port, shared| run(port, &plan, shared))
}

fn run(port: &mut Port, plan: &ReceivePlan, shared: &[Shared]) -> Result<ReceiveReport, DataplaneError> {
    let window = Window::new(plan.window).map_err(|error| DataplaneError::Plan { what: "the window", why: error.to_string() })?;
    if !(1..=MAX_BURST).contains(&usize::from(plan.burst)) {
        return Err(DataplaneError::Plan { what: "the burst", why: format!("{} is not from 1 to {MAX_BURST}", plan.burst) });
    }
    let rate = meter::tick_rate(port)?;
    let before = port.counters();
    let (eal, name) = (Arc::clone(&port.eal), port.info().name.clone());
    let loops =
        running::on_each(&eal, &name, &plan.cpus, port.split(), shared, |queue, shared| Ok(receive_on(queue, plan, rate, window, shared)))?;
    Ok(summed(loops, rate, CounterPair { before, after: port.counters() }))
}

/// What one poll loop saw.
struct Loop {
    /// First and last test frame, in ticks.
    span: Option<(u64, u64)>,
    report: ReceiveReport,
}

fn receive_on(queue: Parts<'_>, plan: &ReceivePlan, rate: TickRate, window: Window, shared: &Shared) -> Loop {
    let Parts { rx, home, link, .. } = queue;
    let layout = Layout::new(plan.tagging, plan.frame.network());
    let classifier = plan.size.map_or(Classifier::new(layout), |size| Classifier::of_size(layout, size));
    let mut arrivals = Arrivals::new(classifier, window, plan.check_payload);
    let mut slots = Slots::new();
    let mut meter = Meter::new(rate, plan.hiccup_threshold);
    let mut ending = Ending::new(rate, meter.begin(), plan.duration, plan.drain);

    let end = loop {
        let now = meter.turn();
        let burst = Burst::receive(rx, home, &mut slots, usize::from(plan.burst));
        let came = !burst.is_empty();
        if came {
            meter.moves();
            // SAFETY: the burst owns the frames, each with `length` bytes in its first segment, and nothing writes to them.
            unsafe { arrivals.whole_burst(burst.frames(), now, |frame| (frame.data().cast_const(), frame.length())) };
            drop(burst);
            if arrivals.worth_showing() {
                shared.show(arrivals.counters());
            }
        }
        if let Some(end) = ending.after(now, came, shared.stop_asked(), || arrivals.any() && !link.is_up()) {
            break end;
        }
    };
    let last_turn = meter.turn();
    shared.show(arrivals.counters());
    let report = ReceiveReport {
        hiccups: meter.hiccups(),
        cycles: meter.cycles(last_turn, arrivals.frames()),
        ended_early: end.ended_early(),
        ..arrivals.report(rate)
    };
    Loop { span: arrivals.span(), report }
}

/// One report of what all loops saw.
fn summed(loops: Vec<Loop>, rate: TickRate, counters: CounterPair) -> ReceiveReport {
    let spans = || loops.iter().filter_map(|one| one.span);
    // Ticks are of one clock; differences from one of them do not care about its wrap.
    let span = spans()
        .map(|(first, _)| first)
        .reduce(|a, b| if b.wrapping_sub(a) as i64 >= 0 { a } else { b })
        .map(|first| spans().map(|(_, last)| last.wrapping_sub(first)).max().unwrap_or(0));
    let duration = meter::duration(rate, span.unwrap_or(0));
    let mut sum = loops.into_iter().map(|one| one.report).reduce(ReceiveReport::and).unwrap_or_default();
    sum.duration = duration;
    sum.rate = PacketRate::from_count(sum.frames_received, duration.as_secs_f64());
    sum.counters = counters;
    sum
}
