//! The proof that frames crossed the kernel interfaces below two ports, by the kernel's own counters.
//!
//! What the engines count by tag can be no more than what the interfaces counted: at the sender on its way out, at the receiver on its way in. An
//! interface may count more, because other traffic crosses it too.

use dataplane::{CounterPair, INTERFACE_RX_PACKETS, INTERFACE_TX_PACKETS};
use methodology::trial::{Engine, Fault};
use serde_json::{Value, json};

use super::both_ends::{OneWay, OpenPorts, RoundTrips};

/// How an interface's count is called, and of which end it is.
struct Count<'a> {
    port: &'a str,
    engine: Engine,
    /// What the interface counted; none where there is no interface below the port, or its counters are not exact.
    interface: Option<u64>,
    /// What the engines counted by tag.
    frames: u64,
}

impl Count<'_> {
    fn fault(&self) -> Option<Fault> {
        let counted = self.interface.filter(|&counted| counted < self.frames)?;
        Some(Fault::InterfaceCountedLess { port: self.port.to_owned(), engine: self.engine, frames: self.frames, counted })
    }
}

/// Of a trial with a sink.
pub(super) fn one_way(trial: &OneWay, ports: &OpenPorts) -> Vec<Fault> {
    let came = trial.of_streams();
    let frames = came.received + came.duplicate;
    let counts = [
        Count {
            port: &ports.sender.port.name,
            engine: Engine::Generator,
            interface: sent_by_interface(&trial.sent.loops.counters),
            // What arrived must have left. Copies can be made on the way.
            frames: came.received,
        },
        Count {
            port: &ports.receiver.port.name,
            engine: Engine::Sink,
            interface: received_by_interface(&trial.received.loops.counters),
            frames,
        },
    ];
    counts.iter().filter_map(Count::fault).collect()
}

/// Of a trial with a reflector.
pub(super) fn round_trips(trips: &RoundTrips, ports: &OpenPorts) -> Vec<Fault> {
    let (sender, reflector) = (&trips.sent.loops.counters, &trips.reflected.loops.counters);
    let returned = trips.sent.returned.as_ref().map_or(0, |returned| returned.received);
    let count = |port, engine, interface, frames| Count { port, engine, interface, frames };
    let (near, far) = (ports.sender.port.name.as_str(), ports.receiver.port.name.as_str());
    let counts = [
        count(near, Engine::Generator, sent_by_interface(sender), returned),
        count(far, Engine::Reflector, received_by_interface(reflector), returned),
        count(far, Engine::Reflector, sent_by_interface(reflector), returned),
        count(near, Engine::Generator, received_by_interface(sender), returned),
    ];
    counts.iter().filter_map(Count::fault).collect()
}

/// What both interfaces counted, for a record; none where no interface counts.
pub(super) fn noted(sender: &CounterPair, receiver: &CounterPair) -> Option<Value> {
    let end = |counters: &CounterPair| {
        let (sent, received) = (sent_by_interface(counters), received_by_interface(counters));
        (sent.is_some() || received.is_some()).then(|| json!({ "sent": sent, "received": received }))
    };
    let (sender, receiver) = (end(sender), end(receiver));
    (sender.is_some() || receiver.is_some()).then(|| json!({ "sender": sender, "receiver": receiver }))
}

fn sent_by_interface(counters: &CounterPair) -> Option<u64> {
    grown(counters, INTERFACE_TX_PACKETS)
}

fn received_by_interface(counters: &CounterPair) -> Option<u64> {
    grown(counters, INTERFACE_RX_PACKETS)
}

fn grown(counters: &CounterPair, name: &str) -> Option<u64> {
    let of = |counters: &dataplane::PortCounters| counters.extended.get(name).copied();
    of(&counters.after)?.checked_sub(of(&counters.before)?)
}

#[cfg(test)]
mod tests {
    use dataplane::PortCounters;

    use super::*;

    fn counters(sent: u64, received: u64) -> CounterPair {
        let of = |sent, received| PortCounters {
            extended: [(INTERFACE_TX_PACKETS.to_owned(), sent), (INTERFACE_RX_PACKETS.to_owned(), received)].into(),
            ..PortCounters::default()
        };
        CounterPair { before: of(7, 9), after: of(7 + sent, 9 + received) }
    }

    fn fault(interface: Option<u64>, frames: u64) -> Option<Fault> {
        Count { port: "net_af_xdp0", engine: Engine::Sink, interface, frames }.fault()
    }

    #[test]
    fn an_interface_that_counted_less_than_the_engine_is_a_fault_and_one_without_counters_is_none() {
        assert_eq!(received_by_interface(&counters(0, 1_000)), Some(1_000));
        assert_eq!(sent_by_interface(&CounterPair::default()), None);
        assert_eq!((fault(Some(1_000), 1_000), fault(Some(1_003), 1_000), fault(None, 1_000)), (None, None, None));
        let said = fault(Some(999), 1_000).unwrap().to_string();
        assert!(said.contains("net_af_xdp0") && said.contains("999") && said.contains("1000"), "{said}");
    }

    #[test]
    fn a_record_has_what_each_interface_counted() {
        let both = noted(&counters(5, 1), &counters(0, 4)).unwrap();
        assert_eq!((&both["sender"]["sent"], &both["receiver"]["received"]), (&json!(5), &json!(4)));
        assert_eq!(noted(&CounterPair::default(), &CounterPair::default()), None);
    }
}
