//! A bridge of the kernel between two interfaces.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::changes::{Changes, Undo};
use super::error::DeviceError;
use super::place::Place;

/// How long a bridge port may take to forward after its link is up: a second (net/core/link_watch.c), and NICs train their links.
const READY_LIMIT: Duration = Duration::from_secs(15);

const INTERVAL: Duration = Duration::from_millis(50);

/// `BR_STATE_FORWARDING` of <linux/if_bridge.h>.
const FORWARDING: &str = "3";

/// When the links of a device's interfaces are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Before the device starts: the kernel has the ends' interfaces.
    AreUp,
    /// When DPDK starts the ends' ports, after the device: many NICs have no link before.
    ComeWithTheEnds,
}

/// Tells the bridges of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Makes the bridge. Returns its configuration.
pub(super) fn start(
    place: &Place,
    changes: &mut Changes,
    interfaces: &[String; 2],
    links: Links,
    interrupted: &AtomicBool,
) -> Result<Vec<String>, DeviceError> {
    // Multicast snooping would send queries, and the forward delay is that of a spanning tree, which this bridge does not have.
    let settings = ["type", "bridge", "stp_state", "0", "mcast_snooping", "0", "forward_delay", "0"];
    let name = create(changes, &settings)?;
    // No address of its own: its neighbour discovery would be foreign frames.
    place.ask(&["ip", "link", "set", "dev", &name, "addrgenmode", "none"])?;
    for interface in interfaces {
        let link = link(place, interface)?;
        let master = link.get("master").and_then(Value::as_str).map(str::to_owned);
        let enslave = ["ip", "link", "set", "dev", interface, "master", &name];
        changes.make(Undo::Master { interface: interface.clone(), master }, &enslave)?;
        bring_up(changes, interface, &link)?;
    }
    place.ask(&["ip", "link", "set", "dev", &name, "up"])?;
    let configuration = vec![settings.join(" "), format!("ports {}", interfaces.join(", "))];
    if links == Links::ComeWithTheEnds {
        return Ok(configuration);
    }
    let deadline = Instant::now() + READY_LIMIT;
    for interface in interfaces {
        while !forwards(place, interface)? {
            if interrupted.load(Ordering::Relaxed) {
                break;
            }
            if Instant::now() >= deadline {
                return Err(DeviceError::NotReady {
                    device: place.device.clone(),
                    place: place.location.to_string(),
                    limit_s: READY_LIMIT.as_secs(),
                    state: format!("the bridge port {interface} does not forward; check that its link is up (`ip link show {interface}`)"),
                });
            }
            std::thread::sleep(INTERVAL);
        }
    }
    Ok(configuration)
}

/// Makes a bridge with a name that no other has. Another machine's linerate may have made one with this process's number.
fn create(changes: &mut Changes, settings: &[&str]) -> Result<String, DeviceError> {
    let mut attempts = 0;
    loop {
        // At most 15 characters: `lrb`, the process in base 16, a number.
        let name = format!("lrb{:x}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed) % 100);
        let create = [&["ip", "link", "add", "name", &name][..], settings].concat();
        match changes.make(Undo::DeleteLink { name: name.clone() }, &create) {
            Err(error) if error.exists_already() && attempts < 10 => attempts += 1,
            made => return made.map(|()| name),
        }
    }
}

/// Whether both interfaces are still ports of a bridge that forward; otherwise what is wrong.
pub(super) fn check(place: &Place, interfaces: &[String; 2]) -> Result<(), String> {
    interfaces.iter().try_for_each(|interface| match forwards(place, interface) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("interface {interface} is not a bridge port that forwards any more")),
        Err(error) => Err(error.to_string()),
    })
}

/// An interface that is down is brought up.
pub(super) fn bring_up(changes: &mut Changes, interface: &str, link: &Value) -> Result<(), DeviceError> {
    let flags = link.get("flags").and_then(Value::as_array);
    if flags.is_some_and(|flags| flags.iter().any(|flag| flag == "UP")) {
        return Ok(());
    }
    changes.make(Undo::LinkDown { interface: interface.to_owned() }, &["ip", "link", "set", "dev", interface, "up"])
}

/// What `ip -json link show` says of an interface.
pub(super) fn link(place: &Place, interface: &str) -> Result<Value, DeviceError> {
    let said = place.ask(&["ip", "-json", "link", "show", "dev", interface])?;
    let mut links: Value = serde_json::from_str(&said).unwrap_or_default();
    Ok(links.get_mut(0).map(Value::take).unwrap_or_default())
}

fn forwards(place: &Place, interface: &str) -> Result<bool, DeviceError> {
    let folder = format!("/sys/class/net/{interface}");
    match place.ask(&["cat", &format!("{folder}/brport/state"), &format!("{folder}/operstate")]) {
        Ok(said) => Ok(said.split_whitespace().eq([FORWARDING, "up"])),
        // It is not a bridge port.
        Err(DeviceError::Refused { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
