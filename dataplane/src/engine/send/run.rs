//! The generator: sends frames when they are due, and accounts for every one that was.

use std::sync::Arc;
use std::time::Duration;

use methodology::units::PacketRate;

use super::load::{Load, Turn};
use super::pacer::{self, Pacer};
use super::plan::SendPlan;
use super::probe::{Probe, Probes};
use super::report::{SendReport, SentStream};
use super::returns::{Arrival, Returned, Returns};
use super::source::{self, Source, Sources};
use crate::account::gaps::GapReport;
use crate::account::hiccup::HiccupReport;
use crate::dpdk::{CounterPair, Home, MAX_BURST, Parts, Port, PortView, RxQueue, Slots};
use crate::engine::ending::LINK_LOST;
use crate::engine::meter::{self, CycleReport, Meter};
use crate::engine::running::{self, Running, Shared};
use crate::error::DataplaneError;
use crate::frame::Classifier;
use crate::frame::pcap::Capture;
use crate::time::{ClockId, LatenessReport, TickRate};

impl Port {
    /// Sends test frames, a poll loop a queue. The port comes back from [`Running::join`]; it is closed where the plan is refused.
    pub fn send(mut self, plan: SendPlan) -> Result<Running<SendReport>, DataplaneError> {
        check(&plan)?;
        pacer::check(&self, &plan)?;
        let sources = source::prepare(&mut self, &plan)?;
        let loops = sources.each.len();
        Ok(Running::start(self, loops, move |port, shared| run(port, &plan, sources, shared)))
    }
}

fn check(plan: &SendPlan) -> Result<(), DataplaneError> {
    let refuse = |what: &'static str, why: &str| Err(DataplaneError::Plan { what, why: why.to_owned() });
    if !(1..=MAX_BURST).contains(&usize::from(plan.burst)) {
        return refuse("the burst", &format!("{} is not from 1 to {MAX_BURST}", plan.burst));
    }
    if plan.duration.is_zero() || plan.frames == Some(0) {
        return refuse("the duration", "a trial takes longer than 0 s and has at least one frame");
    }
    if let Some(step) = plan.then {
        if !matches!(plan.pace, methodology::units::Pace::Rate(_)) {
            return refuse("a step of the rate", "it leads from one rate to another: give the first one as a rate, not as max");
        }
        if step.after.is_zero() || step.after >= plan.duration {
            return refuse("a step of the rate", "it comes after the beginning and before the end of the trial");
        }
    }
    if plan.probe.is_some() && !plan.rtt {
        return refuse("a probe stream", "it measures round-trip times: ask for those too");
    }
    Ok(())
}

/// What one poll loop did.
struct Part {
    sent: Sent,
    probes: Probes,
    intended: u64,
    duration: Duration,
    lateness: Option<LatenessReport>,
    gaps: GapReport,
    hiccups: HiccupReport,
    cycles: CycleReport,
    returned: Option<Returned>,
    ended_early: Option<String>,
}

/// Counts of a poll loop.
#[derive(Default)]
struct Sent {
    taken: u64,
    unsent: u64,
    /// Number of the first frame after a step of the rate.
    step_at: Option<u64>,
}

fn run(port: &mut Port, plan: &SendPlan, sources: Sources, shared: &[Shared]) -> Result<SendReport, DataplaneError> {
    let rate = meter::tick_rate(port)?;
    let Sources { each, mut probe, classifier, capture } = sources;
    let loops = each.len() as u16;
    let limit = pacer::queue_limit(plan, loops);
    if let Some(mbps) = limit
        && let Err(refused) = port.limit_queues(loops, mbps)
    {
        // Those that took it must not keep it: the port may send at another rate next.
        let _ = port.limit_queues(loops, 0);
        return Err(refused);
    }
    let before = port.counters();
    let (eal, name) = (Arc::clone(&port.eal), port.info().name.clone());
    let mut queues = port.split();
    let watched = queues.first().map(|queue| queue.port).filter(|_| !plan.outlast_link);
    // Where there is a queue more than there are loops it is the probe's.
    let mut own = (queues.len() > each.len()).then(|| queues.pop()).flatten();
    let work = each.into_iter().zip(queues).zip(0..).map(|((source, queue), number)| Work {
        source,
        queue,
        number,
        loops,
        probe: probe.take().map(|source| (source, own.take())),
    });
    let trial = Trial { plan, rate, classifier, capture: capture.as_deref() };
    let parts = running::on_each(&eal, &name, &plan.cpus, work.collect(), shared, watched, |work, shared| trial.send_on(work, shared));
    port.has_sent();
    pacer::settle(plan);
    let after = port.counters();
    if limit.is_some() {
        port.limit_queues(loops, 0)?;
    }
    Ok(summed(plan, parts?, CounterPair { before, after }))
}

/// What one poll loop shall do.
struct Work<'p> {
    source: Source,
    queue: Parts<'p>,
    number: u16,
    loops: u16,
    /// The probe stream and its queue, where it has one of its own.
    probe: Option<(Source, Option<Parts<'p>>)>,
}

/// What all poll loops of a trial have in common.
struct Trial<'t> {
    plan: &'t SendPlan,
    rate: TickRate,
    classifier: Option<Classifier>,
    capture: Option<&'t Capture>,
}

impl Trial<'_> {
    fn meter(&self) -> Meter {
        Meter::new(self.rate, self.plan.hiccup_threshold)
    }

    fn returns<'p>(
        &self,
        loops: u16,
        rx: &'p mut RxQueue,
        home: Home<'p>,
        port: PortView<'p>,
    ) -> Result<Option<Returns<'p>>, DataplaneError> {
        let wanted = self.classifier.filter(|_| self.plan.rtt);
        wanted.map(|classifier| Ok(Returns::new(self.plan, loops, classifier, Arrival::new(port, self.rate)?, rx, home))).transpose()
    }

    fn send_on(&self, work: Work<'_>, shared: &Shared) -> Result<Part, DataplaneError> {
        let plan = self.plan;
        let Work { mut source, queue: Parts { rx, tx, home, tx_pools: pools, port }, number, loops, probe } = work;
        let mut returns = self.returns(loops, rx, home, port)?;
        let mut slots = Slots::new();
        let mut pacer = Pacer::new(plan, port, self.rate)?;
        // Whatever reads a clock for a while does so before the loop's time begins.
        let probe = match probe {
            None => None,
            Some((source, own)) => {
                let own = own.map(|queue| Ok((queue.tx, self.returns(loops, queue.rx, queue.home, queue.port)?))).transpose()?;
                Some((source, own))
            }
        };
        let most = pacer.most(plan);
        let mut meter = self.meter();
        returns.iter_mut().for_each(|returns| returns.begin(plan, &meter));
        let mut load = Load::new(plan, self.capture, &meter, pacer.ahead(), number, loops)?;
        let mut probe = probe.map(|(source, own)| Probe::new(plan, source, own, &meter)).transpose()?;
        let mut sent = Sent::default();
        let mut ended_early = None;
        let mut last_sent = meter.begin();
        shared.begin();

        while !shared.stop_asked() {
            let now = meter.turn();
            if let Some(returns) = &mut returns {
                returns.collect();
            }
            if let Some(probe) = &mut probe {
                probe.turn(now, tx, pools, &mut slots);
            }
            let (count, due) = match load.turn(now, meter.away_until(), most) {
                Turn::Send(count, due) => (count, due),
                Turn::Wait => continue,
                Turn::Step => {
                    sent.step_at = Some(sent.taken);
                    continue;
                }
                Turn::End => break,
                Turn::TooLate(why) => {
                    ended_early = Some(why);
                    break;
                }
            };
            let Some(mut burst) = source.take(pools, &mut slots, count) else {
                // The driver holds every frame: it frees some when it is asked to send, which only a schedule's next frames will do.
                sent.unsent += load.missed(count as u64);
                continue;
            };
            let leaves = pacer.mark(burst.frames(), now, due, load.gap());
            source.write(burst.frames(), leaves);
            meter.moves();
            loop {
                let offered = burst.len();
                burst = burst.submit(tx);
                sent.taken += (offered - burst.len()) as u64;
                if burst.is_empty() {
                    last_sent = now;
                    break;
                }
                let later = meter.turn();
                if let Some(returns) = &mut returns {
                    returns.collect();
                }
                if offered > burst.len() {
                    last_sent = later;
                }
                if later.wrapping_sub(now) > load.retry() || shared.stop_asked() {
                    source.rewind(burst.len() as u64);
                    sent.unsent += burst.len() as u64;
                    break;
                }
                std::hint::spin_loop();
            }
            shared.show([sent.taken, sent.unsent, returns.as_ref().map_or(0, Returns::received), 0, 0, 0, 0]);
        }
        let end = meter.turn();
        // Now: waiting for frames to come back is no part of the time that it is held against.
        let on_cpu = meter.on_cpu();
        let probes = probe.as_ref().map_or(Probes::default(), Probe::sent);
        let here = if probe.as_ref().is_some_and(Probe::has_own_queue) { 0 } else { probes.taken };
        let returned = returns.map(|returns| returns.finish(plan, sent.taken + here, &mut meter, shared));
        let elsewhere = probe.and_then(|probe| probe.finish(plan, &mut meter, shared));
        // Also where it went down while frames came back.
        ended_early = shared.link_was_lost().then(|| LINK_LOST.to_owned()).or(ended_early);
        // A schedule covers the time up to its last frame; at maximum load the time is what was asked for, or until it was told to stop.
        let covered = if load.is_paced() { last_sent } else { end }.wrapping_sub(meter.begin());
        Ok(Part {
            intended: load.intended(sent.taken + sent.unsent),
            duration: meter.duration(covered),
            lateness: load.lateness(),
            gaps: load.gaps(),
            hiccups: meter.hiccups(),
            cycles: meter.cycles(end, on_cpu, sent.taken),
            sent,
            probes,
            returned: Returned::all(returned.into_iter().chain(elsewhere)),
            ended_early,
        })
    }
}

/// One report of what all loops did.
fn summed(plan: &SendPlan, parts: Vec<Part>, counters: CounterPair) -> SendReport {
    let loops = parts.len() as u16;
    let (stream, clock, checksums) = (plan.stream, ClockId::of_this_machine(), plan.checksums());
    let mut report = SendReport { stream, clock, checksums, counters, ..SendReport::default() };
    let mut returned: Option<Returned> = None;
    for (part, number) in parts.into_iter().zip(0..) {
        let offered = part.sent.taken + part.sent.unsent;
        report.frames_sent += part.sent.taken + part.probes.taken;
        report.frames_unsent += part.sent.unsent + part.probes.unsent;
        report.intended_frames += part.intended + part.probes.taken + part.probes.unsent;
        report.frames_skipped += part.intended.saturating_sub(offered);
        report.streams.push(SentStream { stream: plan.stream_of(number), frames: part.sent.taken, step_at: part.sent.step_at });
        if plan.probe.is_some() && number == 0 {
            report.streams.push(SentStream { stream: plan.stream_of(loops), frames: part.probes.taken, step_at: None });
        }
        report.duration = report.duration.max(part.duration);
        report.lateness = match (report.lateness, part.lateness) {
            (Some(all), Some(one)) => Some(all.and(&one)),
            (all, one) => all.or(one),
        };
        report.gaps = report.gaps.and(&part.gaps);
        report.hiccups = report.hiccups.and(&part.hiccups);
        report.cycles = report.cycles.and(&part.cycles);
        returned = Returned::all(returned.into_iter().chain(part.returned));
        report.ended_early = report.ended_early.or(part.ended_early);
    }
    report.pacing = pacer::report(plan, loops, &report.counters);
    report.rate = PacketRate::from_count(report.frames_sent, report.duration.as_secs_f64());
    if let Some((frames, rtt)) = returned.map(|returned| returned.report(report.frames_sent)) {
        (report.returned, report.rtt) = (Some(frames), rtt);
    }
    report
}
