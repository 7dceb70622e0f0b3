use std::sync::Arc;
use std::time::Duration;

use methodology::units::PacketRate;

use super::plan::ReflectPlan;
use super::report::ReflectReport;
use crate::account::latency::{RttRecorder, RttReport};
use crate::dpdk::{Burst, CounterPair, MAX_BURST, Parts, Port, Slots};
use crate::engine::ending::Ending;
use crate::engine::meter::{self, Meter};
use crate::engine::running::{self, Running, Shared};
use crate::error::DataplaneError;
use crate::frame::reflect::turn_round;
use crate::frame::{Classifier, Layout, prefetch_for_write};
use crate::time::{TickRate, ticks};

/// How long a burst is offered again before it counts as unsent.
const RETRY: Duration = Duration::from_micros(100);

impl Port {
    /// Sends test frames back to where they came from, a poll loop a queue. What the plan asks for and cannot have, [`Running::join`] says.
    pub fn reflect(self, plan: ReflectPlan) -> Running<ReflectReport> {
        let loops = usize::from(self.info().queues);
        Running::start(self, loops, move |port, shared| run(port, &plan, shared))
    }
}

fn run(port: &mut Port, plan: &ReflectPlan, shared: &[Shared]) -> Result<ReflectReport, DataplaneError> {
    if !(1..=MAX_BURST).contains(&usize::from(plan.burst)) {
        return Err(DataplaneError::Plan { what: "the burst", why: format!("{} is not from 1 to {MAX_BURST}", plan.burst) });
    }
    let rate = meter::tick_rate(port)?;
    let before = port.counters();
    let (eal, name) = (Arc::clone(&port.eal), port.info().name.clone());
    let poll = |queue: Parts<'_>, shared: &Shared| Ok(reflect_on(queue, plan, rate, shared));
    let loops = running::on_each(&eal, &name, &plan.cpus, port.split(), shared, None, poll)?;
    port.has_sent();
    let report = summed(loops, CounterPair { before, after: port.counters() });
    let peer_left = report.ended_early.is_some() && port.peer_stopped_its_queues();
    Ok(ReflectReport { peer_left, ..report })
}

/// What one poll loop did.
struct Loop {
    residence: RttRecorder,
    report: ReflectReport,
}

/// One report of what all loops did.
fn summed(loops: Vec<Loop>, counters: CounterPair) -> ReflectReport {
    let sum = loops.into_iter().reduce(|mut all, one| {
        all.residence.merge(&one.residence);
        Loop { report: all.report.and(one.report), ..all }
    });
    let Some(Loop { residence, report }) = sum else { return ReflectReport::default() };
    let rate = PacketRate::from_count(report.frames_sent, report.duration.as_secs_f64());
    ReflectReport { residence: RttReport::from_recorder(&residence), rate, counters, ..report }
}

fn reflect_on(queue: Parts<'_>, plan: &ReflectPlan, rate: TickRate, shared: &Shared) -> Loop {
    let Parts { rx, tx, home, port, .. } = queue;
    let layout = Layout::new(plan.tagging, plan.frame.network());
    let classifier = Classifier::new(layout);
    let mut residence = RttRecorder::new(rate);
    let mut slots = Slots::new();
    let mut meter = Meter::new(rate, plan.hiccup_threshold);
    let mut ending = Ending::new(rate, meter.begin(), plan.duration, plan.drain);
    let retry = meter.ticks(RETRY);
    let (mut received, mut sent, mut unsent, mut foreign) = (0u64, 0u64, 0u64, 0u64);
    let (mut first, mut last) = (None, 0);
    let mut goes_back = [true; MAX_BURST];
    shared.begin();

    let end = loop {
        let now = meter.turn();
        let mut burst = Burst::receive(rx, home, &mut slots, usize::from(plan.burst));
        let came = !burst.is_empty();
        if came {
            meter.moves();
            // As the sender times what returns: after the queue was read.
            let arrived = ticks();
            received += burst.len() as u64;
            for frame in burst.frames() {
                prefetch_for_write(frame.data());
            }
            // SAFETY: the burst owns the frames, each with `length` bytes in its first segment, and nothing writes to them here.
            if !unsafe { classifier.are_tests(burst.frames(), |frame| (frame.data().cast_const(), frame.length())) } {
                let all = burst.len();
                // SAFETY: as above.
                burst.retain(|_, frame| unsafe { classifier.tag_of(frame.data(), frame.length()) }.is_some());
                foreign += (all - burst.len()) as u64;
            }
            let mut expired = 0;
            // SAFETY: test frames of this layout, owned by the burst.
            unsafe {
                turn_round(
                    burst.frames(),
                    layout,
                    |frame| frame.data(),
                    |place| {
                        goes_back[place] = false;
                        expired += 1;
                    },
                );
            }
            if expired > 0 {
                unsent += expired;
                burst.retain(|place, _| goes_back[place]);
                goes_back = [true; MAX_BURST];
            }
            let (turned, sent_before) = (burst.len(), sent);
            while !burst.is_empty() {
                let offered = burst.len();
                burst = burst.submit(tx);
                sent += (offered - burst.len()) as u64;
                if burst.is_empty() {
                    break;
                }
                if meter.turn().wrapping_sub(now) > retry || shared.stop_asked() {
                    unsent += burst.len() as u64;
                    break;
                }
                std::hint::spin_loop();
            }
            drop(burst);
            if turned > 0 {
                // Each frame counts, as each round trip does: a share of frames cannot be compared with a share of bursts.
                residence.record_many(ticks().wrapping_sub(arrived), sent - sent_before);
                first.get_or_insert(now);
                last = now;
            }
            shared.show([received, sent, unsent, foreign, 0, 0, 0]);
        }
        if let Some(end) = ending.after(now, came, shared.stop_asked(), || received > 0 && !port.link_is_up()) {
            break end;
        }
    };
    let last_turn = meter.turn();
    let report = ReflectReport {
        frames_received: received,
        frames_sent: sent,
        unsent,
        foreign,
        duration: meter.duration(first.map_or(0, |first| last.wrapping_sub(first))),
        hiccups: meter.hiccups(),
        cycles: meter.cycles(last_turn, meter.on_cpu(), received),
        ended_early: end.ended_early(),
        ..ReflectReport::default()
    };
    Loop { residence, report }
}
