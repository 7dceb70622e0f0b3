//! Frames that return to the sender, and their round-trip times.

use std::time::Duration;

use super::plan::SendPlan;
use super::report::{ReturnedFrames, SendCounters, SentStream};
use crate::account::latency::{RttRecorder, RttReport};
use crate::account::sequence::{Stamps, StreamStart, StreamTracker, Window};
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
    /// When the trial began, in ticks: a frame that was stamped before it is of another sender's run.
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
    /// The highest sequence number of each stream that returned.
    highest: Vec<Option<u64>>,
    /// Whether the wait for frames in flight ended although more might have come.
    cut_short: bool,
}

/// The wait for frames in flight after the last one was sent.
///
/// It ends when all have returned; when none has returned for so long that those that are missing are lost; or at its limit. Only its limit
/// bounds it while no frame has returned, because nothing is known of the path then.
#[derive(Debug, Clone, Copy)]
struct Drain {
    begin: u64,
    /// The plan's limit.
    limit: u64,
    /// A silence shorter than this proves nothing.
    shortest_silence: u64,
}

/// Why a [`Drain`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drained {
    /// All frames have returned.
    Complete,
    /// No frame has returned for longer than four times the longest round trip: the missing ones are lost.
    Silent,
    /// The limit is over.
    Limit,
}

/// RFC 2544 §23 waits two seconds for the last frames of a trial.
const SHORTEST_SILENCE: Duration = Duration::from_secs(2);

impl Drain {
    /// Whether the wait ends at `now`, where frames have returned, the last one at `last_return` and none after more than `longest` ticks.
    fn ended(&self, now: u64, complete: bool, any: bool, last_return: u64, longest: u64) -> Option<Drained> {
        if complete {
            return Some(Drained::Complete);
        }
        // Silence counts from the last frame sent, where none returned after it.
        let since_return = now.wrapping_sub(last_return).min(now.wrapping_sub(self.begin));
        if any && since_return > longest.saturating_mul(4).max(self.shortest_silence) {
            return Some(Drained::Silent);
        }
        (now.wrapping_sub(self.begin) > self.limit).then_some(Drained::Limit)
    }
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
            begin: 0,
            trackers: (0..streams).map(|_| StreamTracker::new(StreamStart::At(0), Window::DEFAULT)).collect(),
            times: RttRecorder::new(arrival.rate()),
            longest: 0,
            last_return: 0,
            arrival,
            untimed: 0,
            corrupt: 0,
            foreign: 0,
        }
    }

    /// Starts the part of the trial that is not timed, at the same moment as the meter.
    pub(super) fn begin(&mut self, plan: &SendPlan, meter: &Meter) {
        self.begin = meter.begin();
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
            begin,
            trackers,
            times,
            longest,
            last_return,
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
    }

    /// Waits for frames in flight until the `sent` frames of this loop have returned, and sums up; see [`Drain`]. The loop's meter goes on: a
    /// hiccup during the drain can lose frames as one before it can.
    pub(super) fn drain(mut self, plan: &SendPlan, sent: u64, meter: &mut Meter, shared: &Shared<SendCounters>) -> Returned {
        let begin = meter.next_iteration();
        let drain = Drain { begin, limit: meter.ticks(plan.drain), shortest_silence: meter.ticks(SHORTEST_SILENCE.min(plan.drain)) };
        let (ended, waited) = loop {
            let now = meter.next_iteration();
            let received = self.received();
            let ended = drain.ended(now, received >= sent, received > 0, self.last_return, self.longest);
            if ended.is_some() || shared.stop_asked() {
                break (ended, now.wrapping_sub(begin));
            }
            self.collect();
        };
        let waited = meter.duration(waited);
        let mut frames =
            ReturnedFrames { untimed: self.untimed, corrupt: self.corrupt, foreign: self.foreign, waited, ..ReturnedFrames::default() };
        for tracker in &self.trackers {
            let counts = tracker.counts();
            frames.received += counts.received;
            frames.duplicate += counts.duplicate;
            frames.reordered += counts.reordered;
            frames.corrupt += counts.implausible;
            frames.several_senders |= tracker.runs().count() > 1;
        }
        let highest = self.trackers.iter().map(|tracker| tracker.runs().next().map(|run| run.highest)).collect();
        let cut_short = !matches!(ended, Some(Drained::Complete | Drained::Silent));
        Returned { frames, times: self.times, highest, cut_short }
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
    use super::*;

    /// Ticks are milliseconds.
    const DRAIN: Drain = Drain { begin: 1000, limit: 5000, shortest_silence: 2000 };

    /// When the wait ends, where frames return at these moments after as many milliseconds as `longest`.
    fn end(returns: &[u64], longest: u64) -> (u64, Drained) {
        (1000..)
            .find_map(|now| {
                let last = returns.iter().copied().filter(|at| *at <= now).max();
                DRAIN.ended(now, false, last.is_some(), last.unwrap_or(0), longest).map(|ended| (now, ended))
            })
            .unwrap()
    }

    #[test]
    fn the_wait_for_frames_in_flight_ends_by_silence_or_at_its_limit() {
        assert_eq!(DRAIN.ended(1000, true, true, 900, 10), Some(Drained::Complete));
        // Nothing has returned: nothing is known of the path.
        assert_eq!(end(&[], 0), (6001, Drained::Limit));
        // A short path: two seconds of silence after the last frame was sent, or after one returned.
        assert_eq!(end(&[900], 1), (3001, Drained::Silent));
        assert_eq!(end(&[900, 1500, 2900], 1), (4901, Drained::Silent));
        // A long one: four round trips of silence, within the limit.
        assert_eq!(end(&[900], 700), (3801, Drained::Silent));
        assert_eq!(end(&[900], 1500), (6001, Drained::Limit));
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
