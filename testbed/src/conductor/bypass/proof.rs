//! The proof that a device in the path forwards as it must, before anything is measured through it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dataplane::MacAddress;
use methodology::units::FrameSize;
use reporter::record::{EndpointId, Pair};
use thiserror::Error;

use super::both_ends::Way;
use super::pair::{BypassError, BypassPair};
use super::passing::Passed;
use crate::conductor::path_device::InPath;
use crate::device::{DeviceCounters, DeviceError};
use crate::topology::{DeviceId, Forwarding};

/// How long a device may take until frames pass in both directions.
const READY_LIMIT: Duration = Duration::from_secs(15);

/// Frames of one attempt. One is enough; a device that loses some is measured, and not refused.
const FRAMES: u64 = 8;

/// Between two attempts.
const INTERVAL: Duration = Duration::from_millis(200);

/// Where an IPv4 frame without tags has what a device may change.
const TTL: usize = 22;
const SOURCE: usize = 26;
const DESTINATION: usize = 30;
/// The UDP source port, and the destination port after it.
const PORTS: usize = 34;

/// A device does not forward as it must.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PathFault {
    /// Nothing passes.
    #[error("device `{device}` did not become ready: no test frame passed within {} s; {far}", READY_LIMIT.as_secs())]
    NeverReady {
        /// The device.
        device: DeviceId,
        /// How far the frames came.
        far: String,
    },
    /// Frames pass in one direction only.
    #[error("device `{device}` forwards from `{}` to `{}` only, and nothing the other way within {} s; {far}", passing.0, passing.1, READY_LIMIT.as_secs())]
    OneWayOnly {
        /// The device.
        device: DeviceId,
        /// From where to where frames pass.
        passing: (EndpointId, EndpointId),
        /// How far the other frames came.
        far: String,
    },
    /// Frames come back to the port that sent them, although both addresses were learned.
    #[error(
        "device `{device}` floods: {returned} of {sent} test frames from `{from}` to `{to}` came back to `{from}`, although learning frames were sent both ways (RFC 2544 §23); it must forward a frame to the port of its destination only"
    )]
    Floods {
        /// The device.
        device: DeviceId,
        /// The end that sent.
        from: EndpointId,
        /// The end that was meant.
        to: EndpointId,
        /// Frames sent.
        sent: u64,
        /// Frames that came back.
        returned: u64,
    },
    /// Frames come in at the port that the testbed names for the other end.
    #[error(
        "device `{device}`: frames from `{from}` come in at its port {port}, which the testbed joins to `{to}`: exchange the two ends of `joins`, or the two ports of `between`"
    )]
    SidesExchanged {
        /// The device.
        device: DeviceId,
        /// The end that sent.
        from: EndpointId,
        /// The end that the port is joined to in the testbed.
        to: EndpointId,
        /// Where the frames came in.
        port: String,
    },
    /// The headers are not as its kind says.
    #[error("device `{device}` must do `{}` to frames, and a frame from `{from}` arrived with {found}", mode.name())]
    WrongHeaders {
        /// The device.
        device: DeviceId,
        /// What it must do.
        mode: Forwarding,
        /// Where the frame came from.
        from: EndpointId,
        /// What is wrong.
        found: String,
    },
}

/// Why a path is not proved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The device does not forward as it must.
    #[error(transparent)]
    Fault(#[from] PathFault),
    /// The device cannot be counted or has ended.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// An agent.
    #[error(transparent)]
    Bypass(#[from] BypassError),
}

/// Joins the device to both ends, and sends test frames both ways until they pass.
pub fn prove(pair: &mut BypassPair, ends: &Pair, path: &mut InPath, size: FrameSize, interrupted: &AtomicBool) -> Result<(), ProofError> {
    let macs = [pair.ports.sender.port.mac, pair.ports.receiver.port.mac];
    path.device.join(path.passage.order(macs))?;
    pair.go_through(path.device.own_addresses().map(|own| path.passage.order(own)));
    let deadline = Instant::now() + READY_LIMIT;
    let device = path.device.id().clone();
    // A bridge forwards when its links are up, which may come with the ends' ports: only a process that has ended ends the wait.
    let count = |path: &mut InPath| {
        path.device.check_process()?;
        path.device.counters()
    };
    // The first way back teaches a switch where the receiver is.
    loop {
        let before = count(path)?;
        let backward = pair.pass(Way::Backward, FRAMES, size, interrupted)?;
        let forward = pair.pass(Way::Forward, FRAMES, size, interrupted)?;
        let after = count(path)?;
        if interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
        if backward.received > 0 && forward.received > 0 {
            // Sent when the addresses at both ends were known.
            let back_again = pair.pass(Way::Backward, FRAMES, size, interrupted)?;
            let before = count(path)?;
            pair.pass(Way::Forward, FRAMES, size, interrupted)?;
            let counted = count(path)?.zip(before).and_then(|(after, before)| after.since(before));
            check_sides(path, ends, counted)?;
            check(path, ends, Way::Forward, &forward)?;
            check(path, ends, Way::Backward, &back_again)?;
            return Ok(());
        }
        if Instant::now() < deadline {
            std::thread::sleep(INTERVAL);
            continue;
        }
        let counted = after.zip(before).and_then(|(after, before)| after.since(before));
        let far = |way, passed: &Passed| how_far(path, ends, way, passed, counted);
        return Err(match (forward.received > 0, backward.received > 0) {
            (true, _) => {
                let passing = (ends.from.clone(), ends.to.clone());
                PathFault::OneWayOnly { device, passing, far: far(Way::Backward, &backward) }
            }
            (false, true) => {
                let passing = (ends.to.clone(), ends.from.clone());
                PathFault::OneWayOnly { device, passing, far: far(Way::Forward, &forward) }
            }
            (false, false) => PathFault::NeverReady { device, far: far(Way::Forward, &forward) },
        }
        .into());
    }
}

/// Where the frames were last seen: sent, in at the device, out of the device, received.
fn how_far(path: &InPath, ends: &Pair, way: Way, passed: &Passed, counted: Option<DeviceCounters>) -> String {
    let (from, to) = ends_of(ends, way);
    let sent = format!("`{from}` sent {}", passed.sent);
    let received = format!("`{to}` received {}", passed.received);
    let sides = counted.zip(path.device.device().port_names()).map(|(counted, names)| {
        let mut sides = path.passage.order([(names[0].clone(), counted.ports[0]), (names[1].clone(), counted.ports[1])]);
        if way == Way::Backward {
            sides.reverse();
        }
        sides
    });
    let Some([(first, near), (second, far)]) = sides else {
        return format!("{sent} frames, {received}; the device has no counters");
    };
    let (taken, given) = (near.received, far.sent);
    let seen = format!("{sent} frames, its port {first} took {taken} in, its port {second} gave {given} out, and {received}");
    let place = match (taken, given) {
        (0, _) => "they did not reach the device",
        (_, 0) => "they were lost inside the device",
        _ => "they were lost after the device",
    };
    format!("{seen}: {place}")
}

fn ends_of(ends: &Pair, way: Way) -> (&EndpointId, &EndpointId) {
    match way {
        Way::Forward => (&ends.from, &ends.to),
        Way::Backward => (&ends.to, &ends.from),
    }
}

/// Checks that frames of the forward direction came in where the testbed says: otherwise each port's counts would be taken for the other's.
fn check_sides(path: &InPath, ends: &Pair, counted: Option<DeviceCounters>) -> Result<(), PathFault> {
    let (Some(counted), Some(names)) = (counted, path.device.device().port_names()) else { return Ok(()) };
    let [near, (port, far)] = path.passage.order([(names[0].clone(), counted.ports[0]), (names[1].clone(), counted.ports[1])]);
    // Counters may be read late, and other frames may be counted: only the exchange itself is a fault.
    if near.1.received == 0 && far.received > 0 && near.1.sent > 0 {
        return Err(PathFault::SidesExchanged { device: path.device.id().clone(), from: ends.from.clone(), to: ends.to.clone(), port });
    }
    Ok(())
}

/// Checks one way: nothing came back, and the headers are as the device must leave them.
fn check(path: &InPath, ends: &Pair, way: Way, passed: &Passed) -> Result<(), PathFault> {
    let (device, (from, to)) = (path.device.id().clone(), ends_of(ends, way));
    if passed.returned > 0 {
        let (from, to) = (from.clone(), to.clone());
        return Err(PathFault::Floods { device, from, to, sent: passed.sent, returned: passed.returned });
    }
    let Some((mode, headers)) = path.device.device().kind.forwarding().zip(passed.headers.as_deref()) else { return Ok(()) };
    match wrong_headers(mode, &Sent::of(passed), headers) {
        None => Ok(()),
        Some(found) => Err(PathFault::WrongHeaders { device, mode, from: from.clone(), found }),
    }
}

/// The headers with which frames were sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// Source and destination.
    macs: [MacAddress; 2],
    /// Source and destination.
    udp_ports: [u16; 2],
    ttl: u8,
}

impl Sent {
    fn of(passed: &Passed) -> Self {
        Sent { macs: passed.addresses, udp_ports: passed.udp_ports, ttl: passed.ttl }
    }
}

/// What is wrong with the headers of a frame that was sent with others; none where nothing is.
fn wrong_headers(mode: Forwarding, sent: &Sent, headers: &[u8]) -> Option<String> {
    let [source, destination] = sent.macs;
    let mac = |at: usize| headers.get(at..at + 6).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok()).map(MacAddress);
    let udp_port = |at: usize| headers.get(at..at + 2).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok()).map(u16::from_be_bytes);
    // Sent from the first half of the benchmarking prefix to the second.
    let swapped_ip =
        matches!((headers.get(SOURCE..SOURCE + 2), headers.get(DESTINATION..DESTINATION + 2)), (Some([198, 19]), Some([198, 18])));
    let (arrived_to, arrived_from, ttl) = (mac(0)?, mac(6)?, *headers.get(TTL)?);
    let ports = [udp_port(PORTS)?, udp_port(PORTS + 2)?];
    let macs = format!("the Ethernet addresses {arrived_from} → {arrived_to} (sent: {source} → {destination})");
    let ttl_less_one = || {
        (ttl.checked_add(1) != Some(sent.ttl)).then(|| format!("TTL {ttl} (sent: {}; a router takes one off, RFC 1812 §5.3.1)", sent.ttl))
    };
    let ttl_kept = || (ttl != sent.ttl).then(|| format!("TTL {ttl} (sent: {})", sent.ttl));
    let ip =
        |wanted: bool| (swapped_ip != wanted).then(|| format!("IP addresses that were {}exchanged", if swapped_ip { "" } else { "not " }));
    let udp = |wanted: [u16; 2]| {
        let [from, to] = sent.udp_ports;
        (ports != wanted).then(|| format!("the UDP ports {} → {} (sent: {from} → {to})", ports[0], ports[1]))
    };
    let (kept, exchanged) = (sent.udp_ports, [sent.udp_ports[1], sent.udp_ports[0]]);
    match mode {
        Forwarding::Io if (arrived_from, arrived_to) != (source, destination) => Some(macs),
        Forwarding::MacSwap | Forwarding::FiveTupleSwap if (arrived_from, arrived_to) != (destination, source) => Some(macs),
        Forwarding::Route if arrived_from == source || arrived_to == destination => Some(macs),
        Forwarding::Io | Forwarding::MacSwap => ip(false).or_else(|| udp(kept)).or_else(ttl_kept),
        Forwarding::FiveTupleSwap => ip(true).or_else(|| udp(exchanged)).or_else(ttl_kept),
        Forwarding::Route => ip(false).or_else(|| udp(kept)).or_else(ttl_less_one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: MacAddress = MacAddress::local(1);
    const THERE: MacAddress = MacAddress::local(2);

    const SENT: Sent = Sent { macs: [HERE, THERE], udp_ports: [0xc020, 7], ttl: 64 };

    /// The headers of a frame: Ethernet addresses, TTL, second bytes of the IP addresses, UDP ports.
    fn headers(to: MacAddress, from: MacAddress, ttl: u8, ip: [u8; 2], ports: [u16; 2]) -> Vec<u8> {
        let mut bytes = vec![0; 42];
        bytes[0..6].copy_from_slice(&to.0);
        bytes[6..12].copy_from_slice(&from.0);
        bytes[TTL] = ttl;
        bytes[SOURCE..SOURCE + 2].copy_from_slice(&[198, ip[0]]);
        bytes[DESTINATION..DESTINATION + 2].copy_from_slice(&[198, ip[1]]);
        bytes[PORTS..PORTS + 2].copy_from_slice(&ports[0].to_be_bytes());
        bytes[PORTS + 2..PORTS + 4].copy_from_slice(&ports[1].to_be_bytes());
        bytes
    }

    #[test]
    fn each_mode_accepts_what_it_must_do_and_nothing_else() {
        let (third, fourth) = (MacAddress::local(3), MacAddress::local(4));
        let (kept, exchanged) = ([0xc020, 7], [7, 0xc020]);
        let frames = [
            (Forwarding::Io, headers(THERE, HERE, 64, [18, 19], kept)),
            (Forwarding::MacSwap, headers(HERE, THERE, 64, [18, 19], kept)),
            (Forwarding::FiveTupleSwap, headers(HERE, THERE, 64, [19, 18], exchanged)),
            (Forwarding::Route, headers(fourth, third, 63, [18, 19], kept)),
        ];
        for (mode, _) in &frames {
            for (of, frame) in &frames {
                assert_eq!(wrong_headers(*mode, &SENT, frame).is_none(), mode == of, "{mode:?} {of:?}");
            }
        }
        let ttl = wrong_headers(Forwarding::Route, &SENT, &headers(fourth, third, 64, [18, 19], kept)).unwrap();
        assert!(ttl.contains("TTL 64") && ttl.contains("RFC 1812"), "{ttl}");
        let ports = wrong_headers(Forwarding::FiveTupleSwap, &SENT, &headers(HERE, THERE, 64, [19, 18], kept)).unwrap();
        assert_eq!(ports, "the UDP ports 49184 → 7 (sent: 49184 → 7)");
        assert!(wrong_headers(Forwarding::Io, &SENT, &headers(THERE, HERE, 64, [18, 19], exchanged)).is_some());
    }
}
