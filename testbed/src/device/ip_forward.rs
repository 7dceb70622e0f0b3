//! The kernel as a router between two interfaces, for the addresses of RFC 2544.
//!
//! What comes in at one interface for 198.18.0.0/15 (RFC 2544 C.2.2, RFC 6815 §4.2) goes out at the other, by a rule and a table for each
//! direction: the addresses of test frames are the same in both directions, so that one table could not tell where they go. The next hop is a
//! neighbour that is set, so that no ARP frame is among the test frames.

use std::time::Duration;

use dataplane::MacAddress;
use serde_json::Value;

use super::bridge::{Links, bring_up, link};
use super::changes::{Changes, Undo};
use super::error::DeviceError;
use super::place::Place;
use crate::topology::InterfaceAddress;

/// The addresses of test frames.
const BENCHMARKING: &str = "198.18.0.0/15";

/// Stands for the receiver behind an interface: link-local (RFC 3927), and on no other link.
const NEXT_HOP: &str = "169.254.25.44";

/// The first three numbers of the addresses of its interfaces.
const OWN_NETWORK: &str = "169.254.25";

/// Before the rules of a usual configuration, whose main table has 32766.
const PRIORITY: &str = "2544";

/// Added to the index of an interface, for the number of its table: far from the tables of people.
const FIRST_TABLE: u32 = 2_544_000;

/// How long the kernel may take for a link that comes up.
const LINK_LIMIT: Duration = Duration::from_secs(15);

/// Sets the router up. Returns the addresses of its two interfaces, and its configuration.
pub(super) fn start(
    place: &Place,
    changes: &mut Changes,
    interfaces: &[String; 2],
    addresses: Option<&[InterfaceAddress; 2]>,
    links: Links,
) -> Result<([MacAddress; 2], Vec<String>), DeviceError> {
    let mut configuration = Vec::new();
    for interface in interfaces {
        let link = link(place, interface)?;
        bring_up(changes, interface, &link)?;
        // Not net.ipv4.ip_forward: a change of it resets all parameters of all interfaces (Documentation/networking/ip-sysctl.rst).
        set(changes, &mut configuration, interface, "forwarding", "1")?;
        set(changes, &mut configuration, interface, "rp_filter", "0")?;
    }
    // The larger of this and the interface's counts.
    set(changes, &mut configuration, "all", "rp_filter", "0")?;
    let mut macs = Vec::new();
    for (index, interface) in interfaces.iter().enumerate() {
        macs.push(mac(place, interface)?);
        // With its own address: without any, the kernel has no local table, and takes every next hop for a broadcast address (net/ipv4/fib_frontend.c,
        // `__inet_dev_addr_type`).
        let own = format!("{OWN_NETWORK}.{}/32", index + 1);
        for address in std::iter::once(own).chain(addresses.map(|addresses| addresses[index].to_string())) {
            let undo = Undo::DeleteAddress { interface: interface.clone(), address: address.clone() };
            // Looked up first: if this process ended between the note and the refused command, the next run would delete an address of the user's.
            if !has_address(place, interface, &address)? {
                changes.make(undo, &["ip", "address", "add", &address, "dev", interface])?;
            }
            configuration.push(format!("{interface}: {address}"));
        }
        if links == Links::AreUp {
            wait_for_link(place, interface)?;
        }
        let (other, table) = (&interfaces[1 - index], table(place, interface)?);
        let number = table.to_string();
        // The table's number is linerate's own: what a run left there that could not put it back is replaced.
        let route = ["ip", "route", "replace", BENCHMARKING, "via", NEXT_HOP, "dev", other, "onlink", "table", &number];
        changes.make(Undo::FlushTable { table }, &route)?;
        let rule = ["ip", "rule", "add", "iif", interface, "to", BENCHMARKING, "lookup", &number, "priority", PRIORITY];
        match changes.make(Undo::DeleteRule { interface: interface.clone(), table }, &rule) {
            // The same rule, left by such a run.
            Err(error) if error.exists_already() => changes.note(Undo::DeleteRule { interface: interface.clone(), table })?,
            made => made?,
        }
        configuration.push(format!("{BENCHMARKING} from {interface} to {other}"));
    }
    let [first, second] = macs[..] else { return Err(not_ready(place, "it has no two interfaces".to_owned())) };
    Ok(([first, second], configuration))
}

/// Sets the neighbours behind its interfaces: the ends' addresses.
pub(super) fn set_neighbours(
    changes: &mut Changes,
    place: &Place,
    interfaces: &[String; 2],
    ends: [MacAddress; 2],
) -> Result<(), DeviceError> {
    for (interface, end) in interfaces.iter().zip(ends) {
        let undo = Undo::DeleteNeighbour { interface: interface.clone(), address: NEXT_HOP.to_owned() };
        let replace = ["ip", "neigh", "replace", NEXT_HOP, "lladdr", &end.to_string(), "nud", "permanent", "dev", interface];
        if changes.has(&undo) {
            place.ask(&replace)?;
        } else {
            changes.make(undo, &replace)?;
        }
    }
    Ok(())
}

fn set(changes: &mut Changes, configuration: &mut Vec<String>, interface: &str, key: &str, value: &str) -> Result<(), DeviceError> {
    // A file and not a key of sysctl(8), where a dot in the name of an interface would separate.
    changes.set_file(&format!("/proc/sys/net/ipv4/conf/{interface}/{key}"), value)?;
    configuration.push(format!("net.ipv4.conf.{interface}.{key} = {value}"));
    Ok(())
}

/// Whether the interface has this address, such as `192.0.2.1/24`.
fn has_address(place: &Place, interface: &str, address: &str) -> Result<bool, DeviceError> {
    let said = place.ask(&["ip", "-json", "address", "show", "dev", interface])?;
    let links: Value = serde_json::from_str(&said).unwrap_or_default();
    let addresses = links.get(0).and_then(|link| link.get("addr_info")).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let written = |of: &Value| Some(format!("{}/{}", of.get("local")?.as_str()?, of.get("prefixlen")?.as_u64()?));
    Ok(addresses.iter().any(|of| written(of).as_deref() == Some(address)))
}

fn mac(place: &Place, interface: &str) -> Result<MacAddress, DeviceError> {
    let text = place.read(&format!("/sys/class/net/{interface}/address"))?;
    text.parse().map_err(|_| not_ready(place, format!("interface {interface} has no Ethernet address (`{text}`)")))
}

fn table(place: &Place, interface: &str) -> Result<u32, DeviceError> {
    let text = place.read(&format!("/sys/class/net/{interface}/ifindex"))?;
    let index: u32 = text.parse().map_err(|_| not_ready(place, format!("interface {interface} has no index (`{text}`)")))?;
    Ok(FIRST_TABLE.saturating_add(index))
}

/// A route through an interface needs its link.
fn wait_for_link(place: &Place, interface: &str) -> Result<(), DeviceError> {
    let deadline = std::time::Instant::now() + LINK_LIMIT;
    while place.read(&format!("/sys/class/net/{interface}/operstate"))? == "down" {
        if std::time::Instant::now() >= deadline {
            return Err(not_ready(place, format!("the link of {interface} is down")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn not_ready(place: &Place, state: String) -> DeviceError {
    DeviceError::NotReady { device: place.device.clone(), place: place.location.to_string(), limit_s: LINK_LIMIT.as_secs(), state }
}
