//! Draws the flows of a spec: pseudorandom, all different, the same each time.

use std::collections::HashSet;
use std::net::IpAddr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::entry::Flow;
use super::spec::{FlowError, FlowSpec, PortRange, Prefix};
use crate::frame::layout::Network;
use crate::frame::template::Template;

/// Different flows for frames of `template`, as many as the spec asks for.
pub(super) fn draw(spec: &FlowSpec, template: &Template) -> Result<Vec<Flow>, FlowError> {
    let draw_one: Box<dyn Fn(&mut ChaCha8Rng) -> Flow> = match template.spec().network {
        Network::Ethernet => {
            let tester_port = spec.tester_port;
            Box::new(move |rng| Flow::Mac { destination: mac(rng, tester_port.wrapping_add(1)), source: mac(rng, tester_port) })
        }
        Network::Ipv4 { source, destination } => {
            let (sources, destinations) = ranges(spec, source.into(), destination.into())?;
            let (IpAddr::V4(source), IpAddr::V4(destination)) = (sources.address(), destinations.address()) else {
                return Err(FlowError::Version { prefix: other_version(sources, destinations, true), frames: "IPv4" });
            };
            let spec = spec.clone();
            Box::new(move |rng| Flow::Ipv4 {
                source: host(rng, u32::from(source), &sources).to_be_bytes(),
                destination: host(rng, u32::from(destination), &destinations).to_be_bytes(),
                ports: [port(rng, spec.source_ports), port(rng, spec.destination_ports)],
            })
        }
        Network::Ipv6 { source, destination } => {
            let (sources, destinations) = ranges(spec, source.into(), destination.into())?;
            let (own_source, own_destination) = (source, destination);
            let (IpAddr::V6(source), IpAddr::V6(destination)) = (sources.address(), destinations.address()) else {
                return Err(FlowError::Version { prefix: other_version(sources, destinations, false), frames: "IPv6" });
            };
            // A table writes only the lower 32 bits. The upper bits are those of the template and must be in the prefix.
            for (own, prefix) in [(own_source, source), (own_destination, destination)] {
                if own.octets()[..12] != prefix.octets()[..12] {
                    return Err(FlowError::OutsideTemplate { prefix, own });
                }
            }
            let spec = spec.clone();
            Box::new(move |rng| Flow::Ipv6 {
                source: host6(rng, source.octets(), &sources),
                destination: host6(rng, destination.octets(), &destinations),
                ports: [port(rng, spec.source_ports), port(rng, spec.destination_ports)],
            })
        }
    };
    let mut rng = ChaCha8Rng::seed_from_u64(spec.seed);
    let count = spec.count.get() as usize;
    let (mut seen, mut flows) = (HashSet::with_capacity(count), Vec::with_capacity(count));
    while flows.len() < count {
        let flow = draw_one(&mut rng);
        if seen.insert(flow) {
            flows.push(flow);
        }
    }
    Ok(flows)
}

/// Source and destination prefixes. Checks that they hold enough flows: otherwise drawing would never end.
fn ranges(spec: &FlowSpec, source: IpAddr, destination: IpAddr) -> Result<(Prefix, Prefix), FlowError> {
    let around = |address: IpAddr| Prefix::new(address, if address.is_ipv4() { 16 } else { 64 });
    let sources = spec.sources.map_or_else(|| around(source), Ok)?;
    let destinations = spec.destinations.map_or_else(|| around(destination), Ok)?;
    let ports = spec.source_ports.capacity() * spec.destination_ports.capacity();
    let capacity = u128::from(sources.capacity()) * u128::from(destinations.capacity()) * u128::from(ports);
    if u128::from(spec.count.get()) > capacity {
        return Err(FlowError::Overflow {
            flows: spec.count.get(),
            sources: sources.capacity(),
            destinations: destinations.capacity(),
            ports,
            capacity,
        });
    }
    Ok((sources, destinations))
}

fn other_version(sources: Prefix, destinations: Prefix, ipv4: bool) -> IpAddr {
    if sources.address().is_ipv4() == ipv4 { destinations.address() } else { sources.address() }
}

/// `(RR & 0xFC):PP:PP:RR:RR:RR`, PP:PP the tester's port from 1 (RFC 4814 §4.2): unicast, universally administered, random.
fn mac(rng: &mut ChaCha8Rng, tester_port: u16) -> [u8; 6] {
    let [first, a, b, c] = rng.next_u32().to_be_bytes();
    let [high, low] = tester_port.to_be_bytes();
    [first & 0xfc, high, low, a, b, c]
}

fn host(rng: &mut ChaCha8Rng, address: u32, prefix: &Prefix) -> u32 {
    let mask = ((1u64 << prefix.host_bits()) - 1) as u32;
    let (first, last) = prefix.hosts();
    address & !mask | (first + below(rng, u64::from(last) - u64::from(first) + 1) as u32)
}

fn host6(rng: &mut ChaCha8Rng, mut address: [u8; 16], prefix: &Prefix) -> [u8; 16] {
    let low = u32::from_be_bytes([address[12], address[13], address[14], address[15]]);
    address[12..].copy_from_slice(&host(rng, low, prefix).to_be_bytes());
    address
}

fn port(rng: &mut ChaCha8Rng, range: PortRange) -> u16 {
    range.first() + below(rng, range.capacity()) as u16
}

/// Uniform below `bound` (at most 2^32): the bias of multiply-and-shift on 64 random bits is below 2^-32.
fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(bound)) >> 64) as u64
}
