//! The proof that a tool's traffic crossed the interfaces that the testbed names, over links that stayed up.

use std::net::IpAddr;

use methodology::trial::Direction;
use reporter::kernel_tools::{Extent, Transport};
use reporter::record::{EndpointId, InterfaceBytes, ReasonKind, Record, State};

use super::processes::{Job, PathCounters};
use crate::kernel_end::{InterfaceCounters, Way};
use crate::topology::KernelEndpoint;

/// An interface must count at least this share of the payload that the tool reports. Traffic that takes another path leaves nothing on it.
/// Tools report round trips and rates of parts of their run, so that no exact figure can be asked for.
const LEAST_SHARE: f64 = 0.5;

/// Makes a record invalid whose traffic did not cross the interfaces that the testbed names, or is not proven to, or whose links changed.
///
/// Two endpoints of one machine exchange their traffic over the loopback interface, whatever addresses they have: such a pair is valid
/// with `interface = "lo"` only.
pub(super) fn prove_path(record: &mut Record, job: &Job<'_>, counted: PathCounters) {
    if job.spec.both_ways {
        return prove_both_ways(record, job, counted);
    }
    // The frames of a queue pair pass the kernel by, and the counters of its interface need not have them. They can leave and arrive by the RDMA ports of
    // these interfaces only.
    let moved = payload(record, job).filter(|_| job.spec.transport != Transport::RawEthernet);
    let crossings = [
        Crossing { endpoint: job.from, counted: counted.sender, way: Way::Sent },
        Crossing { endpoint: job.to, counted: counted.receiver, way: Way::Received },
    ];
    let moved = moved.map(|bytes| Moved { by: job.tool.name(), bytes, route: (&job.from.id, job.to.address) });
    prove_crossings(record, &crossings, moved);
}

/// The same for a stream each way: each direction is proven by the counters of its own way at both interfaces.
fn prove_both_ways(record: &mut Record, job: &Job<'_>, counted: PathCounters) {
    if record.verdict.state == State::Failed {
        return;
    }
    let sender = |way| Crossing { endpoint: job.from, counted: counted.sender, way };
    let receiver = |way| Crossing { endpoint: job.to, counted: counted.receiver, way };
    let ways = [
        (Direction::Forward, [sender(Way::Sent), receiver(Way::Received)], (&job.from.id, job.to.address)),
        (Direction::Reverse, [receiver(Way::Sent), sender(Way::Received)], (&job.to.id, job.from.address)),
    ];
    for (kind, detail) in link_changes(&ways[0].1) {
        record.verdict.invalidate(kind, detail);
    }
    let seconds = record.duration_s;
    let mut each = record.directions();
    for (direction, crossings, route) in &ways {
        let Some(one) = each.iter_mut().find(|one| one.direction == *direction) else { continue };
        let bytes = |crossing: &Crossing<'_>| Some(crossing.counted?.of(crossing.way).bytes);
        one.interface_bytes = Some(InterfaceBytes { sent: bytes(&crossings[0]), received: bytes(&crossings[1]) });
        let moved = one.goodput_bps.zip(seconds).map(|(goodput, seconds)| goodput.bps() / 8.0 * seconds);
        let moved = moved.map(|bytes| Moved { by: job.tool.name(), bytes, route: *route });
        for (kind, detail) in missing_bytes(crossings, moved) {
            record.verdict.invalidate(kind, format!("{direction} direction: {detail}"));
            if let Some(verdict) = &mut one.verdict {
                verdict.invalidate(kind, detail);
            }
        }
    }
    record.set_directions(&each);
}

/// An interface that the traffic has to cross, and what it counted.
pub(super) struct Crossing<'a> {
    pub(super) endpoint: KernelEndpoint<'a>,
    pub(super) counted: Option<InterfaceCounters>,
    pub(super) way: Way,
}

/// What a tool says it moved.
#[derive(Clone, Copy)]
pub(super) struct Moved<'a> {
    /// The tool.
    pub(super) by: &'a str,
    /// Bytes of payload.
    pub(super) bytes: f64,
    /// From where to which address, for the advice.
    pub(super) route: (&'a EndpointId, IpAddr),
}

/// Makes a record invalid whose traffic did not cross each of these interfaces, or is not proven to, or whose links changed.
pub(super) fn prove_crossings(record: &mut Record, crossings: &[Crossing<'_>], moved: Option<Moved<'_>>) {
    if record.verdict.state == State::Failed {
        return;
    }
    for (kind, detail) in link_changes(crossings).into_iter().chain(missing_bytes(crossings, moved)) {
        record.verdict.invalidate(kind, detail);
    }
}

/// Links that changed. TCP waits for a link and goes on: its rate is then an average over a time without a link.
fn link_changes(crossings: &[Crossing<'_>]) -> Vec<(ReasonKind, String)> {
    let mut faults = Vec::new();
    for Crossing { endpoint, counted, .. } in crossings {
        let (id, interface) = (&endpoint.id, endpoint.interface);
        let changes = counted.map_or(0, |counted| counted.carrier_changes);
        if changes > 0 {
            let detail = format!("endpoint {id}: the link of interface {interface} changed {changes} times during the measurement");
            faults.push((ReasonKind::LinkChange, detail));
        }
    }
    faults
}

/// Interfaces that did not count the payload, or cannot be read.
fn missing_bytes(crossings: &[Crossing<'_>], moved: Option<Moved<'_>>) -> Vec<(ReasonKind, String)> {
    let mut faults = Vec::new();
    for Crossing { endpoint, counted, way } in crossings {
        let (id, interface) = (&endpoint.id, endpoint.interface);
        let Some(counted) = counted else {
            let detail = format!(
                "endpoint {id}: the counters of interface {interface} cannot be read, so the path of the traffic is not proven; \
                 check `interface` in the testbed"
            );
            faults.push((ReasonKind::CountersDisagree, detail));
            continue;
        };
        let Some(Moved { by, bytes, route: (from, to) }) = moved else { continue };
        if (counted.of(*way).bytes as f64) < LEAST_SHARE * bytes {
            let bytes_counted = counted.of(*way).bytes;
            let way = match way {
                Way::Sent => "sent",
                Way::Received => "received",
            };
            let detail = format!(
                "endpoint {id}: interface {interface} {way} {bytes_counted} bytes while {by} moved {bytes:.0}: the traffic took another path; \
                 check `interface` and `address` in the testbed, and `ip route get {to}` at {from}"
            );
            faults.push((ReasonKind::CountersDisagree, detail));
        }
    }
    faults
}

/// Bytes of payload that the tool says it moved one way; none where its result does not tell.
fn payload(record: &Record, job: &Job<'_>) -> Option<f64> {
    let planned = match job.spec.extent {
        Extent::For(duration) => Some(duration.as_secs_f64()),
        Extent::Bytes(_) | Extent::Messages(_) => None,
    };
    let seconds = record.duration_s.or(planned)?;
    let stream = record.values.goodput_bps.map(|goodput| goodput.bps() / 8.0 * seconds);
    let ping_pong = || {
        let rtt = record.values.rtt_ns.as_ref()?;
        let nanoseconds = rtt.mean.or(rtt.p50).filter(|&ns| ns > 0.0)?;
        Some(seconds * 1e9 / nanoseconds * f64::from(job.spec.size.bytes()))
    };
    stream.or_else(ping_pong)
}
