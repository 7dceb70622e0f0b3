//! Frames that return to the sender, and their round-trip times.

use super::plan::SendPlan;
use super::report::{ReturnedFrames, SendCounters};
use crate::account::latency::{RttRecorder, RttReport};
use crate::account::sequence::{Tracker, Window};
use crate::dpdk::{Burst, FreeTarget, MAX_BURST, Mbuf, PortClock, PortView, RxQueue, Slots, TimeField};
use crate::engine::meter::Meter;
use crate::engine::running::Shared;
use crate::error::DataplaneError;
use crate::frame::{Class, Classifier, StreamId, TagRun, prefetch_for_read};
use crate::time::{TickRate, ticks};

/// Counts and times the frames that return on one receive queue. They can be of any stream of this sender: the receiving NIC chooses the
/// queue.
pub(super) struct Returns<'p> {
    queue: &'p mut RxQueue,
    free_target: FreeTarget<'p>,
    slots: Slots,
    classifier: Classifier,
    /// The sender's first stream; the others have the numbers after it.
    first: StreamId,
    /// The only stream whose times are recorded; `None` for all streams.
    timed: Option<StreamId>,
    /// Frames sent before this tick are not timed; `None` where all are.
    timed_from: Option<u64>,
    trackers: Vec<Tracker>,
    times: RttRecorder,
    arrival: ArrivalClock<'p>,
    untimed: u64,
    corrupt: u64,
    foreign: u64,
}

/// Which clock gives the arrival time of a frame.
pub(super) enum ArrivalClock<'p> {
    /// The poll loop's, read after the queue.
    PollLoop(TickRate),
    /// The port's, from each mbuf.
    Port { clock: PortClock<'p>, field: TimeField, rate: TickRate },
}

impl<'p> ArrivalClock<'p> {
    /// The port's clock where the port was opened with arrival times.
    pub(super) fn new(port: PortView<'p>, rate: TickRate) -> Result<ArrivalClock<'p>, DataplaneError> {
        match port.time_fields().arrival {
            None => Ok(ArrivalClock::PollLoop(rate)),
            Some(field) => Ok(ArrivalClock::Port { clock: port.clock(rate)?, field, rate }),
        }
    }

    fn rate(&self) -> TickRate {
        match self {
            ArrivalClock::PollLoop(rate) | ArrivalClock::Port { rate, .. } => *rate,
        }
    }

    /// Whether all frames of one burst have the same arrival time.
    #[inline(always)]
    fn is_one_for_a_burst(&self) -> bool {
        matches!(self, ArrivalClock::PollLoop(_))
    }

    /// The arrival time, in ticks, of a frame that was received at `now`; `None` where the port did not write one.
    #[inline(always)]
    fn of(&self, mbuf: Mbuf<'_>, now: u64) -> Option<u64> {
        match self {
            ArrivalClock::PollLoop(_) => Some(now),
            ArrivalClock::Port { clock, field, .. } => mbuf.arrival_time(*field).map(|time| clock.map().ticks_at(time)),
        }
    }
}

/// The frames that returned on one queue, or on several.
pub(super) struct Returned {
    frames: ReturnedFrames,
    times: RttRecorder,
}

impl<'p> Returns<'p> {
    /// `loops` is the number of load streams; the probe stream has the number after them.
    pub(super) fn new(
        plan: &SendPlan,
        loops: u16,
        classifier: Classifier,
        arrival: ArrivalClock<'p>,
        queue: &'p mut RxQueue,
        free_target: FreeTarget<'p>,
    ) -> Self {
        let streams = loops + u16::from(plan.probe.is_some());
        Returns {
            queue,
            free_target,
            slots: Slots::new(),
            classifier,
            first: plan.stream,
            timed: plan.probe.map(|_| plan.stream_of(loops)),
            timed_from: None,
            trackers: (0..streams).map(|_| Tracker::new(0, Window::DEFAULT)).collect(),
            times: RttRecorder::new(arrival.rate()),
            arrival,
            untimed: 0,
            corrupt: 0,
            foreign: 0,
        }
    }

    /// Starts the part of the trial that is not timed, at the same moment as the meter.
    pub(super) fn begin(&mut self, plan: &SendPlan, meter: &Meter) {
        self.timed_from = (!plan.timed_after.is_zero()).then(|| meter.begin().wrapping_add(meter.ticks(plan.timed_after)));
    }

    pub(super) fn received(&self) -> u64 {
        self.trackers.iter().map(|tracker| tracker.counts().received).sum()
    }

    /// Receives one burst. The time is taken after the queue was read, so that no frame gets an arrival time before its arrival.
    #[inline(always)]
    pub(super) fn collect(&mut self) {
        let Returns {
            queue,
            free_target,
            slots,
            classifier,
            first,
            timed,
            timed_from,
            trackers,
            times,
            arrival,
            untimed,
            corrupt,
            foreign,
        } = self;
        let burst = Burst::receive(queue, *free_target, slots, MAX_BURST / 4);
        if burst.is_empty() {
            return;
        }
        let now = ticks();
        if let ArrivalClock::Port { clock, .. } = arrival {
            clock.follow(now);
        }
        if !queue.is_warm() {
            burst.mbufs().iter().for_each(|mbuf| prefetch_for_read(mbuf.data()));
        }
        let mut remaining = burst.mbufs();
        while let Some(&mbuf) = remaining.first() {
            // Frames that were stamped in one burst and received in one burst have the same round-trip time, unless the port timed each.
            let candidates = if arrival.is_one_for_a_burst() { remaining } else { &remaining[..1] };
            // SAFETY: the burst owns the mbufs, each with `length` bytes in its first segment, and nothing writes to them here.
            let run = unsafe { classifier.run_of(candidates, |mbuf| (mbuf.data().cast_const(), mbuf.length())) };
            let seen = run.map_or(1, |run| run.frames);
            remaining = &remaining[seen as usize..];
            let Some(TagRun { first: tag, frames, .. }) = run else {
                // Until a frame of this sender has returned intact, a damaged frame may be of another sender.
                let ours = is_corrupt(classifier, mbuf) && trackers.iter().any(|tracker| tracker.next_expected() > 0);
                *(if ours { &mut *corrupt } else { &mut *foreign }) += 1;
                continue;
            };
            let Some(tracker) = trackers.get_mut(usize::from(tag.stream.0.wrapping_sub(first.0))) else {
                *foreign += frames;
                continue;
            };
            tracker.observe_run(tag.sequence, frames);
            if timed.is_some_and(|timed| timed != tag.stream) {
                continue;
            }
            let Some(arrived) = arrival.of(mbuf, now) else {
                *untimed += frames;
                continue;
            };
            let round_trip = tag.ticks_until(arrived);
            // A frame whose round trip is longer than the timed part so far was sent before that part.
            if timed_from.is_none_or(|from| round_trip <= arrived.saturating_sub(from)) {
                times.record_many(round_trip, frames);
            }
        }
    }

    /// Waits until the `sent` frames of this loop have returned, at most for the plan's drain time, and sums up. The loop's meter goes on:
    /// a hiccup during the drain can lose frames as one before it can.
    pub(super) fn drain(mut self, plan: &SendPlan, sent: u64, meter: &mut Meter, shared: &Shared<SendCounters>) -> Returned {
        let longest = meter.ticks(plan.drain);
        let begin = meter.next_iteration();
        loop {
            let now = meter.next_iteration();
            if self.received() >= sent || now.wrapping_sub(begin) > longest || shared.stop_asked() {
                break;
            }
            self.collect();
        }
        let mut frames =
            ReturnedFrames { untimed: self.untimed, corrupt: self.corrupt, foreign: self.foreign, ..ReturnedFrames::default() };
        for tracker in &self.trackers {
            let counts = tracker.counts();
            frames.received += counts.received;
            frames.duplicate += counts.duplicate;
            frames.reordered += counts.reordered;
            frames.corrupt += counts.implausible;
        }
        Returned { frames, times: self.times }
    }
}

#[cold]
#[inline(never)]
fn is_corrupt(classifier: &Classifier, mbuf: Mbuf<'_>) -> bool {
    // SAFETY: a burst owns the mbuf during its lifetime; it has `length` bytes in its first segment.
    matches!(unsafe { classifier.classify_raw(mbuf.data(), mbuf.length()) }, Class::Corrupt(_))
}

impl Returned {
    /// The sum over several queues.
    pub(super) fn sum(each: impl IntoIterator<Item = Returned>) -> Option<Returned> {
        each.into_iter().reduce(Returned::plus)
    }

    fn plus(mut self, other: Returned) -> Returned {
        self.frames.received += other.frames.received;
        self.frames.duplicate += other.frames.duplicate;
        self.frames.reordered += other.frames.reordered;
        self.frames.corrupt += other.frames.corrupt;
        self.frames.foreign += other.frames.foreign;
        self.frames.untimed += other.frames.untimed;
        self.times.merge(&other.times);
        self
    }

    /// The report, where `sent` frames were sent on all queues.
    pub(super) fn report(self, sent: u64) -> (ReturnedFrames, Option<RttReport>) {
        let frames = ReturnedFrames { lost: sent.saturating_sub(self.frames.received), ..self.frames };
        let report = RttReport::from_recorder(&self.times);
        let with_histogram = report.clone().and_then(|report| report.with_histogram(&self.times).ok());
        (frames, with_histogram.or(report))
    }
}
