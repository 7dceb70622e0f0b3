//! Frames that come back to the sender, and how long they were under way.

use super::plan::SendPlan;
use super::report::ReturnedFrames;
use crate::account::latency::{RttRecorder, RttReport};
use crate::account::sequence::{Tracker, Window};
use crate::dpdk::{Burst, Frame, Home, MAX_BURST, PortClock, PortView, RxQueue, Slots, TimeField};
use crate::engine::meter::Meter;
use crate::engine::running::Shared;
use crate::error::DataplaneError;
use crate::frame::{Class, Classifier, StreamId, TagRun, prefetch_for_read};
use crate::time::{TickRate, ticks};

/// What one receive queue gets back. Frames of every stream of this sender may come: which queue a frame takes is the receiving NIC's choice.
pub(super) struct Returns<'p> {
    queue: &'p mut RxQueue,
    home: Home<'p>,
    slots: Slots,
    classifier: Classifier,
    /// The sender's first stream; the others follow it.
    first: StreamId,
    /// The stream whose times are recorded; all where none is named.
    timed: Option<StreamId>,
    /// Frames that were sent before this moment, in ticks, are not timed; none where all are.
    timed_from: Option<u64>,
    trackers: Vec<Tracker>,
    times: RttRecorder,
    arrival: Arrival<'p>,
    untimed: u64,
    corrupt: u64,
    foreign: u64,
}

/// Who says when a frame came.
pub(super) enum Arrival<'p> {
    /// The poll loop, when it has read the queue.
    Loop(TickRate),
    /// The port, in each frame.
    Port { clock: PortClock<'p>, field: TimeField, rate: TickRate },
}

impl<'p> Arrival<'p> {
    /// As the port was opened.
    pub(super) fn new(port: PortView<'p>, rate: TickRate) -> Result<Arrival<'p>, DataplaneError> {
        match port.times().arrival {
            None => Ok(Arrival::Loop(rate)),
            Some(field) => Ok(Arrival::Port { clock: port.clock(rate)?, field, rate }),
        }
    }

    fn rate(&self) -> TickRate {
        match self {
            Arrival::Loop(rate) | Arrival::Port { rate, .. } => *rate,
        }
    }

    /// Whether frames that are read at once came at once, as far as is known.
    #[inline(always)]
    fn is_shared(&self) -> bool {
        matches!(self, Arrival::Loop(_))
    }

    /// The tick at which a frame came that was read at `now`; none where the port has not said so.
    #[inline(always)]
    fn of(&self, frame: Frame, now: u64) -> Option<u64> {
        match self {
            Arrival::Loop(_) => Some(now),
            Arrival::Port { clock, field, .. } => frame.arrival_time(*field).map(|time| clock.map().ticks_at(time)),
        }
    }
}

/// What came back to one queue, or to all of them.
pub(super) struct Returned {
    frames: ReturnedFrames,
    times: RttRecorder,
}

impl<'p> Returns<'p> {
    /// `loops` is the number of load streams; a probe stream follows them.
    pub(super) fn new(
        plan: &SendPlan,
        loops: u16,
        classifier: Classifier,
        arrival: Arrival<'p>,
        queue: &'p mut RxQueue,
        home: Home<'p>,
    ) -> Self {
        let streams = loops + u16::from(plan.probe.is_some());
        let trackers = (0..streams).map(|_| Tracker::new(0, Window::DEFAULT)).collect();
        let times = RttRecorder::new(arrival.rate());
        let timed = plan.probe.map(|_| plan.stream_of(loops));
        let (slots, first) = (Slots::new(), plan.stream);
        let timed_from = None;
        Returns { queue, home, slots, classifier, first, timed, timed_from, trackers, times, arrival, untimed: 0, corrupt: 0, foreign: 0 }
    }

    /// The trial begins when its meter does: from then on the plan's first part is not timed.
    pub(super) fn begin(&mut self, plan: &SendPlan, meter: &Meter) {
        self.timed_from = (!plan.timed_after.is_zero()).then(|| meter.begin().wrapping_add(meter.ticks(plan.timed_after)));
    }

    pub(super) fn received(&self) -> u64 {
        self.trackers.iter().map(|tracker| tracker.counts().received).sum()
    }

    /// Receives one burst. Its time is taken after the queue was read: what came while it was read is not told to have come sooner.
    #[inline(always)]
    pub(super) fn collect(&mut self) {
        let Returns { queue, home, slots, classifier, first, timed, timed_from, trackers, times, arrival, untimed, corrupt, foreign } =
            self;
        let burst = Burst::receive(queue, *home, slots, MAX_BURST / 4);
        if burst.is_empty() {
            return;
        }
        let now = ticks();
        if let Arrival::Port { clock, .. } = arrival {
            clock.follow(now);
        }
        if !queue.is_warm() {
            burst.frames().iter().for_each(|frame| prefetch_for_read(frame.data()));
        }
        let mut rest = burst.frames();
        while let Some(&frame) = rest.first() {
            // Of one burst and read at once they have been under way for the same time, unless the port has a time for each.
            let candidates = if arrival.is_shared() { rest } else { &rest[..1] };
            // SAFETY: the burst owns the frames, each with `length` bytes in its first segment, and nothing writes to them here.
            let run = unsafe { classifier.run_of(candidates, |frame| (frame.data().cast_const(), frame.length())) };
            let seen = run.map_or(1, |run| run.frames);
            rest = &rest[seen as usize..];
            let Some(TagRun { first: tag, frames, .. }) = run else {
                // Without a sound tag of this sender there is no saying whose a damaged frame was.
                let ours = is_corrupt(classifier, frame) && trackers.iter().any(|tracker| tracker.next_expected() > 0);
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
            let Some(came) = arrival.of(frame, now) else {
                *untimed += frames;
                continue;
            };
            let under_way = tag.ticks_until(came);
            // A frame that has been under way for longer than the timed part lasts was sent before it.
            if timed_from.is_none_or(|from| under_way <= came.saturating_sub(from)) {
                times.record_many(under_way, frames);
            }
        }
    }

    /// Waits for the rest of the `sent` frames of this loop, at most as long as the plan says, and sums up.
    /// The loop's own meter goes on: an absence while frames come back costs them as one before does.
    pub(super) fn finish(mut self, plan: &SendPlan, sent: u64, meter: &mut Meter, shared: &Shared) -> Returned {
        let wait = meter.ticks(plan.drain);
        let begin = meter.turn();
        loop {
            let now = meter.turn();
            if self.received() >= sent || now.wrapping_sub(begin) > wait || shared.stop_asked() {
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
fn is_corrupt(classifier: &Classifier, frame: Frame) -> bool {
    // SAFETY: the burst that the frame is from owns it; it has `length` bytes in its first segment.
    matches!(unsafe { classifier.classify_raw(frame.data(), frame.length()) }, Class::Corrupt(_))
}

impl Returned {
    /// What all queues got together.
    pub(super) fn all(each: impl IntoIterator<Item = Returned>) -> Option<Returned> {
        each.into_iter().reduce(Returned::and)
    }

    fn and(mut self, other: Returned) -> Returned {
        self.frames.received += other.frames.received;
        self.frames.duplicate += other.frames.duplicate;
        self.frames.reordered += other.frames.reordered;
        self.frames.corrupt += other.frames.corrupt;
        self.frames.foreign += other.frames.foreign;
        self.frames.untimed += other.frames.untimed;
        self.times.merge(&other.times);
        self
    }

    /// The report, where `sent` frames went out on all queues.
    pub(super) fn report(self, sent: u64) -> (ReturnedFrames, Option<RttReport>) {
        let frames = ReturnedFrames { lost: sent.saturating_sub(self.frames.received), ..self.frames };
        let report = RttReport::from_recorder(&self.times);
        let whole = report.clone().and_then(|report| report.with_histogram(&self.times).ok());
        (frames, whole.or(report))
    }
}
