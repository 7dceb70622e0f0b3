//! Frames that return to the sender, and their round-trip times.

use super::in_flight::Waited;
use super::plan::SendPlan;
use super::report::{ReturnedFrames, SentStream};
use crate::account::latency::{RttRecorder, RttReport};
use crate::account::sequence::{Stamps, StreamStart, StreamTracker, Window};
use crate::dpdk::{Burst, FreeTarget, MAX_BURST, Mbuf, PortClock, PortView, RxQueue, Slots, TimeField};
use crate::engine::meter::Meter;
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
    /// When the sender began, in ticks: a frame that was stamped before it is of another sender's run. Not when this loop began: a frame of a
    /// loop that began earlier can return on this queue.
    begin: u64,
    trackers: Vec<StreamTracker>,
    times: RttRecorder,
    /// The longest round trip so far, in ticks, and when a frame returned last.
    longest: u64,
    last_return: u64,
    arrival: ArrivalClock<'p>,
    untimed: u64,
    corrupt: u64,
    foreign: u64,
    /// Frames of any class.
    frames: u64,
    /// As many bursts as the ring holds.
    most_bursts: u16,
}

/// The largest burst that a sender receives.
pub(super) const COLLECTED: usize = MAX_BURST / 4;

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
    /// The highest sequence number of each stream that returned.
    highest: Vec<Option<u64>>,
    /// Whether the wait for frames in flight ended although more might have come.
    cut_short: bool,
}

impl<'p> Returns<'p> {
    /// `loops` is the number of load streams; the probe stream has the number after them. The queue has `descriptors`.
    pub(super) fn new(
        plan: &SendPlan,
        loops: u16,
        classifier: Classifier,
        arrival: ArrivalClock<'p>,
        queue: &'p mut RxQueue,
        free_target: FreeTarget<'p>,
        descriptors: u16,
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
            begin: 0,
            trackers: (0..streams).map(|_| StreamTracker::new(StreamStart::At(0), Window::DEFAULT)).collect(),
            times: RttRecorder::new(arrival.rate()),
            longest: 0,
            last_return: 0,
            arrival,
            untimed: 0,
            corrupt: 0,
            foreign: 0,
            frames: 0,
            most_bursts: descriptors / COLLECTED as u16,
        }
    }

    /// Starts the part of the trial that is not timed, at the same moment as the meter.
    pub(super) fn begin(&mut self, plan: &SendPlan, meter: &Meter, begin: u64) {
        self.begin = begin;
        self.timed_from = (!plan.timed_after.is_zero()).then(|| meter.begin().wrapping_add(meter.ticks(plan.timed_after)));
    }

    pub(super) fn received(&self) -> u64 {
        self.trackers.iter().map(|tracker| tracker.counts().received).sum()
    }

    /// Receives until a burst comes back short: after an interruption of the loop the ring is full, and it overflows if it is emptied one burst
    /// at a time while more frames arrive.
    #[inline(always)]
    pub(super) fn collect(&mut self) {
        if self.collect_burst() == COLLECTED {
            self.collect_more();
        }
    }

    #[cold]
    #[inline(never)]
    fn collect_more(&mut self) {
        // At most what the ring holds: frames that arrive meanwhile must not keep the loop from sending.
        for _ in 0..self.most_bursts {
            if self.collect_burst() < COLLECTED {
                return;
            }
        }
    }

    /// Receives one burst and returns its size. The time is taken after the queue was read, so that no frame gets an arrival time before its
    /// arrival.
    #[inline(always)]
    fn collect_burst(&mut self) -> usize {
        let Returns {
            queue,
            free_target,
            slots,
            classifier,
            first,
            timed,
            timed_from,
            begin,
            trackers,
            times,
            longest,
            last_return,
            arrival,
            untimed,
            corrupt,
            foreign,
            frames: delivered,
            ..
        } = self;
        let burst = Burst::receive(queue, *free_target, slots, COLLECTED);
        if burst.is_empty() {
            return 0;
        }
        *delivered += burst.len() as u64;
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
                let ours = is_corrupt(classifier, mbuf) && trackers.iter().any(|tracker| tracker.counts().received > 0);
                *(if ours { &mut *corrupt } else { &mut *foreign }) += 1;
                continue;
            };
            let Some(tracker) = trackers.get_mut(usize::from(tag.stream.0.wrapping_sub(first.0))) else {
                *foreign += frames;
                continue;
            };
            // Stamped before this sender began: left over from an earlier one, whose frames are still on their way.
            if tag.ticks_until(now) > now.wrapping_sub(*begin) {
                *foreign += frames;
                continue;
            }
            // A number that returns again has its time already, and the copy's is not the path's.
            let frames = tracker.observe_run(tag.sequence, frames, Stamps { first: tag.tsc, last: tag.tsc });
            if frames == 0 {
                continue;
            }
            *last_return = now;
            *longest = tag.ticks_until(now).max(*longest);
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
        burst.len()
    }

    /// When a frame returned last, in ticks; 0 where none has.
    pub(super) fn last_return(&self) -> u64 {
        self.last_return
    }

    /// The longest round trip, in ticks.
    pub(super) fn longest(&self) -> u64 {
        self.longest
    }

    /// How many frames the queue delivered, of any class.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Sums up, after the wait for frames in flight.
    pub(super) fn finish(self, waited: Waited) -> Returned {
        let mut frames = ReturnedFrames {
            untimed: self.untimed,
            corrupt: self.corrupt,
            foreign: self.foreign,
            waited: waited.time,
            ..ReturnedFrames::default()
        };
        for tracker in &self.trackers {
            let counts = tracker.counts();
            frames.received += counts.received;
            frames.duplicate += counts.duplicate;
            frames.reordered += counts.reordered;
            frames.corrupt += counts.implausible;
            frames.window_exceeded += counts.beyond_window;
            frames.several_senders |= tracker.runs().count() > 1;
        }
        let highest = self.trackers.iter().map(|tracker| tracker.runs().next().map(|run| run.highest)).collect();
        Returned { frames, times: self.times, highest, cut_short: waited.was_cut_short() }
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
        self.frames.window_exceeded += other.frames.window_exceeded;
        self.frames.untimed += other.frames.untimed;
        self.frames.waited = self.frames.waited.max(other.frames.waited);
        self.frames.several_senders |= other.frames.several_senders;
        self.cut_short |= other.cut_short;
        self.highest.iter_mut().zip(other.highest).for_each(|(mine, theirs)| *mine = (*mine).max(theirs));
        self.times.merge(&other.times);
        self
    }

    /// The report, where these streams were sent on all queues.
    pub(super) fn report(self, streams: &[SentStream]) -> (ReturnedFrames, Option<RttReport>) {
        let sent: u64 = streams.iter().map(|stream| stream.frames).sum();
        let missing = sent.saturating_sub(self.frames.received);
        // Above the highest number that returned, where the wait was cut short. A path from which nothing returned is not known to carry
        // anything: then all are lost.
        let behind_highest =
            streams.iter().zip(&self.highest).filter_map(|(sent, highest)| Some(sent.frames.saturating_sub((*highest)? + 1)));
        let in_flight = if self.cut_short { behind_highest.sum::<u64>().min(missing) } else { 0 };
        // A number that this sender has not sent is another's.
        let beyond = streams.iter().zip(&self.highest).any(|(sent, highest)| highest.is_some_and(|highest| highest >= sent.frames));
        let several_senders = self.frames.several_senders || beyond;
        let frames = ReturnedFrames { lost: missing - in_flight, in_flight, several_senders, ..self.frames };
        let report = RttReport::from_recorder(&self.times);
        let with_histogram = report.clone().and_then(|report| report.with_histogram(&self.times).ok());
        (frames, with_histogram.or(report))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use methodology::units::{FrameSize, Pace};

    use super::*;
    use crate::dpdk::{Eal, Port, PortOptions, QueuePair};

    #[test]
    fn everything_in_the_ring_is_received_in_one_turn() {
        let port = Port::open(&Eal::for_tests(), &"net_ring7".parse().unwrap(), PortOptions::default()).unwrap();
        let plan = SendPlan { frames: Some(1000), ..SendPlan::new(FrameSize::MIN, Pace::Max, Duration::from_secs(60)) };
        // The ring gives back what was sent: all of it waits, as after an interruption of the loop.
        let (mut port, sent) = port.send(plan.clone()).unwrap().join();
        assert_eq!(sent.unwrap().frames_sent, 1000);
        let classifier = Classifier::new(plan.frame_spec(port.info().mac).layout());
        let mut queues = port.queue_pairs();
        let QueuePair { rx, free_target, port, .. } = queues.remove(0);
        let arrival = ArrivalClock::new(port, TickRate::from_hz(1_000_000_000).unwrap()).unwrap();
        let mut returns = Returns::new(&plan, 1, classifier, arrival, rx, free_target, port.info().rx_descriptors);
        returns.collect();
        assert_eq!((returns.frames(), returns.received()), (1000, 1000));
    }

    #[test]
    fn frames_that_return_later_than_the_window_remembers_are_named() {
        let mut port = Port::open(&Eal::for_tests(), &"net_ring9".parse().unwrap(), PortOptions::default()).unwrap();
        let plan = SendPlan::new(FrameSize::MIN, Pace::Max, Duration::from_secs(1));
        let classifier = Classifier::new(plan.frame_spec(port.info().mac).layout());
        let mut queues = port.queue_pairs();
        let QueuePair { rx, free_target, port, .. } = queues.remove(0);
        let rate = TickRate::from_hz(1_000_000_000).unwrap();
        let mut returns = Returns::new(&plan, 1, classifier, ArrivalClock::new(port, rate).unwrap(), rx, free_target, 64);
        let stamps = Stamps { first: 1, last: 1 };
        for sequence in [0, 1, 1 << 30, 2, 3] {
            returns.trackers[0].observe_run(sequence, 1, stamps);
        }
        let late = returns.finish(Waited { ended: None, time: Duration::ZERO });
        assert_eq!((late.frames.received, late.frames.duplicate, late.frames.window_exceeded), (3, 0, 2));
        let streams = [SentStream { stream: StreamId(0), frames: (1 << 30) + 1, step_at: None }];
        let (frames, _) = late.report(&streams);
        assert_eq!((frames.lost, frames.window_exceeded), ((1 << 30) - 2, 2), "what came late is not known to have come");
    }

    fn returned(received: u64, highest: Option<u64>, cut_short: bool) -> ReturnedFrames {
        let frames = ReturnedFrames { received, ..ReturnedFrames::default() };
        let times = RttRecorder::new(TickRate::from_hz(1000).unwrap());
        let streams = [SentStream { stream: StreamId(0), frames: 200, step_at: None }];
        Returned { frames, times, highest: vec![highest], cut_short }.report(&streams).0
    }

    #[test]
    fn frames_behind_the_last_that_returned_are_in_flight_where_the_wait_was_cut_short() {
        let of = |frames: ReturnedFrames| (frames.lost, frames.in_flight, frames.several_senders);
        // 119 returned of the first 120; 80 more were sent.
        assert_eq!(of(returned(119, Some(119), true)), (1, 80, false));
        assert_eq!(of(returned(119, Some(119), false)), (81, 0, false));
        // Overtaken frames are in flight no more than others.
        assert_eq!(of(returned(200, Some(199), true)), (0, 0, false));
        assert_eq!(of(returned(0, None, true)), (200, 0, false));
        // A number that was never sent.
        assert_eq!(of(returned(150, Some(500), false)), (50, 0, true));
    }
}
