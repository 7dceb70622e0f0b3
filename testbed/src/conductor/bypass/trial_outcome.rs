//! From the reports of both ends to the outcome of a trial.

use std::time::Duration;

use dataplane::{HiccupReport, LatePolicy, QueueReport, RttReport, SendPlan, SendReport};
use methodology::trial::{
    DelayDefinition, DelayHistogram, DelaySummary, Direction, DirectionOutcome, Engine, Fault, Hiccups, TrialOutcome, too_many_duplicates,
    too_many_foreign,
};
use methodology::units::{FrameSize, Nanoseconds, Pace, PacketRate, Seconds};

use super::accounting::bytes_per_frame;
use super::both_ends::{BothWays, OneWay, OpenPorts, RoundTrips};
use super::interface_proof;
use super::loss_domains;
use super::poll_loop::{ended_early, reflector_faults, returned_faults, too_late};
use super::wire_proof::WireProof;

/// Makes outcomes of the trials of one pair.
pub(super) struct OutcomeOf<'a> {
    pub(super) ports: &'a OpenPorts,
    pub(super) size: FrameSize,
    /// How long the generator may be interrupted: see [`generator_limit`].
    pub(super) generator_limit: Duration,
}

impl OutcomeOf<'_> {
    /// Of a trial to a sink.
    pub(super) fn one_way(&self, trial: &OneWay) -> TrialOutcome {
        let (sent, received) = (&trial.sent, &trial.received);
        let came = trial.of_streams();
        let loss = loss_domains::of_one_way(trial, self.ports);
        let direction = DirectionOutcome {
            direction: Direction::Forward,
            intended: sent.intended_frames,
            sent: sent.frames_sent,
            received: came.received,
            loss,
            offered_duration: Seconds::from(sent.duration),
            hiccups: together(of_generator(self.generator_limit, sent, &received.loops.queues), overflowing(&received.loops.queues)),
            delays: None,
            recovery: None,
            longest_gap: None,
        };
        let mut outcome = TrialOutcome::one_way(direction);
        outcome.faults.extend(too_many_duplicates(came.duplicate, came.received));
        outcome.faults.extend(too_many_foreign(received.foreign, came.received));
        outcome.faults.extend((came.several_senders || trial.of_other_senders() > 0).then_some(Fault::SeveralSenders));
        outcome.faults.extend(too_late(came.window_exceeded));
        outcome.faults.extend(WireProof::one_way(trial, self.ports).faults());
        outcome.faults.extend(interface_proof::one_way(trial, self.ports));
        outcome.faults.extend(ended_early(Engine::Generator, sent.loops.ended_early.as_ref()));
        outcome.faults.extend(ended_early(Engine::Sink, received.loops.ended_early.as_ref()));
        if let Some(bytes) = bytes_per_frame(&received.loops.counters, &self.ports.receiver, self.size).filter(|_| received.foreign == 0)
            && (bytes - f64::from(self.size.bytes())).abs() > 0.001
        {
            outcome.faults.push(Fault::SizeNotIntended { intended: self.size.bytes(), counted_milli: (bytes * 1000.0).round() as u64 });
        }
        outcome
    }

    /// Of a trial in which both ends sent at once (RFC 2544 §14).
    pub(super) fn both_ways(&self, trial: &BothWays) -> TrialOutcome {
        let reversed = OutcomeOf { ports: &self.ports.reversed(), ..*self };
        let [forward, reverse] = [self.one_way(&trial.forward), reversed.one_way(&trial.reverse)];
        let back = reverse.directions.into_iter().map(|back| DirectionOutcome { direction: Direction::Reverse, ..back });
        let of_forward = forward.faults.into_iter().map(|fault| of_direction(fault, Direction::Forward));
        let of_reverse = reverse.faults.into_iter().map(|fault| of_direction(fault, Direction::Reverse));
        let mut faults: Vec<Fault> = Vec::new();
        // What is said of an end or its link is the same in both directions, and is kept once.
        for fault in of_forward.chain(of_reverse) {
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        TrialOutcome { directions: forward.directions.into_iter().chain(back).collect(), faults }
    }

    /// Of a trial to a reflector, with delays or without.
    pub(super) fn round_trips(&self, trips: &RoundTrips, with_delays: bool) -> TrialOutcome {
        let sent = &trips.sent;
        let returned = sent.returned.clone().unwrap_or_default();
        let direction = DirectionOutcome {
            direction: Direction::Forward,
            intended: sent.intended_frames,
            sent: sent.frames_sent,
            received: returned.received,
            loss: loss_domains::of_round_trips(trips, self.ports, with_delays),
            offered_duration: Seconds::from(sent.duration),
            hiccups: together(
                of_generator(self.generator_limit, sent, &trips.reflected.loops.queues),
                overflowing(&trips.reflected.loops.queues),
            ),
            delays: sent.rtt.as_ref().filter(|_| with_delays).map(delay_summary),
            recovery: None,
            longest_gap: None,
        };
        let mut outcome = TrialOutcome::one_way(direction);
        // Without delays, a frame that has not returned by the end of the drain is lost, as it is for a sink (RFC 2544 §23 d).
        let counts_as_lost = |fault: &Fault| !with_delays && matches!(fault, Fault::InFlight { .. });
        outcome.faults.extend(returned_faults(&returned).filter(|fault| !counts_as_lost(fault)));
        outcome.faults.extend(WireProof::round_trips(trips, self.ports).faults());
        outcome.faults.extend(interface_proof::round_trips(trips, self.ports));
        outcome.faults.extend(reflector_faults(&trips.reflected));
        outcome.faults.extend(ended_early(Engine::Generator, sent.loops.ended_early.as_ref()));
        outcome
    }
}

/// A fault of a trial with one direction, where it is one of two: it names the direction, or the end.
fn of_direction(fault: Fault, direction: Direction) -> Fault {
    let end = |engine: Engine| match (engine, direction) {
        (Engine::Generator, Direction::Forward) | (Engine::Sink, Direction::Reverse) => Engine::FirstEnd,
        (Engine::Generator, Direction::Reverse) | (Engine::Sink, Direction::Forward) => Engine::SecondEnd,
        (other, _) => other,
    };
    match fault {
        Fault::EndedEarly { engine, reason } => Fault::EndedEarly { engine: end(engine), reason },
        Fault::LinkDown { .. } | Fault::LinkChange { .. } | Fault::PauseFrames { .. } => fault,
        Fault::InterfaceCountedLess { port, engine, frames, counted } => {
            let fault = Fault::InterfaceCountedLess { port, engine: end(engine), frames, counted };
            Fault::InDirection { direction, fault: Box::new(fault) }
        }
        fault => Fault::InDirection { direction, fault: Box::new(fault) },
    }
}

/// The hiccups of the generator that distort a trial. After one, it sends the frames that are late at once. They distort the trial if they were
/// longer than `schedule`, because its schedule gives frames up then; if the ring of a receiving queue may not hold the late frames; or if the
/// generator's own ring could not bridge the time.
fn of_generator(schedule: Duration, sent: &SendReport, receiving: &[QueueReport]) -> Hiccups {
    let schedule = Seconds::from(schedule).nanoseconds();
    let limit = receiving.iter().filter_map(|queue| queue.absorbed).fold(schedule, Nanoseconds::min);
    let of_queue = |queue: &QueueReport| hiccups_above(&queue.hiccups, queue.absorbed.map_or(limit, |own| own.min(limit)));
    sent.loops.queues.iter().map(of_queue).fold(Hiccups::default(), together)
}

/// The hiccups of a receiver that can have overflowed the ring of their queue, at the rate of that queue.
fn overflowing(queues: &[QueueReport]) -> Hiccups {
    let of_queue = |queue: &QueueReport| queue.absorbed.map(|absorbed| hiccups_above(&queue.hiccups, absorbed));
    queues.iter().filter_map(of_queue).fold(Hiccups::default(), together)
}

/// How long the generator may be interrupted before its schedule gives frames up: those are the tester's fault, whatever the receiver can hold.
pub(super) fn generator_limit(plan: &SendPlan) -> Duration {
    match (plan.pace, plan.late) {
        (Pace::Rate(_), LatePolicy::CatchUp { bound } | LatePolicy::Abort { bound }) => bound.seconds().duration(),
        // Nothing is given up at maximum load, and leaving out late frames is what `Skip` is for.
        (Pace::Max, _) | (_, LatePolicy::Skip) => Duration::MAX,
    }
}

/// From the reduction of the load (timestamp A of RFC 2544 §26.5) to the last lost frame (timestamp B), by the schedule: the first frame after
/// the step goes one gap after it, and each further one a gap later. Zero where no frame after the step was lost; none where there was no step,
/// or several streams, whose numbers say nothing of each other.
pub(super) fn recovery(trial: &OneWay, then: PacketRate) -> Option<Seconds> {
    let [stream] = &trial.sent.streams[..] else { return None };
    let after = stream.step_at?;
    let came = trial.of_streams();
    let next = came.highest_sequence.map_or(0, |highest| highest + 1);
    // What was sent after the last frame that came is lost as well.
    // And what was sent before the first: the sink runs before the sender starts.
    let before_first = came.first_sequence.and_then(|first| first.checked_sub(1));
    let last_lost = if next < stream.frames { Some(stream.frames - 1) } else { came.last_lost.or(before_first) };
    let lost_after = last_lost.filter(|&lost| lost >= after).map_or(0, |lost| lost - after + 1);
    Some(then.time_of(lost_after))
}

/// The hiccups longer than `limit`.
fn hiccups_above(hiccups: &HiccupReport, limit: Nanoseconds) -> Hiccups {
    match hiccups.longer_than(limit) {
        0 => Hiccups::default(),
        count => Hiccups { count, longest: hiccups.longest_ns.seconds() },
    }
}

fn together(a: Hiccups, b: Hiccups) -> Hiccups {
    Hiccups { count: a.count + b.count, longest: if a.longest > b.longest { a.longest } else { b.longest } }
}

fn delay_summary(rtt: &RttReport) -> DelaySummary {
    DelaySummary {
        definition: DelayDefinition::RoundTripSoftware,
        count: rtt.count,
        min: rtt.min,
        mean: Nanoseconds::new(rtt.mean.round().max(0.0) as u64),
        p50: rtt.p50,
        p90: rtt.p90,
        p99: rtt.p99,
        p999: rtt.p999,
        p9999: rtt.p9999,
        max: rtt.max,
        ipdv: None,
        histogram: rtt.histogram.clone().map(DelayHistogram::Text),
    }
}

#[cfg(test)]
mod tests {
    use dataplane::{Bucket, LoopsReport, ReceiveReport, SentStream, StreamId, StreamReport};

    use super::super::both_ends::{Links, UsedStreams};
    use super::*;
    use crate::agent::LinkSeen;

    const UP: LinkSeen = LinkSeen { up_before: true, up_after: true };

    #[test]
    fn the_generator_may_not_be_away_longer_than_its_schedule_catches_up() {
        let size = FrameSize::MAX_STANDARD;
        let paced = SendPlan::new(size, Pace::Rate(PacketRate::new(1000.0).unwrap()), Duration::from_secs(1));
        assert_eq!(generator_limit(&paced), Duration::from_millis(10));
        // Sixteen milliseconds at 1000 frames a second lose frames although 1024 descriptors would hold them.
        assert!(generator_limit(&paced) < Duration::from_millis(16));
        assert_eq!(generator_limit(&SendPlan::new(size, Pace::Max, Duration::from_secs(1))), Duration::MAX);
    }

    #[test]
    fn rfc2544_26_5_recovery_is_the_time_from_the_step_to_the_last_lost_frame() {
        let trial = |last_lost: Option<u64>, highest: u64| {
            let stream = StreamId(3);
            let sent = SentStream { stream, frames: 3_000, step_at: Some(1_000) };
            let seen = StreamReport { stream, received: 1, highest_sequence: Some(highest), last_lost, ..StreamReport::default() };
            OneWay {
                sent: SendReport { stream, streams: vec![sent], ..SendReport::default() },
                received: ReceiveReport { streams: vec![seen], ..ReceiveReport::default() },
                links: Links { sender: UP, receiver: UP },
                streams: UsedStreams::beginning_at(stream),
            }
        };
        let at = |last_lost, highest| recovery(&trial(last_lost, highest), PacketRate::new(1000.0).unwrap()).map(Seconds::seconds);
        assert_eq!(at(None, 2_999), Some(0.0));
        assert_eq!(at(Some(999), 2_999), Some(0.0), "lost before the step: that was the overload");
        assert_eq!(at(Some(1_000), 2_999), Some(0.001));
        assert_eq!(at(Some(1_499), 2_999), Some(0.5));
        assert_eq!(at(Some(1_499), 2_998), Some(2.0), "the last frame did not come: it had not recovered when the trial ended");
    }

    #[test]
    fn rfc2544_14_a_fault_names_its_direction_or_its_end() {
        let duplicates = Fault::Duplicates { frames: 9, received: 90 };
        let back = of_direction(duplicates.clone(), Direction::Reverse);
        assert_eq!(back, Fault::InDirection { direction: Direction::Reverse, fault: Box::new(duplicates) });
        assert!(back.to_string().starts_with("reverse direction: 9 copies of 90 frames"), "{back}");
        // The loop that sends forward receives what goes back: what it says of itself is said once.
        let ended = |engine| Fault::EndedEarly { engine, reason: "it was stopped".to_owned() };
        let first = of_direction(ended(Engine::Generator), Direction::Forward);
        assert_eq!(first, of_direction(ended(Engine::Sink), Direction::Reverse));
        assert_eq!(first, ended(Engine::FirstEnd));
        assert_eq!(of_direction(ended(Engine::Sink), Direction::Forward), ended(Engine::SecondEnd));
        let link = Fault::LinkDown { port: "p0".to_owned() };
        assert_eq!(of_direction(link.clone(), Direction::Reverse), link);
    }

    /// A queue of a receiver with one interruption of 10 µs, at a rate at which its ring absorbs this many microseconds.
    fn interrupted_for_10_us(absorbed_us: u64) -> QueueReport {
        let ns = Nanoseconds::new;
        let hiccups = HiccupReport {
            threshold_ns: ns(5_000),
            count: 1,
            longest_ns: ns(10_000),
            total_ns: ns(10_000),
            histogram: vec![Bucket { below_ns: ns(11_585), count: 1 }],
        };
        QueueReport { absorbed: Some(ns(absorbed_us * 1000)), hiccups, ..QueueReport::default() }
    }

    #[test]
    fn an_interruption_counts_by_the_ring_of_its_own_queue() {
        // 256 descriptors at 32 Mpps absorb 6 µs, 4096 absorb 126 µs: see account::hiccup.
        let small = overflowing(&[interrupted_for_10_us(6), interrupted_for_10_us(126)]);
        assert_eq!(small, Hiccups { count: 1, longest: Nanoseconds::new(10_000).seconds() });
        assert_eq!(overflowing(&[interrupted_for_10_us(126)]), Hiccups::default());
        // Without frames, nothing was lost.
        let idle = QueueReport { absorbed: None, ..interrupted_for_10_us(6) };
        assert_eq!(overflowing(&[idle]), Hiccups::default());
    }

    #[test]
    fn an_interruption_of_the_generator_counts_by_what_the_receiver_can_hold_and_by_its_schedule() {
        let queues = vec![QueueReport { absorbed: None, ..interrupted_for_10_us(0) }];
        let sent = SendReport { loops: LoopsReport { queues, ..LoopsReport::default() }, ..SendReport::default() };
        let count = |limit: Duration, receiving_us: u64| of_generator(limit, &sent, &[interrupted_for_10_us(receiving_us)]).count;
        assert_eq!((count(Duration::MAX, 6), count(Duration::MAX, 126)), (1, 0));
        assert_eq!((count(Duration::from_micros(5), 126), count(Duration::from_millis(10), 126)), (1, 0));
    }
}
