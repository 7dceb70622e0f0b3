//! Setting up and starting a port: queues, descriptors, MTU and offloads.

use std::ffi::CStr;

use dpdk_sys as sys;
use nix::net::if_::if_indextoname;

use super::devargs::PortSpec;
use super::device::Device;
use super::driver::{Driver, MtuSetting, SEND_TIME_ADVICE, representors_carry_frames};
use super::info::{FAST_FREE, PortInfo, RX_TIMESTAMP, SEND_ON_TIMESTAMP};
use super::isolation;
use super::link::Link;
use super::log;
use super::mbuf::{TimeField, TimeFields};
use super::mempool::Pool;
use super::mtu::{self, InterfaceMtu};
use super::port_options::PortOptions;
use super::rings::{self, Descriptors};
use super::{errno, rss};
use crate::error::DataplaneError;
use crate::frame::MacAddress;

/// What a port can do, as its driver reports it.
struct Capabilities(sys::lr_dev_info);

impl Capabilities {
    fn of(device: &Device) -> Result<Self, DataplaneError> {
        let mut info = sys::lr_dev_info { driver_name: std::ptr::null(), ..Default::default() };
        // SAFETY: the port exists; the call writes the whole structure or nothing.
        match unsafe { sys::lr_dev_info_get(device.id(), &mut info) } {
            0 => Ok(Capabilities(info)),
            error => Err(device.error("reading the capabilities", error, "Check whether another process uses the device")),
        }
    }

    fn driver_name(&self) -> String {
        if self.0.driver_name.is_null() {
            return "unknown".to_owned();
        }
        // SAFETY: a driver's name is a string literal in the driver.
        unsafe { CStr::from_ptr(self.0.driver_name) }.to_string_lossy().into_owned()
    }

    /// The kernel interface of the same port, where there is one: the interface that `spec` names, or that of a bifurcated driver.
    fn interface(&self, spec: &PortSpec) -> Option<String> {
        let named = spec.kernel_interface().map(str::to_owned);
        named.or_else(|| if_indextoname(self.0.if_index).ok()?.into_string().ok())
    }

    /// The transmit offload `bit` as a mask; 0 where the port does not have it.
    fn tx_offload(&self, bit: sys::lr_offload_bit) -> u64 {
        self.0.tx_offload_capa & (1 << bit)
    }

    /// The receive offload `bit` as a mask; 0 where the port does not have it.
    fn rx_offload(&self, bit: sys::lr_offload_bit) -> u64 {
        self.0.rx_offload_capa & (1 << bit)
    }
}

/// An error where the port is a representor that carries no frames.
fn check_representor(device: &Device, capabilities: &Capabilities) -> Result<(), DataplaneError> {
    let driver = capabilities.driver_name();
    if capabilities.0.is_representor == 0 || representors_carry_frames(&driver) {
        return Ok(());
    }
    Err(DataplaneError::Plan {
        what: "the port",
        why: format!("{} is a representor of {driver}, whose representors carry no frames: open the VF that it stands for", device.name()),
    })
}

/// Checks that the port can carry frames and has the queues that `options` asks for, and returns how many descriptors each queue gets.
pub(super) fn check(device: &Device, spec: &PortSpec, options: &PortOptions) -> Result<Descriptors, DataplaneError> {
    let capabilities = Capabilities::of(device)?;
    check_representor(device, &capabilities)?;
    let info = capabilities.0;
    let most = info.max_rx_queues.min(info.max_tx_queues);
    if options.queues.get() > most {
        let advice = match spec.queues_key() {
            Some(key) => format!("create the port with `{key}={}`, at both ends", options.queues),
            None => "use fewer queues".to_owned(),
        };
        return Err(DataplaneError::Plan {
            what: "the number of queues",
            why: format!("{} has at most {most} queues, not {}: {advice}", device.name(), options.queues),
        });
    }
    let Descriptors { mut rx, mut tx } = rings::wanted(spec, options, &capabilities.driver_name(), &info)?;
    // SAFETY: the port exists; the call brings both numbers within the driver's limits and alignment. It fails only where rte_eth_dev_info_get
    // fails, which has just succeeded.
    unsafe { sys::rte_eth_dev_adjust_nb_rx_tx_desc(device.id(), &mut rx, &mut tx) };
    Ok(Descriptors { rx, tx })
}

/// Configures the port and its queues, and starts it.
pub(super) fn start(
    device: &mut Device,
    spec: &PortSpec,
    options: &PortOptions,
    descriptors: Descriptors,
    rx_pool: &Pool,
) -> Result<(PortInfo, TimeFields), DataplaneError> {
    log::take();
    let capabilities = Capabilities::of(device)?;
    let driver = Driver::of(&capabilities.driver_name());
    let largest = mtu::largest(capabilities.0.max_mtu, capabilities.0.max_rx_pktlen);
    let mtu = mtu::to_configure(device.name(), options.max_frame, largest, driver)?;
    if let Some((_, limit)) = spec.frame_buffers().filter(|(_, limit)| options.max_frame > *limit) {
        // The driver would drop larger frames and count them as sent (rte_eth_af_packet.c, `eth_af_packet_tx`).
        return Err(DataplaneError::FrameTooLarge { name: device.name().to_owned(), size: options.max_frame, limit });
    }
    let time_fields = time_fields(device, options, &capabilities)?;
    // Fast free needs all mbufs of a queue to be of one pool, with one reference each; `Port::fill_tx_pools` sees to it.
    let fast_free = if options.fast_free { capabilities.tx_offload(sys::LR_TX_FAST_FREE_BIT) } else { 0 };
    let send_on_timestamp = time_fields.send.map_or(0, |_| 1 << sys::LR_TX_SEND_ON_TIMESTAMP_BIT);
    let mut rss_key = rss::key(capabilities.0.hash_key_size);
    // Saved before the driver can change it; the device puts it back when it is closed, also after an error.
    let interface_mtu = capabilities.interface(spec).and_then(|interface| InterfaceMtu::save(&interface));
    if let Some(interface_mtu) = interface_mtu {
        let interface_mtu = device.put_back_when_closed(interface_mtu);
        if driver.mtu == MtuSetting::OfInterface {
            interface_mtu.raise(spec.name(), options.max_frame)?;
        }
    }
    let mut setup = sys::lr_setup {
        rx_offloads: time_fields.arrival.map_or(0, |_| 1 << sys::LR_RX_TIMESTAMP_BIT),
        tx_offloads: fast_free | send_on_timestamp,
        mtu: u32::from(mtu),
        queues: options.queues.get(),
        rx_desc: descriptors.rx,
        tx_desc: descriptors.tx,
        rx_pool: rx_pool.raw(),
        rss_key: if rss_key.is_empty() { std::ptr::null_mut() } else { rss_key.as_mut_ptr() },
        rss_key_len: capabilities.0.hash_key_size,
    };
    if options.isolate.is_some() {
        isolation::isolate(device, &capabilities.driver_name())?;
    }
    let mut failed = std::ptr::null();
    // SAFETY: the port exists and is not started; the pool outlives it, since a Port drops its device first. The RSS key lives until the
    // end of this function, and ethdev copies it (rte_eth_dev_configure).
    let error = unsafe { sys::lr_port_setup(device.id(), &mut setup, &mut failed) };
    if error != 0 {
        return Err(device.error("setting up", error, &rings::advice(&setup, &capabilities.0)));
    }
    if driver.mtu == MtuSetting::ByCall {
        // SAFETY: the port is configured and not started.
        let error = unsafe { sys::rte_eth_dev_set_mtu(device.id(), mtu) };
        if error != 0 && error != -(nix::errno::Errno::EOPNOTSUPP as i32) {
            return Err(device.error("setting the MTU", error, "Send smaller frames, or set the MTU of the interface with `ip link`"));
        }
    }
    if options.is_promiscuous() {
        // SAFETY: the port is configured.
        let error = unsafe { sys::rte_eth_promiscuous_enable(device.id()) };
        if error != 0 {
            return Err(DataplaneError::Promiscuous {
                name: device.name().to_owned(),
                driver: capabilities.driver_name(),
                mac: mac(device),
                reason: errno::text_of(error),
            });
        }
    }
    // SAFETY: configured above, with all queues set up.
    let error = unsafe { sys::rte_eth_dev_start(device.id()) };
    if error != 0 {
        return Err(device.error("starting", error, "Check whether another process uses the device"));
    }
    if let Some(frames) = options.isolate {
        isolation::take_test_frames(device, &capabilities.driver_name(), frames, options.queues.get())?;
    }
    Ok((describe(device, spec, options, &capabilities, &setup), time_fields))
}

/// Registers the time fields that `options` asks for. This happens before the port starts, because mlx5 looks for them then.
fn time_fields(device: &Device, options: &PortOptions, capabilities: &Capabilities) -> Result<TimeFields, DataplaneError> {
    let port = || format!("{} ({})", device.name(), capabilities.driver_name());
    if options.send_on_timestamp && capabilities.tx_offload(sys::LR_TX_SEND_ON_TIMESTAMP_BIT) == 0 {
        let why = format!("{} does not hold frames until a send time. {SEND_TIME_ADVICE}", port());
        return Err(DataplaneError::Plan { what: "pacing by the port", why });
    }
    if options.arrival_times && capabilities.rx_offload(sys::LR_RX_TIMESTAMP_BIT) == 0 {
        let why = format!("{} does not write arrival times: use those of the poll loop", port());
        return Err(DataplaneError::Plan { what: "arrival times by the port", why });
    }
    let field = |wanted: bool, register: fn() -> Result<TimeField, i32>| {
        let refuse = |errno| device.error("registering a time field in mbufs", errno, "Do not use times of the port");
        wanted.then(register).transpose().map_err(refuse)
    };
    Ok(TimeFields {
        send: field(options.send_on_timestamp, TimeField::register_send)?,
        arrival: field(options.arrival_times, TimeField::register_arrival)?,
    })
}

/// The port's own address.
fn mac(device: &Device) -> MacAddress {
    let mut mac = sys::rte_ether_addr::default();
    // SAFETY: the port exists; the call writes the whole address.
    unsafe { sys::rte_eth_macaddr_get(device.id(), &mut mac) };
    MacAddress(mac.addr_bytes)
}

fn describe(device: &Device, spec: &PortSpec, options: &PortOptions, capabilities: &Capabilities, setup: &sys::lr_setup) -> PortInfo {
    let info = &capabilities.0;
    let mut in_use = sys::lr_rings::default();
    // SAFETY: the port is set up with at least one queue in each direction; the call writes the whole structure.
    unsafe { sys::lr_rings_get(device.id(), &mut in_use) };
    let ring = |reported: u16, asked: u16| if reported > 0 { reported } else { spec.fixed_ring().unwrap_or(asked) };
    PortInfo {
        name: device.name().to_owned(),
        devargs: spec.devargs(),
        driver: capabilities.driver_name(),
        link_speed: Link::of(device).speed,
        mac: mac(device),
        promiscuous: options.is_promiscuous(),
        max_frame: options.max_frame,
        mtu: device.interface_mtu().unwrap_or(setup.mtu),
        rss_key: (setup.queues > 1 && !spec.pairs_queues()).then(|| rss::name(setup.rss_key_len)),
        numa_node: device.numa_node(),
        rx_descriptors: ring(in_use.rx, setup.rx_desc),
        tx_descriptors: ring(in_use.tx, setup.tx_desc),
        queues: setup.queues,
        offloads: offloads(setup),
        rx_burst_mode: burst_mode(device, sys::rte_eth_rx_burst_mode_get),
        tx_burst_mode: burst_mode(device, sys::rte_eth_tx_burst_mode_get),
        representor: info.is_representor != 0,
        // RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID.
        switch_domain: (info.switch_domain != u16::MAX).then_some(info.switch_domain),
        huge_pages: device.eal().has_huge_pages(),
    }
}

fn burst_mode(device: &Device, read: unsafe extern "C" fn(u16, u16, *mut sys::rte_eth_burst_mode) -> i32) -> Option<String> {
    let mut mode = sys::rte_eth_burst_mode { flags: 0, info: [0; sys::LR_BURST_MODE_LEN as usize] };
    // SAFETY: the port exists and has a queue 0 in each direction; the structure has the size of this build's headers.
    if unsafe { read(device.id(), 0, &mut mode) } != 0 {
        return None;
    }
    // SAFETY: the buffer was zeroed, and the call writes a NUL-terminated text.
    let text = unsafe { CStr::from_ptr(mode.info.as_ptr()) }.to_string_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}

fn offloads(setup: &sys::lr_setup) -> Vec<String> {
    let known = [
        (setup.tx_offloads, sys::LR_TX_FAST_FREE_BIT, FAST_FREE),
        (setup.tx_offloads, sys::LR_TX_SEND_ON_TIMESTAMP_BIT, SEND_ON_TIMESTAMP),
        (setup.rx_offloads, sys::LR_RX_TIMESTAMP_BIT, RX_TIMESTAMP),
    ];
    known.iter().filter(|(set, bit, _)| set & (1 << bit) != 0).map(|(_, _, name)| (*name).to_owned()).collect()
}
