//! The sender's poll loops, and the report of all of them.

use std::sync::Arc;
use std::time::Duration;

use methodology::units::{L1Rate, L2Rate, Nanoseconds, Pace, PacketRate};

use super::arriving::Arriving;
use super::drain::drain;
use super::in_flight::InFlight;
use super::load::{Action, Load};
use super::pacer::{self, Pacer};
use super::plan::SendPlan;
use super::probe::{OwnQueue, Probe, ProbeCounts};
use super::report::{SendCounters, SendReport, SentStream};
use super::returns::{ArrivalClock, Returned, Returns};
use super::source::{self, Source, Sources};
use crate::account::gaps::GapReport;
use crate::account::hiccup::HiccupRecorder;
use crate::dpdk::{Burst, CounterPair, FreeTarget, Port, PortView, QueuePair, RxQueue, Slots};
use crate::engine::burst;
use crate::engine::ending::LINK_LOST;
use crate::engine::full_ring::FullRing;
use crate::engine::left_in_ring::{self, LeftInRing};
use crate::engine::loops_report::LoopsReport;
use crate::engine::meter::{self, CycleReport, Meter};
use crate::engine::queue_report::{LoadedRing, QueueResult};
use crate::engine::running::{self, LinkEnd, Running, WatchedLink};
use crate::engine::sink::ReceiveReport;
use crate::error::DataplaneError;
use crate::frame::Classifier;
use crate::frame::pcap::Capture;
use crate::time::{BootId, LatenessReport, TickRate, ticks};

type Shared = running::Shared<SendCounters>;

impl Port {
    /// Sends test frames, with one poll loop for each queue. [`Running::join`] returns the port. If the plan is refused, the port is
    /// closed.
    pub fn send(mut self, plan: SendPlan) -> Result<Running<SendReport>, DataplaneError> {
        check(&plan, self.info().queues)?;
        pacer::check(&self, &plan)?;
        let sources = source::prepare(&mut self, &plan)?;
        let loops = sources.each.len();
        Ok(Running::start(self, loops, move |port, shared| run(port, &plan, sources, shared)))
    }
}

fn check(plan: &SendPlan, queues: u16) -> Result<(), DataplaneError> {
    let refuse = |what: &'static str, why: &str| Err(DataplaneError::Plan { what, why: why.to_owned() });
    burst::check(plan.burst)?;
    if plan.duration.is_zero() || plan.frames == Some(0) {
        return refuse("the duration", "a trial must last longer than 0 s and send at least one frame");
    }
    if let Some(step) = plan.then {
        if !matches!(plan.pace, Pace::Rate(_)) {
            return refuse("the rate step", "it changes one rate to another: give the first rate as a number, not as max");
        }
        if step.after.is_zero() || step.after >= plan.duration {
            return refuse("the rate step", "it must come after the start and before the end of the trial");
        }
    }
    if plan.both_ways && plan.rtt {
        return refuse("both directions", "round-trip times are of frames that return: ask for one or the other");
    }
    if plan.both_ways && queues != 1 {
        return refuse("both directions", &format!("one poll loop sends and counts, so the port needs one queue, not {queues}"));
    }
    if plan.probe.is_some() && !plan.rtt {
        return refuse("the probe stream", "it measures round-trip times: request round-trip times too");
    }
    Ok(())
}

/// The result of one poll loop.
struct LoopResult {
    sent: SentCounts,
    probes: ProbeCounts,
    /// Bytes of frames and probes that were sent, FCS included.
    bytes: u64,
    intended: u64,
    duration: Duration,
    lateness: Option<LatenessReport>,
    gaps: GapReport,
    returned: Option<Returned>,
    /// Frames of the other end.
    arrived: Option<ReceiveReport>,
    /// This loop's queue, and the probe's own queue where it drives one.
    queues: Vec<QueueResult>,
    ended_early: Option<String>,
}

/// Frames of one poll loop's stream.
#[derive(Default)]
struct SentCounts {
    accepted: u64,
    /// Bytes of the accepted frames, without FCS.
    bytes: u64,
    unsent: u64,
    /// Sequence number of the first frame after the rate step.
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
        // Some queues may have accepted the limit. Remove it: the port may send at another rate next.
        let _ = port.limit_queues(loops, 0);
        return Err(refused);
    }
    let before = port.counters();
    let (eal, name) = (Arc::clone(port.eal()), port.info().name.clone());
    let mut queues = port.queue_pairs();
    let watched = WatchedLink::of(&queues, LinkEnd::Sender, |counters: SendCounters| counters.frames_sent);
    let watched = watched.filter(|_| !plan.outlast_link);
    // If there are more queues than loops, the last queue is the probe's.
    let mut probe_queue = (queues.len() > each.len()).then(|| queues.pop()).flatten();
    let work = each.into_iter().zip(queues).zip(0..).map(|((source, queue), number)| LoopWork {
        source,
        queue,
        number,
        loops,
        probe: probe.take().map(|source| (source, probe_queue.take())),
    });
    let in_flight = InFlight::new(loops, ticks());
    let trial = Trial { plan, rate, classifier, capture: capture.as_deref(), in_flight: &in_flight };
    let results = running::run_loops(&eal, &name, &plan.cpus, work.collect(), shared, watched, |work, shared| trial.run_loop(work, shared));
    port.has_sent();
    pacer::wait_until_sent(plan);
    let after = port.counters();
    if limit.is_some() {
        port.limit_queues(loops, 0)?;
    }
    Ok(summed(plan, results?, CounterPair { before, after }))
}

/// The work of one poll loop.
struct LoopWork<'p> {
    source: Source,
    queue: QueuePair<'p>,
    number: u16,
    loops: u16,
    /// The probe stream, and its queue where it has its own.
    probe: Option<(Source, Option<QueuePair<'p>>)>,
}

/// What all poll loops of a trial share.
struct Trial<'t> {
    plan: &'t SendPlan,
    rate: TickRate,
    classifier: Option<Classifier>,
    capture: Option<&'t Capture>,
    in_flight: &'t InFlight,
}

impl Trial<'_> {
    fn returns<'p>(
        &self,
        loops: u16,
        rx: &'p mut RxQueue,
        free_target: FreeTarget<'p>,
        port: PortView<'p>,
    ) -> Result<Option<Returns<'p>>, DataplaneError> {
        let Some(classifier) = self.classifier.filter(|_| self.plan.rtt) else { return Ok(None) };
        let arrival = ArrivalClock::new(port, self.rate)?;
        Ok(Some(Returns::new(self.plan, loops, classifier, arrival, rx, free_target, port.info().rx_descriptors)))
    }

    fn run_loop(&self, work: LoopWork<'_>, shared: &Shared) -> Result<LoopResult, DataplaneError> {
        let plan = self.plan;
        let LoopWork { mut source, queue, number, loops, probe } = work;
        let QueuePair { number: queue, rx, tx, free_target, tx_pools: pools, port } = queue;
        // Each receives on the queue, and only one of them is asked for.
        let (mut arriving, mut returns) = if plan.both_ways {
            (Some(Arriving::new(plan, rx, free_target, port.info().rx_descriptors)), None)
        } else {
            (None, self.returns(loops, rx, free_target, port)?)
        };
        let mut slots = Slots::new();
        let mut pacer = Pacer::new(plan, port, self.rate)?;
        // Port clocks are read for a while to calibrate them; that ends before the meter starts.
        let mut probe_queue = None;
        let probe = match probe {
            None => None,
            Some((source, own)) => {
                let own = own.map(|queue| {
                    probe_queue = Some(queue.number);
                    let returns = self.returns(loops, queue.rx, queue.free_target, queue.port)?;
                    Ok(OwnQueue { tx: queue.tx, pools: queue.tx_pools, returns })
                });
                Some((source, own.transpose()?))
            }
        };
        let most = pacer.largest_burst(plan, burst::chosen(plan.burst, port.info()));
        let mut meter = Meter::new(self.rate, plan.hiccup_threshold, port.info().rx_descriptors.min(port.info().tx_descriptors));
        if let Some(arriving) = &mut arriving {
            shared.begin();
            arriving.wait_to_send(&mut meter, shared);
            meter.restart();
        }
        returns.iter_mut().for_each(|returns| returns.begin(plan, &meter, self.in_flight.begin()));
        let mut load = Load::new(plan, self.capture, &meter, pacer.ahead(), number, loops)?;
        let mut probe = probe.map(|(source, own)| Probe::new(plan, source, own, &meter, self.in_flight.begin())).transpose()?;
        let mut sent = SentCounts::default();
        let mut ended_early = None;
        let mut last_sent = meter.begin();
        let (fixed_length, timed) = (source.fixed_length(), load.times_each_frame());
        // Where all frames have one length the bytes are known without looking at them.
        let varied_bytes = |burst: &Burst<'_>| match fixed_length {
            Some(_) => 0,
            None => burst.mbufs().iter().map(|mbuf| u64::from(mbuf.length())).sum::<u64>(),
        };
        let mut completed = false;
        let full_ring = FullRing::new(&meter, port.info().tx_descriptors, load.retry());
        let mut left_in_ring = LeftInRing::new(&meter);
        shared.begin();

        while !shared.stop_asked() {
            let now = meter.next_iteration();
            if let Some(returns) = &mut returns {
                returns.collect();
            }
            if let Some(arriving) = &mut arriving
                && arriving.collect(now)
            {
                meter.mark_busy();
            }
            if let Some(probe) = &mut probe {
                probe.poll(now, tx, pools, &mut slots);
            }
            let (count, due) = match load.next(now, meter.stalled_until(), most) {
                Action::Send { count, due, left_out } => {
                    if timed && left_out > 0 {
                        source.leave_out(left_out);
                    }
                    (count, due)
                }
                Action::Wait => {
                    left_in_ring.ask(now, sent.accepted, tx);
                    continue;
                }
                Action::RateChanged => {
                    sent.step_at = Some(sent.accepted);
                    continue;
                }
                Action::End => {
                    completed = true;
                    break;
                }
                Action::TooLate(why) => {
                    ended_early = Some(why);
                    break;
                }
            };
            let Some(mut burst) = source.take(pools, &mut slots, count) else {
                // The driver holds every mbuf of the pool.
                tx.reclaim();
                sent.unsent += load.missed(count as u64);
                if timed {
                    source.leave_out(count as u64);
                }
                continue;
            };
            if burst.len() < count {
                let missing = (count - burst.len()) as u64;
                sent.unsent += load.missed(missing);
                if timed {
                    source.leave_out(missing);
                }
            }
            let stamp_time = pacer.set_send_times(burst.mbufs(), now, due, load.gap());
            source.write(burst.mbufs(), stamp_time);
            meter.mark_busy();
            sent.bytes += varied_bytes(&burst);
            let (mut later, mut offers) = (now, full_ring.offers_from(now));
            loop {
                if offers.is_due(later) {
                    let offered = burst.len();
                    burst = burst.submit(tx);
                    if burst.len() < offered {
                        sent.accepted += (offered - burst.len()) as u64;
                        last_sent = later;
                    }
                    if burst.is_empty() {
                        break;
                    }
                    offers.refused();
                }
                later = meter.next_iteration();
                if let Some(returns) = &mut returns {
                    returns.collect();
                }
                if let Some(arriving) = &mut arriving {
                    arriving.collect(later);
                }
                if later.wrapping_sub(now) > load.retry() || shared.stop_asked() {
                    source.rewind(burst.len() as u64, timed);
                    sent.bytes -= varied_bytes(&burst);
                    sent.unsent += burst.len() as u64;
                    break;
                }
                std::hint::spin_loop();
            }
            let frames_returned = returns.as_ref().map_or(0, Returns::received);
            shared.show(SendCounters { frames_sent: sent.accepted, frames_unsent: sent.unsent, frames_returned });
        }
        let end = meter.next_iteration();
        // Read before the drain, which is not part of the time until `end`.
        let on_cpu = meter.on_cpu();
        let probes = probe.as_ref().map_or(ProbeCounts::default(), Probe::sent);
        let probe_bytes = probe.as_ref().map_or(0, Probe::bytes);
        let taken_of_probe = probe.as_ref().and_then(Probe::own_tx).map_or(Ok(()), left_in_ring::empty);
        let waited = returns.as_mut().map(|returns| {
            let mut queues = vec![returns];
            queues.extend(probe.as_mut().and_then(Probe::own_returns));
            let ask = |now| left_in_ring.ask(now, sent.accepted, tx);
            drain(plan, self.in_flight, sent.accepted + probes.accepted, &mut queues, &mut meter, shared, ask)
        });
        let exchanged = sent.accepted + arriving.as_ref().map_or(0, Arriving::frames);
        if let Some(arriving) = &mut arriving {
            arriving.drain(plan, &mut meter, shared, |now| left_in_ring.ask(now, sent.accepted, tx));
        }
        let taken = left_in_ring::empty(tx).and(taken_of_probe);
        // Checked after the drain: the link may go down during it.
        let not_taken = taken.err().map(str::to_owned);
        ended_early = shared.link_was_lost().then(|| LINK_LOST.to_owned()).or(ended_early).or(not_taken);
        let since_begin = |tick: u64| meter.duration(tick.wrapping_sub(meter.begin()));
        let duration = if completed { load.offered_time(since_begin(last_sent), since_begin(end)) } else { since_begin(end) };
        sent.bytes += fixed_length.map_or(0, |length| sent.accepted * u64::from(length));

        let cycles = meter.cycles(end, on_cpu, exchanged);
        let rate_of = |frames: u64| Some(PacketRate::from_count(frames, since_begin(end).as_secs_f64()));
        let mut own_queue = QueueResult::new(queue, meter.cpu(), port, meter.hiccups(), cycles);
        own_queue.report.frames_sent = sent.accepted + if probe_queue.is_some() { 0 } else { probes.accepted };
        if plan.pace == Pace::Max {
            // While the loop is interrupted, the port sends what is in its ring.
            own_queue.rings.push(LoadedRing { descriptors: port.info().tx_descriptors, rate: rate_of(own_queue.report.frames_sent) });
        }
        if let Some(returns) = &returns {
            own_queue.report.frames_received = returns.frames();
            own_queue.rings.push(LoadedRing { descriptors: port.info().rx_descriptors, rate: rate_of(returns.frames()) });
        }
        if let Some(arriving) = &arriving {
            own_queue.report.frames_received = arriving.frames();
            own_queue.rings.push(LoadedRing { descriptors: port.info().rx_descriptors, rate: rate_of(arriving.frames()) });
        }
        let mut queues = vec![own_queue];
        let probe_returns = probe.and_then(Probe::into_own_returns);
        if let Some(number) = probe_queue {
            // The same loop serves it: its hiccups and cycles are counted once, and judged by both rings.
            let nothing = HiccupRecorder::new(self.rate, Nanoseconds::new(0), port.info().rx_descriptors, end);
            let frames = probe_returns.as_ref().map_or(0, Returns::frames);
            queues[0].rings.push(LoadedRing { descriptors: port.info().rx_descriptors, rate: rate_of(frames) });
            let mut queue = QueueResult::new(number, meter.cpu(), port, nothing, CycleReport::default());
            (queue.report.frames_sent, queue.report.frames_received) = (probes.accepted, frames);
            queues.push(queue);
        }
        let all_returns = returns.into_iter().chain(probe_returns);
        Ok(LoopResult {
            intended: load.intended(sent.accepted + sent.unsent),
            duration,
            bytes: sent.bytes + sent.accepted * u64::from(methodology::units::FCS) + probe_bytes,
            lateness: load.lateness(),
            gaps: load.gaps(),
            sent,
            probes,
            arrived: arriving.map(|arriving| arriving.report(self.rate)),
            returned: waited.and_then(|waited| Returned::sum(all_returns.into_iter().map(|returns| returns.finish(waited)))),
            queues,
            ended_early,
        })
    }
}

/// The report of all loops.
fn summed(plan: &SendPlan, results: Vec<LoopResult>, counters: CounterPair) -> SendReport {
    let loops = results.len() as u16;
    let (stream, clock, checksums) = (plan.stream, BootId::of_this_machine(), plan.checksums());
    let mut report = SendReport { stream, clock, checksums, ..SendReport::default() };
    let mut returned: Option<Returned> = None;
    let mut queues = Vec::new();
    let mut ended_early = None;
    let mut arrived = None;
    for (result, number) in results.into_iter().zip(0..) {
        let LoopResult { sent, probes, .. } = result;
        report.frames_sent += sent.accepted + probes.accepted;
        report.frames_unsent += sent.unsent + probes.unsent;
        report.intended_frames += result.intended + probes.accepted + probes.unsent;
        report.bytes_sent += result.bytes;
        report.frames_skipped += result.intended.saturating_sub(sent.accepted + sent.unsent);
        report.streams.push(SentStream { stream: plan.stream_of(number), frames: sent.accepted, step_at: sent.step_at });
        if plan.probe.is_some() && number == 0 {
            report.streams.push(SentStream { stream: plan.stream_of(loops), frames: probes.accepted, step_at: None });
        }
        report.duration = report.duration.max(result.duration);
        report.lateness = match (report.lateness, result.lateness) {
            (Some(all), Some(one)) => Some(all.plus(&one)),
            (all, one) => all.or(one),
        };
        report.gaps = report.gaps.plus(&result.gaps);
        queues.extend(result.queues);
        returned = Returned::sum(returned.into_iter().chain(result.returned));
        ended_early = ended_early.or(result.ended_early);
        // One loop at most: see `check`.
        arrived = arrived.or(result.arrived);
    }
    report.pacing = pacer::report(plan, loops, &counters);
    report.loops = LoopsReport::of(queues, plan.highest_rate(), counters, ended_early);
    let seconds = report.duration.as_secs_f64();
    report.rate = PacketRate::from_count(report.frames_sent, seconds);
    report.l2 = L2Rate::of_frames(report.bytes_sent, seconds);
    report.l1 = L1Rate::of_frames(report.frames_sent, report.bytes_sent, seconds);
    report.arrived = arrived.map(|arrived| Box::new(ReceiveReport { loops: report.loops.clone(), ..arrived }));
    if let Some(returned) = returned {
        let (frames, rtt) = returned.report(&report.streams);
        (report.returned, report.rtt) = (Some(frames), rtt);
    }
    report
}
