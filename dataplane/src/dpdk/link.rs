//! The link of a port.

use dpdk_sys as sys;
use methodology::units::LinkSpeed;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::device::Device;

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) is_up: bool,
    /// `None` where the port reports no speed.
    pub(super) speed: Option<LinkSpeed>,
}

impl Link {
    /// The link of `device` now.
    pub(super) fn of(device: &Device) -> Link {
        let mut link = sys::lr_link::default();
        // SAFETY: the port exists as long as `device` does.
        let error = unsafe { sys::lr_link_get_nowait(device.id(), &mut link) };
        let speed = match link.speed_mbps {
            0 | u32::MAX => None, // RTE_ETH_SPEED_NUM_NONE and RTE_ETH_SPEED_NUM_UNKNOWN
            mbps => Some(LinkSpeed::from_mbps(mbps)),
        };
        Link { is_up: error == 0 && link.up != 0 && device.interface().is_none_or(has_carrier), speed }
    }
}

/// Whether an interface is up and has a carrier (netdevice(7), IFF_RUNNING). False where it does not exist.
fn has_carrier(interface: &str) -> bool {
    let up = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    getifaddrs().is_ok_and(|mut all| all.any(|one| one.interface_name == interface && one.flags.contains(up)))
}
