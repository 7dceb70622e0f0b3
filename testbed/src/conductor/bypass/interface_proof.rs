//! The proof that frames crossed the kernel interfaces below two ports, by the kernel's own counters.
//!
//! What the engines count by tag can be no more than what the interfaces counted: at the sender on its way out, at the receiver on its way in. An
//! interface may count more, because other traffic crosses it too.

use dataplane::{CounterPair, INTERFACE_RX_PACKETS, INTERFACE_TX_PACKETS};
use methodology::trial::{Engine, Fault};
use serde_json::{Value, json};

use super::both_ends::{OneWay, OpenPorts, RoundTrips};

/// A fault where an interface counted fewer frames than the engines counted by tag. `interface` is none where no interface is below the port, or where its
/// counters are not exact.
fn fault(port: &str, engine: Engine, interface: Option<u64>, frames: u64) -> Option<Fault> {
    let counted = interface.filter(|&counted| counted < frames)?;
    Some(Fault::InterfaceCountedLess { port: port.to_owned(), engine, frames, counted })
}

/// Of a trial with a sink.
pub(super) fn one_way(trial: &OneWay, ports: &OpenPorts) -> Vec<Fault> {
    let came = trial.of_streams();
    let (sent, received) = (sent_by_interface(&trial.sent.loops.counters), received_by_interface(&trial.received.loops.counters));
    let faults = [
        // What arrived must have left. Copies can be made on the way.
        fault(&ports.sender.port.name, Engine::Generator, sent, came.received),
        fault(&ports.receiver.port.name, Engine::Sink, received, came.received + came.duplicate),
    ];
    faults.into_iter().flatten().collect()
}

/// Of a trial with a reflector.
pub(super) fn round_trips(trips: &RoundTrips, ports: &OpenPorts) -> Vec<Fault> {
    let (sender, reflector) = (&trips.sent.loops.counters, &trips.reflected.loops.counters);
    let returned = trips.sent.returned.as_ref().map_or(0, |returned| returned.received);
    let (near, far) = (ports.sender.port.name.as_str(), ports.receiver.port.name.as_str());
    let faults = [
        fault(near, Engine::Generator, sent_by_interface(sender), returned),
        fault(far, Engine::Reflector, received_by_interface(reflector), returned),
        fault(far, Engine::Reflector, sent_by_interface(reflector), returned),
        fault(near, Engine::Generator, received_by_interface(sender), returned),
    ];
    faults.into_iter().flatten().collect()
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

    #[test]
    fn an_interface_that_counted_less_than_the_engine_is_a_fault_and_one_without_counters_is_none() {
        assert_eq!(received_by_interface(&counters(0, 1_000)), Some(1_000));
        assert_eq!(sent_by_interface(&CounterPair::default()), None);
        let fault = |interface, frames| fault("net_af_xdp0", Engine::Sink, interface, frames);
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
