//! Where the frames of a trial went: counted by sequence, attributed by counters.

use methodology::trial::{DirectionOutcome, LossDomains};
use reporter::record;

use super::accounting::Discards;
use super::both_ends::{OneWay, OpenPorts, RoundTrips};

/// Of a trial to a sink.
pub(super) fn of_one_way(trial: &OneWay, ports: &OpenPorts) -> LossDomains {
    let (sent, received) = (&trial.sent, &trial.received);
    let came = trial.of_streams();
    let discards = Discards::of(&received.loops.counters, &ports.receiver);
    LossDomains {
        unsent: sent.frames_unsent + sent.frames_skipped,
        lost: sent.frames_sent.saturating_sub(came.received),
        duplicate: came.duplicate,
        reordered: came.reordered,
        corrupt: received.corrupt,
        foreign: received.foreign,
        window_exceeded: came.window_exceeded,
        ..attributed(discards)
    }
}

/// Of a trial to a reflector: what came back to the sender. Without delays, a frame that has not returned by the end of the drain is lost, as it is for a
/// sink (RFC 2544 §23 d).
pub(super) fn of_round_trips(trips: &RoundTrips, ports: &OpenPorts, with_delays: bool) -> LossDomains {
    let sent = &trips.sent;
    let returned = sent.returned.clone().unwrap_or_default();
    LossDomains {
        unsent: sent.frames_unsent + sent.frames_skipped,
        reflector_unsent: trips.reflected.unsent,
        lost: sent.frames_sent.saturating_sub(returned.received + if with_delays { returned.in_flight } else { 0 }),
        duplicate: returned.duplicate,
        reordered: returned.reordered,
        corrupt: returned.corrupt,
        foreign: returned.foreign,
        window_exceeded: returned.window_exceeded,
        ..attributed(Discards::of(&sent.loops.counters, &ports.sender))
    }
}

fn attributed(discards: Discards) -> LossDomains {
    LossDomains {
        nic_discard: discards.nic.unwrap_or(0),
        no_descriptor: discards.no_descriptor.unwrap_or(0),
        no_mbuf: discards.no_mbuf.unwrap_or(0),
        ..LossDomains::default()
    }
}

/// The domains of all directions of a trial, as a record holds them.
pub(super) fn of_directions(directions: &[DirectionOutcome]) -> record::LossDomains {
    directions.iter().map(|direction| in_record(&direction.loss)).fold(record::LossDomains::default(), |sum, of| record::LossDomains {
        unsent: sum.unsent + of.unsent,
        reflector_unsent: sum.reflector_unsent + of.reflector_unsent,
        nic_discard: sum.nic_discard + of.nic_discard,
        no_descriptor: sum.no_descriptor + of.no_descriptor,
        no_mbuf: sum.no_mbuf + of.no_mbuf,
        lost: sum.lost + of.lost,
        duplicate: sum.duplicate + of.duplicate,
        reordered: sum.reordered + of.reordered,
        corrupt: sum.corrupt + of.corrupt,
        foreign: sum.foreign + of.foreign,
        window_exceeded: sum.window_exceeded + of.window_exceeded,
    })
}

/// The same domains, as a record holds them.
pub(super) fn in_record(loss: &LossDomains) -> record::LossDomains {
    let LossDomains {
        unsent,
        reflector_unsent,
        nic_discard,
        no_descriptor,
        no_mbuf,
        lost,
        duplicate,
        reordered,
        corrupt,
        foreign,
        window_exceeded,
    } = *loss;
    record::LossDomains {
        unsent,
        reflector_unsent,
        nic_discard,
        no_descriptor,
        no_mbuf,
        lost,
        duplicate,
        reordered,
        corrupt,
        foreign,
        window_exceeded,
    }
}
