use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dpdk_sys as sys;
use methodology::units::{FrameSize, LinkSpeed};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::counters::PortCounters;
use super::devargs::PortSpec;
use super::eal::Eal;
use super::errno;
use super::info::{FAST_FREE, PortInfo, RX_TIMESTAMP, SEND_ON_TIMESTAMP};
use super::log;
use super::mbuf::{self, TimeField, Times};
use super::mempool::Pool;
use super::port_options::PortOptions;
use crate::error::DataplaneError;
use crate::frame::MacAddress;

/// Rings where the driver has no choice of its own.
const DESCRIPTORS: u16 = 1024;

/// A port that is set up and started, until this is dropped.
#[derive(Debug)]
pub(super) struct Device {
    eal: Arc<Eal>,
    id: u16,
    name: String,
    software: bool,
    /// The kernel's interface below the port, where there is one.
    interface: Option<String>,
    last_sent: Option<Instant>,
}

/// How long a port stays open after it has sent: frames may still wait in its ring, and no driver of a software port says so.
const FLUSH: Duration = Duration::from_millis(200);

/// Makes a software port known to DPDK.
pub(crate) fn probe(spec: &PortSpec) -> Result<(), DataplaneError> {
    check_other_end(spec)?;
    let no_such_port = |reason: &str| DataplaneError::NoSuchPort {
        name: spec.name().to_owned(),
        log: format!(" ({reason}{})", log::said()),
        advice: "Check its arguments, that its interface exists and that you may use it (root, or CAP_NET_RAW and CAP_NET_ADMIN)"
            .to_owned(),
    };
    log::take();
    let devargs = CString::new(spec.devargs()).map_err(|_| no_such_port("its name has a NUL in it"))?;
    // SAFETY: EAL is initialised; DPDK copies the text.
    match unsafe { sys::rte_dev_probe(devargs.as_ptr()) } {
        0 => Ok(()),
        error => Err(no_such_port(&errno::text_of(error))),
    }
}

/// What DPDK would only say in its log: is there someone at the other end of the socket, and shall there be?
fn check_other_end(spec: &PortSpec) -> Result<(), DataplaneError> {
    match spec.software_driver() {
        Some("net_virtio_user") => {
            let Some(path) = spec.argument("path").map(Path::new) else { return Ok(()) };
            // /dev/vhost-net and the like are no sockets.
            let listens = path.metadata().is_ok_and(|file| !file.file_type().is_socket() || UnixStream::connect(path).is_ok());
            if listens { Ok(()) } else { Err(nobody_listens(spec, path)) }
        }
        Some("net_vhost") => {
            let Some(path) = spec.argument("iface").map(Path::new) else { return Ok(()) };
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                return Err(DataplaneError::NoSuchPort {
                    name: spec.to_string(),
                    log: format!(": there is no folder {} for its socket", folder.display()),
                    advice: "Make it, or name a socket in another one".to_owned(),
                });
            }
            let Ok(file) = path.symlink_metadata() else { return Ok(()) };
            if spec.argument("client") == Some("1") {
                return Ok(());
            }
            // DPDK removes whatever is at the path when it cannot bind to it (lib/vhost/socket.c): someone's file must not reach it.
            if !file.file_type().is_socket() {
                return Err(DataplaneError::PortInUse {
                    name: spec.to_string(),
                    by: format!("a file that is no socket, {}, which is left alone", path.display()),
                });
            }
            if UnixStream::connect(path).is_ok() {
                return Err(DataplaneError::PortInUse {
                    name: spec.to_string(),
                    by: format!("another process listens on {}", path.display()),
                });
            }
            // Left by a process that was killed; DPDK would refuse to bind to it.
            fs::remove_file(path).map_err(|error| DataplaneError::PortInUse {
                name: spec.to_string(),
                by: format!("the socket {} was left behind and cannot be removed ({error})", path.display()),
            })
        }
        Some("net_af_packet" | "net_af_xdp") => {
            let interface = spec.argument("iface").unwrap_or_default();
            if nix::net::if_::if_nametoindex(interface).is_ok() {
                return Ok(());
            }
            Err(DataplaneError::NoSuchPort {
                name: spec.to_string(),
                log: format!(": there is no interface `{interface}` here"),
                advice: "`ip link` lists the interfaces of this network namespace".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

fn nobody_listens(spec: &PortSpec, path: &Path) -> DataplaneError {
    DataplaneError::NoSuchPort {
        name: spec.to_string(),
        log: format!(": nobody listens on {}", path.display()),
        advice: format!("Start the other end first, such as `linerate receive --port net_vhost0,iface={}`", path.display()),
    }
}

/// The names of all ports there are.
pub(crate) fn names() -> Vec<String> {
    let mut names = Vec::new();
    let mut next = 0u16;
    loop {
        // SAFETY: EAL is initialised by whoever holds a Dataplane.
        next = unsafe { sys::rte_eth_find_next(next) };
        let mut name = [0u8; sys::LR_NAME_LEN as usize];
        // SAFETY: the buffer has RTE_ETH_NAME_MAX_LEN bytes, which the call fills with a NUL-terminated name at most.
        if unsafe { sys::rte_eth_dev_get_name_by_port(next, name.as_mut_ptr().cast()) } != 0 {
            return names;
        }
        names.push(CStr::from_bytes_until_nul(&name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
        next += 1;
    }
}

/// The frames in each ring of an AF_PACKET port: its driver takes no notice of descriptors (rte_eth_af_packet.c: `nb_rx_desc __rte_unused`)
/// and has DFLT_FRAME_COUNT = 512 unless `framecnt` says otherwise.
fn packet_ring(spec: &PortSpec) -> Option<u16> {
    let given = || spec.argument("framecnt").and_then(|count| count.parse().ok());
    (spec.software_driver() == Some("net_af_packet")).then(|| given().unwrap_or(512))
}

/// The kernel's interface below a port that goes through one.
fn kernel_interface(spec: &PortSpec) -> Option<&str> {
    matches!(spec.software_driver(), Some("net_af_packet" | "net_af_xdp")).then(|| spec.argument("iface")).flatten()
}

/// Whether an interface is up and has a carrier (netdevice(7), IFF_RUNNING). The drivers of such ports call their link up whatever becomes of
/// it (rte_eth_af_packet.c and rte_eth_af_xdp.c, `eth_link_update`). An interface that is gone has none.
fn has_carrier(interface: &str) -> bool {
    let up = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    getifaddrs().is_ok_and(|mut all| all.any(|one| one.interface_name == interface && one.flags.contains(up)))
}

fn id_of(name: &str) -> Option<u16> {
    let name = CString::new(name).ok()?;
    let mut id = 0;
    // SAFETY: EAL is initialised; both pointers are valid for the call.
    (unsafe { sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut id) } == 0).then_some(id)
}

/// The port of a PCI or auxiliary device. A representor's port has a name of its own (`03:00.0_representor_vf0`, which differs between
/// versions), so with one the port is that which no other spec explains: a name that begins with the address and says representor.
fn find(spec: &PortSpec) -> Option<u16> {
    let Some(representor) = spec.argument("representor") else { return id_of(spec.name()) };
    let short = spec.name().trim_start_matches("0000:");
    let end = format!("representor_{representor}");
    let controller_end = format!("representor_c0pf{}{representor}", spec.name().chars().last().unwrap_or('0'));
    let wanted = names().into_iter().find(|name| name.contains(short) && (name.ends_with(&end) || name.ends_with(&controller_end)));
    wanted.and_then(|name| id_of(&name))
}

impl Device {
    /// Claims the port and probes it where that has not been done.
    pub(super) fn claim(eal: &Arc<Eal>, spec: &PortSpec) -> Result<Device, DataplaneError> {
        let mut open = eal.open_ports();
        if open.contains(spec.name()) && spec.argument("representor").is_none() {
            return Err(DataplaneError::PortInUse { name: spec.name().to_owned(), by: "this process has it open".to_owned() });
        }
        let found = match find(spec) {
            None if spec.is_software() => {
                probe(spec)?;
                find(spec)
            }
            found => found,
        };
        let Some(id) = found else {
            return Err(DataplaneError::NoSuchPort {
                name: spec.to_string(),
                log: log::said(),
                advice: format!(
                    "There are: {}. Name NICs when DPDK is initialised, and see `linerate ports`",
                    match names() {
                        names if names.is_empty() => "none".to_owned(),
                        names => names.join(", "),
                    }
                ),
            });
        };
        open.insert(spec.name().to_owned());
        let interface = kernel_interface(spec).map(str::to_owned);
        Ok(Device { eal: Arc::clone(eal), id, name: spec.name().to_owned(), software: spec.is_software(), interface, last_sent: None })
    }

    pub(super) fn id(&self) -> u16 {
        self.id
    }

    /// Notes that frames were sent until now.
    pub(super) fn has_sent(&mut self) {
        self.last_sent = Some(Instant::now());
    }

    pub(super) fn error(&self, action: &'static str, errno: i32, advice: &str) -> DataplaneError {
        DataplaneError::Port { action, name: self.name.clone(), reason: errno::text_of(errno), log: log::said(), advice: advice.to_owned() }
    }

    /// Configures the queues and starts.
    pub(super) fn start(&self, spec: &PortSpec, options: &PortOptions, rx_pool: &Pool) -> Result<(PortInfo, Times), DataplaneError> {
        log::take();
        let known = self.capabilities()?;
        let mtu = self.mtu(spec, options.max_frame, &known)?;
        let times = self.times(options, &known)?;
        let fast_free = known.tx_offload_capa & (1 << sys::LR_TX_FAST_FREE_BIT);
        let send_on_timestamp = times.sending.map_or(0, |_| 1 << sys::LR_TX_SEND_ON_TIMESTAMP_BIT);
        let choice = |wanted: Option<u16>, driver: u16| wanted.unwrap_or(if driver == 0 { DESCRIPTORS } else { driver });
        let mut setup = sys::lr_setup {
            rx_offloads: times.arrival.map_or(0, |_| 1 << sys::LR_RX_TIMESTAMP_BIT),
            // Every frame of a transmit queue is of one pool and has one reference, as this asks.
            tx_offloads: if options.fast_free { fast_free } else { 0 } | send_on_timestamp,
            mtu: u32::from(mtu),
            queues: options.queues.get(),
            rx_desc: choice(options.rx_descriptors, known.default_rx_desc),
            tx_desc: choice(options.tx_descriptors, known.default_tx_desc),
            rx_pool: rx_pool.raw(),
        };
        let mut failed = std::ptr::null();
        // SAFETY: the port exists and is not started; the pool outlives it, since a Port drops its device first.
        let error = unsafe { sys::lr_port_setup(self.id, &mut setup, &mut failed) };
        if error != 0 {
            return Err(self.error("setting up", error, "The driver's message says which argument it does not take; see `linerate ports`"));
        }
        if options.promiscuous {
            // SAFETY: the port is configured. Drivers without the notion refuse, and need none.
            unsafe { sys::rte_eth_promiscuous_enable(self.id) };
        }
        // SAFETY: configured above, all queues set up.
        let error = unsafe { sys::rte_eth_dev_start(self.id) };
        if error != 0 {
            return Err(self.error("starting", error, "See whether another process uses the device"));
        }
        Ok((self.describe(spec, options, &known, &setup), times))
    }

    /// The fields of the times that were asked for. They are registered before the port starts, which is when mlx5 looks for them.
    fn times(&self, options: &PortOptions, known: &sys::lr_dev_info) -> Result<Times, DataplaneError> {
        let has = |capabilities: u64, bit: sys::lr_offload_bit| capabilities & (1 << bit) != 0;
        let driver = driver_name(known);
        if options.send_on_timestamp && !has(known.tx_offload_capa, sys::LR_TX_SEND_ON_TIMESTAMP_BIT) {
            return Err(DataplaneError::Plan {
                what: "pacing by the port",
                why: format!(
                    "{} ({driver}) holds no frames until their time. A ConnectX-6 Dx or BlueField-2 does where its port is written with `,tx_pp=500`; \
                     otherwise pace by software",
                    self.name
                ),
            });
        }
        if options.arrival_times && !has(known.rx_offload_capa, sys::LR_RX_TIMESTAMP_BIT) {
            return Err(DataplaneError::Plan {
                what: "arrival times by the port",
                why: format!("{} ({driver}) does not say when a frame came: let the poll loop take the times", self.name),
            });
        }
        let field = |wanted: bool, register: fn() -> Result<TimeField, i32>| {
            let refuse = |errno| self.error("making room for times in frames", errno, "Ask for no times by the port");
            wanted.then(register).transpose().map_err(refuse)
        };
        Ok(Times {
            sending: field(options.send_on_timestamp, mbuf::sending_time_field)?,
            arrival: field(options.arrival_times, mbuf::arrival_time_field)?,
        })
    }

    /// Limits a queue; 0 takes the limit away.
    pub(super) fn limit_queue(&self, queue: u16, mbps: u32) -> Result<(), DataplaneError> {
        // SAFETY: the port exists and is set up.
        match unsafe { sys::lr_queue_rate_limit(self.id, queue, mbps) } {
            0 => Ok(()),
            error => Err(self.error(
                "limiting a queue",
                error,
                "Of DPDK's drivers ixgbe, txgbe, cnxk and, from 26.07 on, mlx5 limit the rate of a queue, up to the link's: pace by software otherwise",
            )),
        }
    }

    /// Whether the port has as many queues as are asked for.
    pub(super) fn check_queues(&self, spec: &PortSpec, options: &PortOptions) -> Result<(), DataplaneError> {
        let known = self.capabilities()?;
        let most = known.max_rx_queues.min(known.max_tx_queues);
        if options.queues.get() <= most {
            return Ok(());
        }
        let more = match spec.queues_key() {
            Some(key) => format!("give the port as many with `{key}={}`, at both ends", options.queues),
            None => "use fewer".to_owned(),
        };
        Err(DataplaneError::Plan {
            what: "the number of queues",
            why: format!("{} has at most {most}, not {}: {more}", self.name, options.queues),
        })
    }

    fn capabilities(&self) -> Result<sys::lr_dev_info, DataplaneError> {
        let mut known = sys::lr_dev_info { driver_name: std::ptr::null(), ..Default::default() };
        // SAFETY: the port exists; the structure is written as a whole or not at all.
        match unsafe { sys::lr_dev_info_get(self.id, &mut known) } {
            0 => Ok(known),
            error => Err(self.error("asking what it can do", error, "See whether another process uses the device")),
        }
    }

    /// The MTU to set, or an error where the port does not carry the frame.
    fn mtu(&self, spec: &PortSpec, size: FrameSize, known: &sys::lr_dev_info) -> Result<u16, DataplaneError> {
        let too_large = |limit: u32| DataplaneError::FrameTooLarge {
            name: self.name.clone(),
            size,
            limit: FrameSize::new(limit + 18).unwrap_or(FrameSize::MIN),
        };
        // The kernel's interface below a port has an MTU of its own, which is not ours to change.
        let kernel_mtu =
            kernel_interface(spec).and_then(|name| fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?.trim().parse().ok());
        if let Some(limit) = kernel_mtu.filter(|&limit: &u32| limit < size.mtu()) {
            return Err(too_large(limit));
        }
        // Drivers that have no limit say 0 or the most there can be.
        let limit = if known.max_mtu == 0 { u16::MAX } else { known.max_mtu };
        if size.mtu() > u32::from(limit) {
            return Err(too_large(u32::from(limit)));
        }
        // Below 1500 there is nothing to gain, and drivers have a minimum.
        Ok(u16::try_from(size.mtu().max(1500)).unwrap_or(u16::MAX).min(limit))
    }

    fn describe(&self, spec: &PortSpec, options: &PortOptions, known: &sys::lr_dev_info, setup: &sys::lr_setup) -> PortInfo {
        let mut mac = sys::rte_ether_addr::default();
        // SAFETY: the port exists; the address is written as a whole.
        unsafe { sys::rte_eth_macaddr_get(self.id, &mut mac) };
        // SAFETY: the port exists.
        let node = unsafe { sys::rte_eth_dev_socket_id(self.id) };
        PortInfo {
            name: self.name.clone(),
            devargs: spec.devargs(),
            driver: driver_name(known),
            link_speed: if self.software { None } else { self.link().1 },
            mac: MacAddress(mac.addr_bytes),
            max_frame: options.max_frame,
            numa_node: u32::try_from(node).ok(),
            rx_descriptors: packet_ring(spec).unwrap_or(setup.rx_desc),
            tx_descriptors: packet_ring(spec).unwrap_or(setup.tx_desc),
            queues: setup.queues,
            offloads: offloads(setup),
            rx_burst_mode: self.burst_mode(sys::rte_eth_rx_burst_mode_get),
            tx_burst_mode: self.burst_mode(sys::rte_eth_tx_burst_mode_get),
            representor: known.is_representor != 0,
            // RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID.
            switch_domain: (known.switch_domain != u16::MAX).then_some(known.switch_domain),
            huge_pages: self.eal.has_huge_pages(),
        }
    }

    fn burst_mode(&self, ask: unsafe extern "C" fn(u16, u16, *mut sys::rte_eth_burst_mode) -> i32) -> Option<String> {
        let mut mode = sys::rte_eth_burst_mode { flags: 0, info: [0; sys::LR_BURST_MODE_LEN as usize] };
        // SAFETY: the port exists with a queue 0 each way; the structure has the size of this build's headers.
        if unsafe { ask(self.id, 0, &mut mode) } != 0 {
            return None;
        }
        // SAFETY: filled with a NUL-terminated text, and zeroed before.
        let text = unsafe { CStr::from_ptr(mode.info.as_ptr()) }.to_string_lossy().into_owned();
        (!text.is_empty()).then_some(text)
    }

    /// Whether the link is up, and its speed where it has one.
    pub(super) fn link(&self) -> (bool, Option<LinkSpeed>) {
        let mut link = sys::lr_link::default();
        // SAFETY: the port exists.
        let error = unsafe { sys::lr_link_get_nowait(self.id, &mut link) };
        let speed = match link.speed_mbps {
            0 | u32::MAX => None, // RTE_ETH_SPEED_NUM_NONE and _UNKNOWN
            mbps => Some(LinkSpeed::from_mbps(mbps)),
        };
        (error == 0 && link.up != 0 && self.interface.as_deref().is_none_or(has_carrier), speed)
    }

    pub(super) fn counters(&self) -> PortCounters {
        let mut basic = sys::lr_stats::default();
        // SAFETY: the port exists. A driver without counters leaves them at 0.
        unsafe { sys::lr_stats_get(self.id, &mut basic) };
        PortCounters {
            rx_packets: basic.ipackets,
            rx_bytes: basic.ibytes,
            rx_missed: basic.imissed,
            rx_errors: basic.ierrors,
            rx_no_mbuf: basic.rx_nombuf,
            tx_packets: basic.opackets,
            tx_bytes: basic.obytes,
            tx_errors: basic.oerrors,
            extended: self.extended_counters(),
        }
    }

    fn extended_counters(&self) -> BTreeMap<String, u64> {
        // SAFETY: with no room the call gives the number of counters.
        let count = unsafe { sys::rte_eth_xstats_get_names(self.id, std::ptr::null_mut(), 0) };
        let Ok(room) = usize::try_from(count) else { return BTreeMap::new() };
        let mut names = vec![sys::rte_eth_xstat_name { name: [0; 64] }; room];
        let mut values = vec![sys::rte_eth_xstat::default(); room];
        // SAFETY: both have room for as many as is said.
        let (named, valued) = unsafe {
            (
                sys::rte_eth_xstats_get_names(self.id, names.as_mut_ptr(), room as u32),
                sys::rte_eth_xstats_get(self.id, values.as_mut_ptr(), room as u32),
            )
        };
        let known = usize::try_from(named.min(valued)).unwrap_or(0).min(room);
        let name_of = |id: u64| {
            let name = names[..known].get(usize::try_from(id).ok()?)?;
            // SAFETY: a NUL-terminated text in a buffer that was zeroed.
            Some(unsafe { CStr::from_ptr(name.name.as_ptr()) }.to_string_lossy().into_owned())
        };
        values[..known].iter().filter_map(|counter| Some((name_of(counter.id)?, counter.value))).collect()
    }
}

fn driver_name(known: &sys::lr_dev_info) -> String {
    if known.driver_name.is_null() {
        return "unknown".to_owned();
    }
    // SAFETY: a driver's name is a literal in the driver.
    unsafe { CStr::from_ptr(known.driver_name) }.to_string_lossy().into_owned()
}

fn offloads(setup: &sys::lr_setup) -> Vec<String> {
    let known = [
        (setup.tx_offloads, sys::LR_TX_FAST_FREE_BIT, FAST_FREE),
        (setup.tx_offloads, sys::LR_TX_SEND_ON_TIMESTAMP_BIT, SEND_ON_TIMESTAMP),
        (setup.rx_offloads, sys::LR_RX_TIMESTAMP_BIT, RX_TIMESTAMP),
    ];
    known.iter().filter(|(set, bit, _)| set & (1 << bit) != 0).map(|(_, _, name)| (*name).to_owned()).collect()
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(sent) = self.last_sent {
            std::thread::sleep(FLUSH.saturating_sub(sent.elapsed()));
        }
        let mut open = self.eal.open_ports();
        // SAFETY: EAL is alive and the port was claimed by this alone. Stopping makes the driver give up its frames, closing frees its
        // queues; the pools are freed after this. A software port is unplugged, so that its name can be used again.
        unsafe {
            sys::rte_eth_dev_stop(self.id);
            sys::rte_eth_dev_close(self.id);
            if self.software
                && let Ok(name) = CString::new(self.name.as_str())
            {
                sys::lr_device_remove(name.as_ptr());
            }
        }
        open.remove(&self.name);
    }
}
