//! The link of a port.

use std::time::Duration;

use dpdk_sys as sys;
use methodology::units::LinkSpeed;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::device::Device;

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) is_up: bool,
    /// `None` for software ports, whatever they report, and where the port reports no speed: many NICs do so until the link is up.
    pub(super) speed: Option<LinkSpeed>,
}

impl Link {
    /// The link of `device` now.
    pub(super) fn of(device: &Device) -> Link {
        let mut link = sys::lr_link::default();
        // SAFETY: the port exists as long as `device` does.
        let error = unsafe { sys::lr_link_get_nowait(device.id(), &mut link) };
        let speed = match link.speed_mbps {
            _ if device.is_software() => None,
            0 | u32::MAX => None, // RTE_ETH_SPEED_NUM_NONE and RTE_ETH_SPEED_NUM_UNKNOWN
            mbps => Some(LinkSpeed::from_mbps(mbps)),
        };
        Link { is_up: error == 0 && link.up != 0 && device.interface().is_none_or(has_carrier), speed }
    }
}

/// How often a link is read while it is waited for.
const INTERVAL: Duration = Duration::from_millis(1);

/// Reads the link until it is up, and returns it with its speed then; `None` where it is still down when `elapsed` has reached `limit`. A NIC
/// trains its link after the port was started, for several seconds.
pub(super) fn wait_until_up(
    limit: Duration,
    mut read: impl FnMut() -> Link,
    mut elapsed: impl FnMut() -> Duration,
    mut pause: impl FnMut(Duration),
) -> Option<Link> {
    loop {
        let link = read();
        if link.is_up {
            return Some(link);
        }
        if elapsed() >= limit {
            return None;
        }
        pause(INTERVAL);
    }
}

/// Whether an interface is up and has a carrier (netdevice(7), IFF_RUNNING). False where it does not exist.
fn has_carrier(interface: &str) -> bool {
    let up = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    getifaddrs().is_ok_and(|mut all| all.any(|one| one.interface_name == interface && one.flags.contains(up)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A link that comes up, with its speed, at the read number `up_at`, in time that passes only while it is waited for.
    fn wait(up_at: u32, limit: Duration) -> (Option<Link>, Duration) {
        let (reads, now) = (Cell::new(0), Cell::new(Duration::ZERO));
        let read = || {
            reads.set(reads.get() + 1);
            let is_up = reads.get() >= up_at;
            Link { is_up, speed: is_up.then(|| LinkSpeed::from_mbps(25_000)) }
        };
        let link = wait_until_up(limit, read, || now.get(), |pause| now.set(now.get() + pause));
        (link, now.get())
    }

    #[test]
    fn the_speed_is_that_of_the_link_when_it_has_come_up() {
        let up = Link { is_up: true, speed: Some(LinkSpeed::from_mbps(25_000)) };
        assert_eq!(wait(1, Duration::ZERO), (Some(up), Duration::ZERO));
        // Three seconds of reads.
        assert_eq!(wait(3_001, Duration::from_secs(10)), (Some(up), Duration::from_secs(3)));
    }

    #[test]
    fn a_link_that_stays_down_is_waited_for_until_the_limit_and_no_longer() {
        assert_eq!(wait(u32::MAX, Duration::from_secs(1)), (None, Duration::from_secs(1)));
        assert_eq!(wait(u32::MAX, Duration::ZERO), (None, Duration::ZERO));
    }
}
