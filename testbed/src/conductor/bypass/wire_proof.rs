//! What must hold at both ports for a trial to be valid: links that stayed up, and no pause frames.

use dataplane::{CARRIER_CHANGES, CounterPair, PortCounters};
use methodology::trial::Fault;

use super::accounting::Discards;
use super::both_ends::{Links, OneWay, OpenPorts, RoundTrips};
use crate::agent::{LinkSeen, Opened};

/// Both ends of one trial.
pub struct WireProof<'a> {
    sender: End<'a>,
    receiver: End<'a>,
}

struct End<'a> {
    port: &'a Opened,
    counters: &'a CounterPair,
    link: LinkSeen,
}

impl<'a> WireProof<'a> {
    /// Of a trial with a sink.
    pub fn one_way(trial: &'a OneWay, ports: &'a OpenPorts) -> Self {
        WireProof::new(&trial.sent.loops.counters, &trial.received.loops.counters, trial.links, ports)
    }

    /// Of a trial with a reflector.
    pub fn round_trips(trips: &'a RoundTrips, ports: &'a OpenPorts) -> Self {
        WireProof::new(&trips.sent.loops.counters, &trips.reflected.loops.counters, trips.links, ports)
    }

    fn new(sent: &'a CounterPair, received: &'a CounterPair, links: Links, ports: &'a OpenPorts) -> Self {
        WireProof {
            sender: End { port: &ports.sender, counters: sent, link: links.sender },
            receiver: End { port: &ports.receiver, counters: received, link: links.receiver },
        }
    }

    /// Everything that makes the trial invalid.
    pub fn faults(&self) -> Vec<Fault> {
        let ends = [&self.sender, &self.receiver];
        // In either direction and at either end: flow control limits the rate below what the path can carry.
        let pause: u64 = ends.iter().filter_map(|end| Discards::of(end.counters, end.port).pause).sum();
        let pause = (pause > 0).then_some(Fault::PauseFrames { count: pause });
        ends.iter().filter_map(|end| link_fault(end.link, end.counters, &end.port.port.name)).chain(pause).collect()
    }
}

/// Whether the kernel's interface below a port lost or got its carrier during the trial, however short that was.
fn carrier_changed(counters: &CounterPair) -> bool {
    let changes = |counters: &PortCounters| counters.extended.get(CARRIER_CHANGES).copied();
    changes(&counters.before).zip(changes(&counters.after)).is_some_and(|(before, after)| after != before)
}

fn link_fault(link: LinkSeen, counters: &CounterPair, port: &str) -> Option<Fault> {
    let port = port.to_owned();
    match (link.up_before, link.up_after) {
        (true, true) => carrier_changed(counters).then_some(Fault::LinkChange { port }),
        (false, false) => Some(Fault::LinkDown { port }),
        (true, false) | (false, true) => Some(Fault::LinkChange { port }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_was_not_up_all_the_time_spoils_the_trial() {
        let still = CounterPair::default();
        let fault = |up_before, up_after| link_fault(LinkSeen { up_before, up_after }, &still, "0000:03:00.0");
        let port = || "0000:03:00.0".to_owned();
        assert_eq!(fault(true, true), None);
        assert_eq!(fault(false, false), Some(Fault::LinkDown { port: port() }));
        assert_eq!(fault(true, false), Some(Fault::LinkChange { port: port() }));
        assert_eq!(fault(false, true), Some(Fault::LinkChange { port: port() }));
    }

    #[test]
    fn a_carrier_that_came_and_went_during_the_trial_spoils_it_too() {
        let counters = |before: u64, after: u64| {
            let of = |changes| PortCounters { extended: [(CARRIER_CHANGES.to_owned(), changes)].into(), ..PortCounters::default() };
            CounterPair { before: of(before), after: of(after) }
        };
        let up = LinkSeen { up_before: true, up_after: true };
        assert_eq!(link_fault(up, &counters(2, 2), "p0"), None);
        assert_eq!(link_fault(up, &counters(2, 4), "p0"), Some(Fault::LinkChange { port: "p0".to_owned() }));
    }
}
