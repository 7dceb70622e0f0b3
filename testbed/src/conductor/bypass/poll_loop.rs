//! What a poll loop reports against its own measurement.

use dataplane::{BusiestQueue, CycleReport, HiccupReport, QueueReport, ReflectReport, ReturnedFrames, SendReport};
use methodology::trial::{Engine, Fault, too_many_duplicates, too_many_foreign};
use methodology::units::Seconds;
use reporter::record::{Reason, ReasonKind};

use super::reason_kind::reason_of_fault;

/// That an engine ended before it was stopped.
pub(super) fn ended_early(engine: Engine, reason: Option<&String>) -> Option<Fault> {
    reason.map(|reason| Fault::EndedEarly { engine, reason: reason.clone() })
}

/// What a reflector reports against a trial: frames that it received and did not send back are lost by the tester, not by the path.
pub(super) fn reflector_faults(reflected: &ReflectReport) -> impl Iterator<Item = Fault> {
    let unsent = (reflected.unsent > 0).then_some(Fault::ReflectorUnsent { frames: reflected.unsent });
    unsent.into_iter().chain(ended_early(Engine::Reflector, reflected.loops.ended_early.as_ref()))
}

/// That frames came so late that they cannot be told from duplicates: neither the loss nor the delays are known then.
pub(super) fn too_late(window_exceeded: u64) -> Option<Fault> {
    (window_exceeded > 0).then_some(Fault::WindowExceeded { frames: window_exceeded })
}

/// What the frames that returned say against a trial.
pub(super) fn returned_faults(returned: &ReturnedFrames) -> impl Iterator<Item = Fault> {
    let in_flight = (returned.in_flight > 0)
        .then(|| Fault::InFlight { frames: returned.in_flight, waited: Seconds::from(returned.waited).nanoseconds() });
    let several_senders = returned.several_senders.then_some(Fault::SeveralSenders);
    let multiplied = too_many_duplicates(returned.duplicate, returned.received);
    let foreign = too_many_foreign(returned.foreign, returned.received);
    let late = too_late(returned.window_exceeded);
    multiplied.into_iter().chain(foreign).chain(several_senders).chain(late).chain(in_flight)
}

/// Why the round trips that a sender timed are not valid; `returned` frames were received back.
pub(super) fn sender_reasons(sent: &SendReport, returned: u64) -> Vec<Reason> {
    let mut reasons = Vec::new();
    reasons.extend(sent.returned.iter().flat_map(returned_faults).map(|fault| reason_of_fault(&fault)));
    if returned == 0 {
        reasons.push(Reason { kind: ReasonKind::NothingReceived, detail: format!("{} frames sent, none came back", sent.frames_sent) });
    }
    reasons.extend(ended_early(Engine::Generator, sent.loops.ended_early.as_ref()).map(|fault| reason_of_fault(&fault)));
    reasons.extend(interrupted(&sent.loops.hiccups, &sent.loops.cycles, Engine::Generator));
    // A tenth of a percent: more than that missing is another load than the one that was asked for.
    if (sent.frames_sent as f64) < 0.999 * sent.intended_frames as f64 {
        let detail = format!("{} of {} frames were offered", sent.frames_sent, sent.intended_frames);
        reasons.push(Reason { kind: ReasonKind::OfferedShort, detail });
    }
    reasons
}

/// Fewer frames than this for each queue say little about their spread.
const FEW_FRAMES: u64 = 1_000;

/// That one queue got many more frames than the others: its poll loop limits the rate while the others have time. A remark, because the
/// frames were counted all the same.
pub(super) fn uneven(queues: &[QueueReport], engine: Engine) -> Option<Reason> {
    let busiest = BusiestQueue::of(queues, |queue| queue.frames_received).filter(BusiestQueue::is_uneven)?;
    let frames: u64 = queues.iter().map(|queue| queue.frames_received).sum();
    (frames >= FEW_FRAMES * queues.len() as u64)
        .then(|| Reason { kind: ReasonKind::UnevenQueues, detail: busiest.in_words(&format!(" of the {engine}"), "received") })
}

/// A poll loop that shared its CPU measured the scheduler. An idle virtual machine takes about a hundredth of the time from a loop; a
/// twentieth is something else that runs there.
const MOST_AWAY: f64 = 0.05;

/// Nothing where the loop had its CPU. A port that goes through the kernel, such as net_af_packet, spends long turns in system calls: those are
/// hiccups to its loop, but the thread is on its CPU all the while.
pub(super) fn interrupted(hiccups: &HiccupReport, cycles: &CycleReport, engine: Engine) -> Option<Reason> {
    let share = interrupted_share(hiccups, cycles);
    (share > MOST_AWAY).then(|| Reason {
        kind: ReasonKind::Hiccup,
        detail: format!(
            "the {engine} did not run for {:.0} % of the trial, {} at the longest: another thread used its CPU",
            share * 100.0,
            hiccups.longest_ns,
        ),
    })
}

/// Every round trip waits while a poll loop of either end is interrupted. From this share of the trial on, the 99th percentile is that of the
/// interruptions, and so is the mean.
const MOST_DELAYED: f64 = 0.01;

/// That the interruptions of both poll loops together, and not the path, made the slowest hundredth of the round trips.
pub(super) fn round_trips_delayed(sent: &SendReport, reflected: &ReflectReport) -> Option<Reason> {
    let loops = [&sent.loops, &reflected.loops];
    let share: f64 = loops.iter().map(|loops| interrupted_share(&loops.hiccups, &loops.cycles)).sum();
    let longest = loops.iter().map(|loops| loops.hiccups.longest_ns).max().unwrap_or_default();
    (share > MOST_DELAYED).then(|| Reason {
        kind: ReasonKind::Hiccup,
        detail: format!(
            "the poll loops did not run for {:.1} % of the trial, {longest} at the longest: another thread used their CPUs. The 99th \
             percentile and the mean show these interruptions, not the path",
            share * 100.0,
        ),
    })
}

/// The share of its time in which a loop was interrupted and not on its CPU.
fn interrupted_share(hiccups: &HiccupReport, cycles: &CycleReport) -> f64 {
    let ran = (cycles.total as f64 / cycles.hz.max(1) as f64).max(f64::MIN_POSITIVE);
    let hiccup_share = hiccups.total_ns.seconds().seconds() / ran;
    let off_cpu_share = 1.0 - cycles.on_cpu.as_secs_f64() / ran;
    hiccup_share.min(off_cpu_share).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_with_far_more_than_its_share_is_a_remark_unless_there_were_few_frames() {
        let queues = |frames: &[u64]| {
            let queue = |(queue, &frames_received)| QueueReport { queue, frames_received, ..QueueReport::default() };
            (0..).zip(frames).map(queue).collect::<Vec<_>>()
        };
        let remark = uneven(&queues(&[2_000, 2_000, 1_900, 4_100]), Engine::Sink).unwrap();
        assert_eq!(remark.kind, ReasonKind::UnevenQueues);
        assert!(
            remark.detail.contains("queue 3") && remark.detail.contains("41 %") && remark.detail.contains("even share is 25 %"),
            "{remark}"
        );
        for even in [&[2_000, 2_200, 2_100, 3_700][..], &[20, 20, 19, 41], &[10_000], &[]] {
            assert_eq!(uneven(&queues(even), Engine::Sink), None, "{even:?}");
        }
    }
}
