//! The proof that a tool's traffic crossed the interfaces that the testbed names, over links that stayed up.

use std::net::IpAddr;

use reporter::kernel_tools::Extent;
use reporter::record::{EndpointId, ReasonKind, Record, State};

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
    let moved = payload(record, job);
    let crossings = [
        Crossing { endpoint: job.from, counted: counted.sent, way: Way::Sent },
        Crossing { endpoint: job.to, counted: counted.received, way: Way::Received },
    ];
    let moved = moved.map(|bytes| Moved { by: job.tool.name(), bytes, route: (&job.from.id, job.to.address) });
    prove_crossings(record, &crossings, moved);
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
    // TCP waits for a link and goes on: its rate is then an average over a time without a link.
    for Crossing { endpoint, counted, .. } in crossings {
        let (id, interface) = (&endpoint.id, endpoint.interface);
        let changes = counted.map_or(0, |counted| counted.carrier_changes);
        if changes > 0 {
            let detail = format!("endpoint {id}: the link of interface {interface} changed {changes} times during the measurement");
            record.verdict.invalidate(ReasonKind::LinkChange, detail);
        }
    }
    for Crossing { endpoint, counted, way } in crossings {
        let (id, interface) = (&endpoint.id, endpoint.interface);
        let Some(counted) = counted else {
            let detail = format!(
                "endpoint {id}: the counters of interface {interface} cannot be read, so the path of the traffic is not proven; \
                 check `interface` in the testbed"
            );
            record.verdict.invalidate(ReasonKind::CountersDisagree, detail);
            continue;
        };
        let Some(Moved { by, bytes, route: (from, to) }) = moved else { continue };
        if (counted.traffic.bytes as f64) < LEAST_SHARE * bytes {
            let way = match way {
                Way::Sent => "sent",
                Way::Received => "received",
            };
            let detail = format!(
                "endpoint {id}: interface {interface} {way} {} bytes while {by} moved {bytes:.0}: the traffic took another path; \
                 check `interface` and `address` in the testbed, and `ip route get {to}` at {from}",
                counted.traffic.bytes
            );
            record.verdict.invalidate(ReasonKind::CountersDisagree, detail);
        }
    }
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
