//! What both ends of a trial report beside the frames: cost, proof of the frame size, and how the loops ran.

use dataplane::SendReport;
use methodology::trial::Engine;
use methodology::units::FrameSize;
use serde_json::{Map, Value, json};

use super::accounting::{Discards, bytes_per_frame};
use super::both_ends::{OneWay, OpenPorts, RoundTrips};
use super::cost::poll_cost;
use super::interface_proof;
use super::poll_loop::{interrupted, uneven};
use super::results::Results;
use super::round_trip_times::rtt_summary;

impl Results {
    /// Notes the cost, the proof of size and the reflector's residence of a trial with round trips.
    pub(super) fn add_round_trips(&mut self, trips: &RoundTrips, ports: &OpenPorts, size: FrameSize) {
        let queues = (ports.sender.port.queues, ports.receiver.port.queues);
        let (sent, reflected) = (&trips.sent, &trips.reflected);
        self.cpu = Some(poll_cost(
            (&sent.loops.cycles, &sent.loops.queues, queues.0),
            (&reflected.loops.cycles, &reflected.loops.queues, queues.1),
        ));
        self.remarks.extend(uneven(&sent.loops.queues, Engine::Generator));
        self.remarks.extend(uneven(&reflected.loops.queues, Engine::Reflector));
        self.values.wire_bytes_per_frame = bytes_per_frame(&trips.reflected.loops.counters, &ports.receiver, size);
        if let Some(residence) = &trips.reflected.residence {
            self.parameters.insert("reflector_residence_ns".to_owned(), json!(rtt_summary(residence)));
        }
        note_generator(&mut self.parameters, &trips.sent);
        self.note_interfaces(interface_proof::noted(&trips.sent.loops.counters, &trips.reflected.loops.counters));
        self.parameters.insert("reflector_hiccups".to_owned(), json!(trips.reflected.loops.hiccups));
    }

    /// Notes the cost and the proof of size of the last trial, whose ends are called `ends`. Of a trial in both directions it is the forward one:
    /// its two ends are those of both.
    ///
    /// A loop that was interrupted makes a single measurement invalid. It says nothing against a search, which repeats every trial that a long
    /// absence cost frames, and knows of a load without loss that the loops kept up: there it is a remark.
    pub(super) fn add_last_trial(&mut self, trial: &OneWay, ends: [Engine; 2], ports: &OpenPorts, size: FrameSize) {
        let queues = (ports.sender.port.queues, ports.receiver.port.queues);
        let (sent, received) = (&trial.sent, &trial.received);
        self.cpu =
            Some(poll_cost((&sent.loops.cycles, &sent.loops.queues, queues.0), (&received.loops.cycles, &received.loops.queues, queues.1)));
        self.remarks.extend(uneven(&received.loops.queues, Engine::Sink));
        self.values.wire_bytes_per_frame = bytes_per_frame(&trial.received.loops.counters, &ports.receiver, size);
        let sender = interrupted(&trial.sent.loops.hiccups, &trial.sent.loops.cycles, ends[0]);
        let receiver = interrupted(&trial.received.loops.hiccups, &trial.received.loops.cycles, ends[1]);
        let searched = self.parameters.get("goals").and_then(Value::as_array).is_some_and(|goals| !goals.is_empty());
        match self.parameters.get_mut("remarks").and_then(Value::as_array_mut) {
            Some(remarks) if searched => remarks.extend(sender.into_iter().chain(receiver).map(|reason| json!(reason.detail))),
            _ => self.reasons.extend(sender.into_iter().chain(receiver)),
        }
        self.note_uncounted(&Discards::of(&trial.received.loops.counters, &ports.receiver));
        note_generator(&mut self.parameters, &trial.sent);
        self.note_interfaces(interface_proof::noted(&trial.sent.loops.counters, &trial.received.loops.counters));
        self.parameters.insert("receiver_hiccups".to_owned(), json!(trial.received.loops.hiccups));
        let interrupted_s = trial.sent.loops.hiccups.total_ns.seconds() + trial.received.loops.hiccups.total_ns.seconds();
        self.parameters.insert("hiccup_time_s".to_owned(), json!(interrupted_s));
    }

    /// Notes what the kernel interfaces below the ports counted.
    fn note_interfaces(&mut self, counted: Option<Value>) {
        self.parameters.extend(counted.map(|counted| ("interface_frames".to_owned(), counted)));
    }

    /// Notes the domains that the receiving port's driver does not count: a 0 in the record means nothing there.
    pub(super) fn note_uncounted(&mut self, discards: &Discards) {
        let uncounted = discards.uncounted();
        if !uncounted.is_empty() {
            self.parameters.insert("uncounted".to_owned(), json!(uncounted));
        }
    }
}

/// What the generator tells of its own work: how even its bursts were, how late, what its port did towards that, and where its checksums come
/// from.
fn note_generator(parameters: &mut Map<String, Value>, sent: &SendReport) {
    parameters.insert("gaps".to_owned(), json!(sent.gaps));
    parameters.insert("checksums".to_owned(), json!(sent.checksums));
    parameters.insert("sender_hiccups".to_owned(), json!(sent.loops.hiccups));
    if let Some(lateness) = &sent.lateness {
        parameters.insert("lateness".to_owned(), json!(lateness));
    }
    if let Some(pacing) = &sent.pacing {
        parameters.insert("pacing_by_port".to_owned(), json!(pacing));
    }
}

#[cfg(test)]
mod tests {
    use dataplane::{Pacing, PacingReport};
    use methodology::units::Nanoseconds;

    use super::*;

    #[test]
    fn what_the_port_did_towards_the_spacing_is_in_the_record_with_the_times_that_it_did_not_keep() {
        let noted = |pacing| {
            let mut parameters = Map::new();
            note_generator(&mut parameters, &SendReport { pacing, ..SendReport::default() });
            parameters.remove("pacing_by_port")
        };
        let by = Pacing::SendOnTimestamp;
        let pacing = PacingReport { by, ahead_ns: Some(Nanoseconds::new(200_000)), queue_limit_mbps: None, times_not_kept: Some(7) };
        assert_eq!(noted(Some(pacing)), Some(json!({ "by": "send-on-timestamp", "ahead_ns": 200_000, "times_not_kept": 7 })));
        assert_eq!(noted(None), None);
    }
}
