use std::sync::Arc;
use std::time::Duration;

use methodology::units::{Pace, PacketRate};

use super::meter::{self, Meter};
use super::plan::SendPlan;
use super::running::{Running, Shared};
use crate::burst::{Burst, Frame, Home, MAX_BURST, RxQueue, Slots};
use crate::error::DataplaneError;
use crate::flows::{FlowCount, FlowSpec, FlowTable, FlowWalk};
use crate::frame::{Class, Classifier, Stamper, StreamId, Template, prefetch_for_read, prefetch_for_write};
use crate::latency::RttRecorder;
use crate::pace::{GapRecorder, LatePolicy, Schedule};
use crate::port::{Link, Port};
use crate::report::{CounterPair, ReturnedFrames, RttReport, SendReport};
use crate::sequence::{Tracker, Window};

/// How long frames are offered again at maximum load before they count as unsent.
const RETRY: Duration = Duration::from_micros(100);

/// How long a port may take nothing at all before its link is looked at.
const STALL: Duration = Duration::from_millis(500);

/// Drivers that pass no frame to another core or a device: its lines are still here when it is sent again.
const KEPT_TO_ITSELF: [&str; 3] = ["net_null", "net_ring", "net_pcap"];

/// Starts a sender, or says why the plan cannot be.
pub(crate) fn send(mut port: Port, plan: SendPlan) -> Result<Running<SendReport>, DataplaneError> {
    let frames = prepare(&mut port, &plan)?;
    let cpu = plan.cpu;
    Ok(Running::start(port, cpu, move |port, shared| run(port, &plan, frames, shared)))
}

/// What is written into each frame.
struct Frames {
    stamper: Stamper,
    /// None where all frames are of one flow, which the template has.
    walk: Option<FlowWalk>,
    /// Whether someone else reads the frames' memory: another core, or a device.
    shared: bool,
    classifier: Classifier,
}

fn prepare(port: &mut Port, plan: &SendPlan) -> Result<Frames, DataplaneError> {
    let refuse = |what: &'static str, why: String| DataplaneError::Plan { what, why };
    if plan.size > port.info().max_frame {
        let (name, limit) = (port.info().name.clone(), port.info().max_frame);
        return Err(DataplaneError::FrameTooLarge { name, size: plan.size, limit });
    }
    if !(1..=MAX_BURST).contains(&usize::from(plan.burst)) {
        return Err(refuse("the burst", format!("{} is not from 1 to {MAX_BURST}", plan.burst)));
    }
    if plan.duration.is_zero() || plan.frames == Some(0) {
        return Err(refuse("the duration", "a trial takes longer than 0 s and has at least one frame".to_owned()));
    }
    let template = Template::build(&plan.frame_spec(port.info().mac), plan.size).map_err(|error| refuse("the frame", error.to_string()))?;
    let walk = if plan.flows == 1 {
        None
    } else {
        let count = FlowCount::new(plan.flows).map_err(|error| refuse("the number of flows", error.to_string()))?;
        let spec = FlowSpec::new(count, plan.seed);
        let table = FlowTable::build(&spec, &template).map_err(|error| refuse("the flows", error.to_string()))?;
        Some(Arc::new(table).walk(0))
    };
    port.fill_tx_pool(template.bytes())?;
    let stamper = Stamper::new(template.layout(), plan.stream, 0);
    let shared = !KEPT_TO_ITSELF.contains(&port.info().driver.as_str());
    Ok(Frames { stamper, walk, shared, classifier: Classifier::for_template(&template) })
}

impl Frames {
    /// Writes tags and flows into a burst. A function of its own: inlined into the poll loop it runs out of registers.
    #[inline(never)]
    fn stamp(&mut self, frames: &[Frame], now: u64) {
        // A sent frame's line was last with whoever read it. Asking for all of them first lets their ways back overlap.
        if self.shared {
            for frame in frames {
                prefetch_for_write(frame.filled_data());
            }
        }
        // SAFETY: every frame of the transmit pool holds a whole template of this layout, `frames` are owned by the caller's burst, and the
        // flows were made for the template.
        unsafe {
            match &mut self.walk {
                None => self.stamper.stamp(frames, now, |frame| frame.filled_data()),
                Some(walk) => self.stamper.stamp_flows(frames, now, walk, |frame| frame.filled_data()),
            }
        }
    }

    /// Takes the last frames' numbers and flows back: they were never sent, and nobody shall miss them.
    fn rewind(&mut self, frames: u64) {
        self.stamper.rewind(frames);
        if let Some(walk) = &mut self.walk {
            walk.rewind(frames);
        }
    }
}

/// When frames go and when the run ends.
struct Load {
    schedule: Option<Schedule>,
    /// Frames after which the run ends.
    frames: u64,
    /// Ticks after which it ends at maximum load; a schedule ends by its frames.
    end: u64,
    /// How long a burst is offered again, in ticks.
    retry: u64,
}

impl Load {
    fn new(plan: &SendPlan, meter: &Meter) -> Result<Load, DataplaneError> {
        let most = plan.frames.unwrap_or(u64::MAX);
        let end = meter.begin().wrapping_add(meter.ticks(plan.duration));
        let Pace::Rate(rate) = plan.pace else {
            return Ok(Load { schedule: None, frames: most, end, retry: meter.ticks(RETRY) });
        };
        let schedule = Schedule::new(meter.rate(), rate, meter.begin(), plan.late)
            .map_err(|error| DataplaneError::Plan { what: "the rate", why: error.to_string() })?;
        let due = (plan.duration.as_secs_f64() * rate.pps()).round().max(1.0) as u64;
        let retry = match plan.late {
            LatePolicy::CatchUp { bound } | LatePolicy::Abort { bound } => meter.rate().ticks(bound),
            LatePolicy::Skip => schedule.gap_ticks(),
        };
        Ok(Load { schedule: Some(schedule), frames: most.min(due), end, retry })
    }
}

/// Counts of a run.
#[derive(Default)]
struct Sent {
    taken: u64,
    unsent: u64,
}

fn run(port: &mut Port, plan: &SendPlan, mut frames: Frames, shared: &Shared) -> Result<SendReport, DataplaneError> {
    let rate = meter::tick_rate(port)?;
    let before = port.counters();
    let parts = port.split();
    let (tx, home, link) = (parts.tx, parts.home, parts.link);
    let mut returns = plan.rtt.then(|| Returns::new(plan, frames.classifier, Meter::new(rate, plan.hiccup_threshold), parts.rx, home));
    let Some(pool) = parts.tx_pool else {
        return Err(DataplaneError::Plan { what: "a run without frames", why: "the transmit pool is not there".to_owned() });
    };
    let mut slots = Slots::new();
    let mut meter = Meter::new(rate, plan.hiccup_threshold);
    let mut gaps = GapRecorder::new(rate);
    let mut load = Load::new(plan, &meter)?;
    let mut sent = Sent::default();
    let mut ended_early = None;
    let mut last_sent = meter.begin();
    let stall = meter.ticks(STALL);

    while !shared.stop_asked() {
        let now = meter.turn();
        if let Some(returns) = &mut returns {
            returns.collect(now);
        }
        let gone = sent.taken + sent.unsent;
        let count = match &mut load.schedule {
            None => {
                if now.wrapping_sub(load.end) as i64 >= 0 || gone >= load.frames {
                    break;
                }
                gaps.observe(now, now);
                (load.frames - gone).min(u64::from(plan.burst)) as usize
            }
            Some(schedule) => {
                let gone = schedule.released() + schedule.skipped();
                if gone >= load.frames {
                    break;
                }
                let due = schedule.next_due();
                match schedule.due(now, (load.frames - gone).min(u64::from(plan.burst)) as u32) {
                    Ok(release) if release.frames == 0 => continue,
                    Ok(release) => {
                        gaps.observe(now, due);
                        // Frames that were skipped just now may have been the run's last; those behind them are not the run's.
                        let over = (gone + release.skipped + u64::from(release.frames)).saturating_sub(load.frames);
                        u64::from(release.frames).saturating_sub(over) as usize
                    }
                    Err(late) => {
                        ended_early = Some(late.to_string());
                        break;
                    }
                }
            }
        };
        if count == 0 {
            continue;
        }
        let Some(mut burst) = Burst::take(pool, &mut slots, count) else {
            // The driver holds every frame: it frees some when it is asked to send, which only a schedule's next frames will do.
            sent.unsent += if load.schedule.is_some() { count as u64 } else { 0 };
            continue;
        };
        frames.stamp(burst.frames(), now);
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
                returns.collect(later);
            }
            if offered > burst.len() {
                last_sent = later;
            }
            if later.wrapping_sub(now) > load.retry || shared.stop_asked() {
                frames.rewind(burst.len() as u64);
                sent.unsent += burst.len() as u64;
                if later.wrapping_sub(last_sent) > stall {
                    ended_early = went_down(link);
                }
                break;
            }
            std::hint::spin_loop();
        }
        shared.show([sent.taken, sent.unsent, returns.as_ref().map_or(0, Returns::received), 0, 0, 0, 0]);
        if ended_early.is_some() {
            break;
        }
    }
    let end = meter.turn();
    let returned = returns.map(|returns| returns.finish(plan, sent.taken, shared));
    let (returned, rtt) = returned.map_or((None, None), |(returned, rtt)| (Some(returned), rtt));

    port.has_sent();
    // A schedule covers the time up to its last frame; at maximum load the time is what was asked for, or until it was told to stop.
    let covered = if load.schedule.is_some() { last_sent } else { end }.wrapping_sub(meter.begin());
    let duration = meter.duration(covered);
    let offered = sent.taken + sent.unsent;
    let intended = load.schedule.as_ref().map_or(offered, |schedule| load.frames.min(schedule.released() + schedule.skipped()));
    Ok(SendReport {
        frames_sent: sent.taken,
        frames_unsent: sent.unsent,
        intended_frames: intended,
        frames_skipped: intended.saturating_sub(offered),
        stream: plan.stream,
        duration,
        rate: PacketRate::from_count(sent.taken, duration.as_secs_f64()),
        rtt,
        returned,
        lateness: load.schedule.as_ref().map(Schedule::lateness),
        gaps: gaps.report(load.schedule.as_ref()),
        hiccups: meter.hiccups(),
        cycles: meter.cycles(end, sent.taken),
        counters: CounterPair { before, after: port.counters() },
        ended_early,
    })
}

/// Looked at only when a port has taken nothing for a long time: asking costs a system call on some ports.
#[cold]
fn went_down(link: Link<'_>) -> Option<String> {
    (!link.is_up()).then(|| "the link went down: the other end has gone, or the cable".to_owned())
}

/// Frames that come back, and how long they were under way.
struct Returns<'p> {
    queue: &'p mut RxQueue,
    home: Home<'p>,
    slots: Slots,
    classifier: Classifier,
    stream: StreamId,
    tracker: Tracker,
    times: RttRecorder,
    corrupt: u64,
    foreign: u64,
    meter: Meter,
}

impl<'p> Returns<'p> {
    fn new(plan: &SendPlan, classifier: Classifier, meter: Meter, queue: &'p mut RxQueue, home: Home<'p>) -> Self {
        let (tracker, times) = (Tracker::new(0, Window::DEFAULT), RttRecorder::new(meter.rate()));
        Returns { queue, home, slots: Slots::new(), classifier, stream: plan.stream, tracker, times, corrupt: 0, foreign: 0, meter }
    }

    fn received(&self) -> u64 {
        self.tracker.counts().received
    }

    /// Receives one burst at `now`.
    #[inline(always)]
    fn collect(&mut self, now: u64) {
        let burst = Burst::receive(self.queue, self.home, &mut self.slots, MAX_BURST / 4);
        if burst.is_empty() {
            return;
        }
        for frame in burst.frames() {
            prefetch_for_read(frame.data());
        }
        for frame in burst.frames() {
            // SAFETY: the burst owns the frame, which has `length` bytes in its first segment.
            match unsafe { self.classifier.classify_raw(frame.data(), frame.length()) } {
                Class::Test(tag) if tag.stream == self.stream => {
                    self.tracker.observe(tag.sequence);
                    self.times.record(tag.ticks_until(now));
                }
                // Without a sound tag of this stream there is no saying whose a damaged frame was.
                Class::Corrupt(_) if self.tracker.counts().received > 0 => self.corrupt += 1,
                Class::Test(_) | Class::Corrupt(_) | Class::Foreign => self.foreign += 1,
            }
        }
    }

    /// Waits for the rest, at most as long as the plan says, and sums up.
    fn finish(mut self, plan: &SendPlan, sent: u64, shared: &Shared) -> (ReturnedFrames, Option<RttReport>) {
        let wait = self.meter.ticks(plan.drain);
        let begin = self.meter.turn();
        loop {
            let now = self.meter.turn();
            if self.received() >= sent || now.wrapping_sub(begin) > wait || shared.stop_asked() {
                break;
            }
            self.collect(now);
        }
        let counts = self.tracker.counts_until(sent);
        let returned = ReturnedFrames {
            received: counts.received,
            lost: counts.lost,
            duplicate: counts.duplicate,
            reordered: counts.reordered,
            corrupt: self.corrupt + counts.implausible,
            foreign: self.foreign,
        };
        let report = RttReport::from_recorder(&self.times);
        let whole = report.clone().and_then(|report| report.with_histogram(&self.times).ok());
        (returned, whole.or(report))
    }
}
