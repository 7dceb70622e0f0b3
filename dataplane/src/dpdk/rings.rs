//! How many descriptors the queues of a port get.

use dpdk_sys as sys;

use super::devargs::PortSpec;
use super::driver::{Driver, Rings};
use super::port_options::PortOptions;
use crate::error::DataplaneError;

/// Descriptors of each receive and of each transmit queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptors {
    pub(super) rx: u16,
    pub(super) tx: u16,
}

/// The limits of one direction, as the driver reports them (`rte_eth_dev_info`, `rx_desc_lim` and `tx_desc_lim`).
#[derive(Debug, Clone, Copy)]
struct Limits {
    direction: &'static str,
    min: u16,
    /// 0: none.
    max: u16,
}

impl Limits {
    fn of(direction: &'static str, limits: sys::lr_dev_info_lr_desc_limits) -> Limits {
        Limits { direction, min: limits.min.max(1), max: limits.max }
    }

    /// An error where a port has no rings of this size.
    fn check(self, port: &str, wanted: Option<u16>) -> Result<(), DataplaneError> {
        let Limits { direction, min, max } = self;
        let largest = if max == 0 { u16::MAX } else { max };
        match wanted {
            Some(wanted) if !(min..=largest).contains(&wanted) => Err(refused(format!(
                "{port} has {min} to {largest} descriptors in a {direction} queue, not {wanted}: use a number between these"
            ))),
            _ => Ok(()),
        }
    }
}

fn refused(why: String) -> DataplaneError {
    DataplaneError::Plan { what: "the number of descriptors", why }
}

/// The descriptors to ask the driver for, or an error where the port does not have as many as `options` wants.
pub(super) fn wanted(spec: &PortSpec, options: &PortOptions, driver: &str, info: &sys::lr_dev_info) -> Result<Descriptors, DataplaneError> {
    let name = spec.name();
    Limits::of("receive", info.rx_desc).check(name, options.rx_descriptors)?;
    Limits::of("transmit", info.tx_desc).check(name, options.tx_descriptors)?;
    let driver = Driver::of(driver);
    let chosen =
        |default: u16| Descriptors { rx: options.rx_descriptors.unwrap_or(default), tx: options.tx_descriptors.unwrap_or(default) };
    match driver.rings {
        Rings::Descriptors { rx, tx } => Ok(Descriptors {
            rx: options.rx_descriptors.unwrap_or(rx.max(info.default_rx_desc)),
            tx: options.tx_descriptors.unwrap_or(tx.max(info.default_tx_desc)),
        }),
        Rings::Peers { frames } => Ok(chosen(frames)),
        Rings::Devargs { key, .. } => {
            let ring = spec.fixed_ring().unwrap_or_default();
            let wanted = chosen(ring);
            let same = wanted == Descriptors { rx: ring, tx: ring };
            let why = || format!("`{key}` sets all rings of {name} to {ring} frames, not {} and {}: write `{key}=…`", wanted.rx, wanted.tx);
            if same { Ok(wanted) } else { Err(refused(why())) }
        }
        Rings::Fixed { frames } => {
            let same = chosen(frames) == Descriptors { rx: frames, tx: frames };
            let why = || format!("{name} always has rings of {frames} frames: remove the number");
            if same { Ok(Descriptors { rx: frames, tx: frames }) } else { Err(refused(why())) }
        }
    }
}

/// What the port was set up with, for an error of its driver that does not name the limits.
pub(super) fn advice(setup: &sys::lr_setup, info: &sys::lr_dev_info) -> String {
    let limits = |of: sys::lr_dev_info_lr_desc_limits| format!("{} to {}", of.min, if of.max == 0 { u16::MAX } else { of.max });
    format!(
        "The driver's message names what it refuses. Asked for were {} receive descriptors of {} and {} transmit descriptors of {}; some \
         drivers take powers of two only",
        setup.rx_desc,
        limits(info.rx_desc),
        setup.tx_desc,
        limits(info.tx_desc)
    )
}

#[cfg(test)]
mod tests {
    use methodology::units::FrameSize;

    use super::*;

    fn info(default: u16, max: u16) -> sys::lr_dev_info {
        let limits = sys::lr_dev_info_lr_desc_limits { min: 64, max };
        sys::lr_dev_info { default_rx_desc: default, default_tx_desc: default, rx_desc: limits, tx_desc: limits, ..Default::default() }
    }

    fn of(port: &str, driver: &str, rx: Option<u16>, tx: Option<u16>, info: &sys::lr_dev_info) -> Result<(u16, u16), String> {
        let options = PortOptions { rx_descriptors: rx, tx_descriptors: tx, max_frame: FrameSize::MIN, ..PortOptions::default() };
        let spec = port.parse::<PortSpec>().unwrap().with_descriptors(rx);
        wanted(&spec, &options, driver, info).map(|descriptors| (descriptors.rx, descriptors.tx)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_nic_gets_large_rings_unless_it_is_asked_for_others() {
        let nic = |rx, tx, info| of("0000:03:00.0", "net_i40e", rx, tx, &info);
        assert_eq!(nic(None, None, info(256, 4096)), Ok((4096, 2048)));
        assert_eq!(nic(None, None, info(8192, 16384)), Ok((8192, 8192)), "its own default is larger");
        assert_eq!(nic(Some(256), Some(512), info(256, 4096)), Ok((256, 512)));
    }

    #[test]
    fn a_size_that_the_port_does_not_have_is_refused_with_its_limits() {
        let refused = of("0000:03:00.0", "net_i40e", Some(8192), None, &info(256, 4096)).unwrap_err();
        assert!(refused.contains("64 to 4096 descriptors in a receive queue, not 8192"), "{refused}");
        let refused = of("0000:03:00.0", "net_i40e", None, Some(8), &info(256, 4096)).unwrap_err();
        assert!(refused.contains("transmit queue, not 8"), "{refused}");
        let refused = of("net_ring0", "net_ring", Some(512), None, &info(0, 0)).unwrap_err();
        assert!(refused.contains("1023"), "{refused}");
        let refused = of("net_virtio_user0,path=s,queue_size=256", "net_virtio_user", Some(512), Some(512), &info(0, 32768)).unwrap_err();
        assert!(refused.contains("`queue_size` sets all rings of net_virtio_user0 to 256 frames, not 512 and 512"), "{refused}");
    }

    #[test]
    fn rings_of_shared_memory_are_those_of_the_virtio_end() {
        assert_eq!(of("net_virtio_user0,path=s", "net_virtio_user", Some(512), None, &info(0, 32768)), Ok((512, 512)));
        assert_eq!(of("net_virtio_user0,path=s", "net_virtio_user", None, None, &info(0, 32768)), Ok((256, 256)));
        assert_eq!(of("net_vhost0,iface=s", "net_vhost", None, None, &info(0, 0)), Ok((256, 256)));
        assert_eq!(of("net_vhost0,iface=s", "net_vhost", Some(1024), None, &info(0, 0)), Ok((1024, 256)));
    }
}
