use std::fmt;

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;

/// What limits the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The generator's own work for each frame.
    GeneratorCore,
    /// The work of the sender's driver for each frame.
    Driver,
    /// The receive ring: it fills up between two polls, although the poll loop has time.
    Ring,
    /// The port, its link or PCI Express: both ends have time, and still frames are refused or lost.
    PortOrPcie,
    /// The receiver's poll loops.
    ReceiverCore,
    /// One receive queue gets most of the frames.
    RssImbalance,
    /// The tester was interrupted too much to tell.
    Disturbed,
    /// No counter shows a limit.
    Unknown,
}

impl Limit {
    /// For people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Limit::GeneratorCore => "the generator's core",
            Limit::Driver => "the sender's driver",
            Limit::Ring => "the receive ring",
            Limit::PortOrPcie => "the port, its link or PCI Express",
            Limit::ReceiverCore => "the receiver's core",
            Limit::RssImbalance => "RSS imbalance",
            Limit::Disturbed => "not known: the tester was interrupted",
            Limit::Unknown => "not known: no counter shows a limit",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.in_words())
    }
}

/// A limit, and the numbers that show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What limits the rate.
    pub limit: Limit,
    /// Why: one sentence for each counter.
    pub because: Vec<String>,
}

/// A poll loop that moves frames for this share of the time has no time left: in the rest it polls, and by chance finds no frame.
const BUSY: f64 = 0.85;

/// A poll loop below this share has time for more.
const HAS_TIME: f64 = 0.7;

/// A share of frames that matters: less is lost in the first and last milliseconds of a trial. What was lost while a poll loop was interrupted, at
/// most the same share, shows no limit either.
const MATTERS: f64 = 0.01;

/// A trial in which a loop was interrupted for more than this share of the time does not show the limit of the ports.
const DISTURBED: f64 = 0.1;

/// From this share of line rate on, the link is the limit: the rest is the time between bursts.
const AT_CEILING: f64 = 0.97;

/// More than this many times its even share of the frames is an imbalance: four standard deviations of a good hash over 64 flows for each queue.
const UNEVEN: f64 = 1.5;

/// A ring of fewer bursts than this is full before the poll loop comes back.
const FEW_BURSTS: u32 = 2;

/// Names what limits the rate of a trial at maximum load.
pub fn bottleneck(evidence: &Evidence) -> Finding {
    let finding = |limit: Limit, because: Vec<String>| Finding { limit, because };
    let loops = evidence.sender.loops.iter().chain(&evidence.receiver.loops);
    let interrupted = loops.map(|poll_loop| poll_loop.interrupted).fold(0.0, f64::max);
    if interrupted > DISTURBED {
        return finding(Limit::Disturbed, vec![format!("a poll loop was interrupted for {} of the time", share(interrupted))]);
    }
    let rate = evidence.rate();
    if let Some(ceiling) = evidence.ceiling_pps.filter(|ceiling| rate >= AT_CEILING * ceiling) {
        return finding(Limit::PortOrPcie, vec![format!("the rate is {} of the link's", share(rate / ceiling))]);
    }
    let receiver = evidence.busiest(&evidence.receiver);
    let sender = evidence.busiest(&evidence.sender);
    let matters = MATTERS + interrupted;
    let dropped = (evidence.missed + evidence.discarded) as f64 / evidence.sent.max(1) as f64;
    let receiver_busy = receiver.map_or(0.0, |(_, _, busy)| busy);
    if let Some((queue, poll_loop, times)) = evidence.imbalance().filter(|(_, _, times)| *times > UNEVEN) {
        let busy = evidence.busy(poll_loop);
        if busy >= BUSY || (dropped > matters && busy >= HAS_TIME) {
            let because = [
                format!("receive queue {queue} got {times:.2} times its even share of the frames"),
                format!("its poll loop moved frames for {} of the time", share(busy)),
            ];
            return finding(Limit::RssImbalance, because.into());
        }
    }
    if receiver_busy >= BUSY || (dropped > matters && receiver_busy >= HAS_TIME) {
        let mut because = vec![format!("a poll loop of the receiver moved frames for {} of the time", share(receiver_busy))];
        if dropped > matters {
            because.push(format!("its port dropped {} of the frames", share(dropped)));
        }
        return finding(Limit::ReceiverCore, because);
    }
    // From here on, the receiver has time.
    let idle = format!("the receiver had time: its busiest poll loop moved frames for {} of it", share(receiver_busy));
    let small = evidence.receiver.descriptors > 0 && evidence.receiver.descriptors <= FEW_BURSTS * evidence.burst;
    // At maximum load frames are always ready: a sender that has time waits for its port.
    let sender_busy = sender.map_or(0.0, |(_, _, busy)| busy);
    let waits = sender.is_some() && sender_busy + interrupted < HAS_TIME;
    let blocked = waits || evidence.refused_share() > matters;
    let held_back = if waits {
        format!("the sender waited for its port: its busiest poll loop moved frames for {} of the time", share(sender_busy))
    } else {
        format!("the sender's port did not accept {} of the frames that were ready", share(evidence.refused_share()))
    };
    if small && (blocked || evidence.missed as f64 > matters * evidence.sent as f64) {
        let because = [
            format!(
                "the receive ring has {} descriptors, and the sender hands over {} frames at once",
                evidence.receiver.descriptors, evidence.burst
            ),
            if blocked {
                held_back
            } else {
                format!("{} of the frames found no descriptor", share(evidence.missed as f64 / evidence.sent.max(1) as f64))
            },
            idle,
        ];
        return finding(Limit::Ring, because.into());
    }
    if dropped > matters || evidence.vanished() > matters {
        let mut because = Vec::new();
        if dropped > matters {
            because.push(format!("the receiver's port dropped {} of the frames", share(dropped)));
        }
        if evidence.vanished() > matters {
            because.push(format!(
                "{} of the frames left the sender's port and are in no counter of the receiver's",
                share(evidence.vanished())
            ));
        }
        because.push(idle);
        return finding(Limit::PortOrPcie, because);
    }
    if blocked {
        return finding(Limit::PortOrPcie, vec![held_back, idle]);
    }
    if let Some((_, poll_loop, busy)) = sender.filter(|(_, _, busy)| *busy >= BUSY) {
        let mut because =
            vec![format!("a poll loop of the sender moved frames for {} of the time, and its port accepted them", share(busy)), idle];
        let own = evidence.generator_ns.zip(poll_loop.ns_per_frame);
        let limit = match own {
            Some((own, all)) => {
                because.push(format!("the generator alone takes {own:.1} of {all:.1} ns a frame"));
                if own >= all / 2.0 { Limit::GeneratorCore } else { Limit::Driver }
            }
            None => {
                because
                    .push("the generator alone was not measured, so that its time and that of the driver cannot be told apart".to_owned());
                Limit::Unknown
            }
        };
        return finding(limit, because);
    }
    finding(Limit::Unknown, vec![format!("the sender moved frames for {} of the time", share(sender_busy)), idle])
}

fn share(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::super::{End, Loop};
    use super::*;
    use crate::units::Seconds;

    const SECOND: u64 = 1_000_000_000;

    fn poll_loop(frames: u64, busy: f64) -> Loop {
        Loop { frames, ns_per_frame: Some(busy * SECOND as f64 / frames.max(1) as f64), interrupted: 0.0 }
    }

    /// 10 Mpps, both ends with time.
    fn plain() -> Evidence {
        let end = |busy| End { descriptors: 1024, loops: vec![poll_loop(10_000_000, busy)] };
        Evidence {
            duration: Seconds::from_whole(1),
            sent: 10_000_000,
            received: 10_000_000,
            burst: 64,
            sender: end(0.8),
            receiver: end(0.4),
            ..Evidence::default()
        }
    }

    fn limit(change: impl FnOnce(&mut Evidence)) -> Limit {
        let mut evidence = plain();
        change(&mut evidence);
        let finding = bottleneck(&evidence);
        assert!(!finding.because.is_empty());
        finding.limit
    }

    #[test]
    fn a_slow_receiver_is_named_whether_its_port_drops_frames_or_holds_the_sender_back() {
        let slow = |evidence: &mut Evidence| evidence.receiver.loops = vec![poll_loop(10_000_000, 0.97)];
        assert_eq!(limit(slow), Limit::ReceiverCore);
        assert_eq!(limit(|e| (slow(e), e.refused = 5_000_000).0), Limit::ReceiverCore);
        assert_eq!(limit(|e| (slow(e), e.missed = 3_000_000, e.received = 7_000_000).0), Limit::ReceiverCore);
    }

    #[test]
    fn a_slow_sender_is_the_generator_or_its_driver() {
        let slow = |evidence: &mut Evidence| evidence.sender.loops = vec![poll_loop(10_000_000, 0.98)];
        assert_eq!(limit(slow), Limit::Unknown, "nothing shows whether it is the driver");
        assert_eq!(limit(|e| (slow(e), e.generator_ns = Some(20.0)).0), Limit::Driver);
        assert_eq!(limit(|e| (slow(e), e.generator_ns = Some(90.0)).0), Limit::GeneratorCore);
    }

    #[test]
    fn a_ring_of_64_is_named_where_the_receiver_has_time() {
        let ring = |evidence: &mut Evidence| evidence.receiver.descriptors = 64;
        assert_eq!(limit(|e| (ring(e), e.refused = 2_000_000).0), Limit::Ring);
        assert_eq!(limit(|e| (ring(e), e.missed = 2_000_000, e.received = 8_000_000).0), Limit::Ring);
        // A full ring behind a busy receiver is the receiver's.
        assert_eq!(
            limit(|e| (ring(e), e.refused = 2_000_000, e.receiver.loops = vec![poll_loop(10_000_000, 0.95)]).0),
            Limit::ReceiverCore
        );
    }

    #[test]
    fn one_flow_on_four_queues_is_an_imbalance() {
        let one_flow = |evidence: &mut Evidence| {
            evidence.receiver.loops = [10_000_000, 0, 0, 0].map(|frames| poll_loop(frames, if frames > 0 { 0.96 } else { 0.0 })).into();
        };
        assert_eq!(limit(one_flow), Limit::RssImbalance);
        // Four busy loops with a quarter of the frames each are the receiver.
        let even = |evidence: &mut Evidence| evidence.receiver.loops = vec![poll_loop(2_500_000, 0.96); 4];
        assert_eq!(limit(even), Limit::ReceiverCore);
        // An imbalance that limits nothing is not named.
        let idle = |evidence: &mut Evidence| evidence.receiver.loops = [10_000_000, 0].map(|frames| poll_loop(frames, 0.2)).into();
        assert_eq!(limit(idle), Limit::Unknown);
    }

    #[test]
    fn a_link_that_is_full_or_drops_frames_is_named() {
        assert_eq!(limit(|e| e.ceiling_pps = Some(10_200_000.0)), Limit::PortOrPcie);
        // A shaper between the ports drops half of the frames: no counter of the receiver's port shows them, and the sender is busy.
        assert_eq!(limit(|e| (e.received = 5_000_000, e.sender.loops = vec![poll_loop(10_000_000, 0.99)]).0), Limit::PortOrPcie);
        assert_eq!(limit(|e| (e.discarded = 1_000_000, e.received = 9_000_000).0), Limit::PortOrPcie);
        assert_eq!(limit(|e| e.refused = 20_000_000), Limit::PortOrPcie);
    }

    #[test]
    fn a_sender_with_time_at_maximum_load_waits_for_its_port() {
        let waits = |evidence: &mut Evidence| evidence.sender.loops = vec![poll_loop(10_000_000, 0.3)];
        assert_eq!(limit(waits), Limit::PortOrPcie);
        assert_eq!(limit(|e| (waits(e), e.receiver.descriptors = 64).0), Limit::Ring);
        assert_eq!(limit(|e| (waits(e), e.receiver.loops = vec![poll_loop(10_000_000, 0.97)]).0), Limit::ReceiverCore);
    }

    #[test]
    fn frames_that_were_lost_during_an_interruption_show_no_limit() {
        let interrupted = |evidence: &mut Evidence, share: f64| {
            evidence.receiver.loops[0].interrupted = share;
            (evidence.missed, evidence.received) = (400_000, 9_600_000);
        };
        assert_eq!(limit(|e| interrupted(e, 0.05)), Limit::Unknown);
        assert_eq!(limit(|e| interrupted(e, 0.0)), Limit::PortOrPcie);
    }

    #[test]
    fn an_interrupted_tester_names_nothing() {
        let interrupted = |evidence: &mut Evidence| evidence.receiver.loops[0].interrupted = 0.3;
        assert_eq!(limit(|e| (interrupted(e), e.refused = 20_000_000).0), Limit::Disturbed);
        assert_eq!(limit(|_| ()), Limit::Unknown);
    }
}
