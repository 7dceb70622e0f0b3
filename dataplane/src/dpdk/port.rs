//! A port: opened, set up, started, and closed again when it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock::PortClock;
use super::counters::PortCounters;
use super::devargs::PortSpec;
use super::device::Device;
use super::eal::Eal;
use super::info::PortInfo;
use super::log;
use super::mbuf::Times;
use super::mempool::Pool;
use super::port_options::PortOptions;
use super::queue::{Home, RxQueue, TxQueue};
use crate::error::DataplaneError;
use crate::time::TickRate;

/// A started port with as many receive as transmit queues.
///
/// Dropping it closes the port. The order of the fields is the order in which they are dropped: no queue outlives its port, no pool is
/// freed before the driver gave its frames back, and EAL goes last.
#[derive(Debug)]
pub struct Port {
    queues: Vec<(RxQueue, TxQueue)>,
    device: Device,
    /// Frames that the port receives into.
    rx_pool: Pool,
    /// Frames to send, by queue and by kind of frame, made with the first plan that needs them. None is dropped before the port: the driver
    /// may still hold frames of an earlier run.
    tx_pools: Vec<Vec<Pool>>,
    pub(crate) eal: Arc<Eal>,
    times: Times,
    info: PortInfo,
}

/// Drivers that may give a received frame in an mbuf of someone else's pool: net_ring passes on what was sent.
const FOREIGN_MBUFS: [&str; 2] = ["net_ring", "net_bonding"];

/// Drivers whose receive function copies each frame with the core that calls it. NICs, and the other end of virtio-user, write it from elsewhere.
const COPIED_BY_THE_POLLER: [&str; 5] = ["net_vhost", "net_af_packet", "net_pcap", "net_null", "net_tap"];

/// Two VLAN tags more than what was asked for.
const TAG_ROOM: u32 = 8;

/// Frames that a ring of so many descriptors can hold, and some bursts.
fn pool_size(descriptors: Option<u16>) -> u32 {
    u32::from(descriptors.unwrap_or(1024)).max(512) + 512
}

/// The part of a port that one poll loop works with: a queue each way.
pub(crate) struct Parts<'p> {
    pub(crate) rx: &'p mut RxQueue,
    pub(crate) tx: &'p mut TxQueue,
    /// Where received frames go back to.
    pub(crate) home: Home<'p>,
    /// Frames to send, one pool a kind of frame; see [`Port::fill_tx_pools`].
    pub(crate) tx_pools: &'p [Pool],
    pub(crate) port: PortView<'p>,
}

/// A look at a port while its queues are in use.
#[derive(Clone, Copy)]
pub(crate) struct PortView<'p> {
    device: &'p Device,
    times: Times,
}

impl PortView<'_> {
    pub(crate) fn link_is_up(self) -> bool {
        self.device.link().0
    }

    pub(crate) fn times(self) -> Times {
        self.times
    }
}

impl<'p> PortView<'p> {
    /// The port's clock, beside ticks of `rate`.
    pub(crate) fn clock(self, rate: TickRate) -> Result<PortClock<'p>, DataplaneError> {
        PortClock::new(self.device, rate)
    }
}

impl Port {
    /// Opens, sets up and starts a port.
    pub(crate) fn open(eal: &Arc<Eal>, spec: &PortSpec, options: PortOptions) -> Result<Port, DataplaneError> {
        let device = Device::claim(eal, spec)?;
        // Before memory is taken for queues that the port does not have.
        device.check_queues(spec, &options)?;
        let bytes = options.max_frame.without_fcs() + TAG_ROOM;
        let frames = pool_size(options.rx_descriptors) + pool_size(options.tx_descriptors);
        let rx_pool = Pool::new(eal, spec.name(), frames * u32::from(options.queues.get()), bytes)?;
        let (info, times) = device.start(spec, &options, &rx_pool)?;
        let id = device.id();
        let warm = COPIED_BY_THE_POLLER.contains(&info.driver.as_str());
        // SAFETY: all queues are set up and the port is started as long as `device` lives, which a Port drops after its queues; a port is
        // claimed once at a time, so these are the only ones.
        let queue = |number| unsafe { (RxQueue::new(id, number, warm), TxQueue::new(id, number)) };
        let queues: Vec<_> = (0..options.queues.get()).map(queue).collect();
        let tx_pools = queues.iter().map(|_| Vec::new()).collect();
        Ok(Port { queues, device, rx_pool, tx_pools, eal: Arc::clone(eal), times, info })
    }

    /// What the port is and can do.
    pub fn info(&self) -> &PortInfo {
        &self.info
    }

    /// Which times its frames carry.
    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// The port's counters now. The engines read them before and after a run themselves.
    pub fn counters(&self) -> PortCounters {
        self.device.counters()
    }

    /// Whether the link is up now.
    pub fn link_is_up(&self) -> bool {
        self.device.link().0
    }

    /// Whether the other end of a vhost-user port stopped its queues in order before it went.
    pub(crate) fn peer_stopped_its_queues(&self) -> bool {
        self.info.driver == "net_vhost" && log::queues_were_stopped(&log::take())
    }

    /// Waits until the link is up; for vhost and virtio-user that means that the other end is there.
    pub fn wait_link_up(&self, timeout: Duration) -> Result<(), DataplaneError> {
        let begin = Instant::now();
        while !self.link_is_up() {
            if begin.elapsed() >= timeout {
                return Err(DataplaneError::NoLink { name: self.info.name.clone(), waited: timeout });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The port taken apart: one part a queue.
    pub(crate) fn split(&mut self) -> Vec<Parts<'_>> {
        let own = !FOREIGN_MBUFS.contains(&self.info.driver.as_str());
        let (home, port) = (Home::new(&self.rx_pool, own), PortView { device: &self.device, times: self.times });
        let queues = self.queues.iter_mut().zip(&self.tx_pools);
        queues.map(|((rx, tx), tx_pools)| Parts { rx, tx, home, tx_pools, port }).collect()
    }

    /// Limits each of the first queues to so many megabits a second; 0 takes the limits away.
    pub(crate) fn limit_queues(&mut self, queues: u16, mbps: u32) -> Result<(), DataplaneError> {
        (0..queues).try_for_each(|queue| self.device.limit_queue(queue, mbps))
    }

    /// Notes that frames were sent until now, so that the port is not closed before they have left.
    pub(crate) fn has_sent(&mut self) {
        self.device.has_sent();
    }

    /// Makes the transmit pools of every queue, one for each template, with every frame written.
    pub(crate) fn fill_tx_pools(&mut self, templates: &[&[u8]]) -> Result<(), DataplaneError> {
        if templates.len() > 1 && self.info.has_fast_free() {
            return Err(DataplaneError::Plan {
                what: "frames of several sizes",
                why: "the port was opened with fast_free, with which all frames of a queue must be of one pool (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE): open it without"
                    .to_owned(),
            });
        }
        let bytes = self.info.max_frame.without_fcs() + TAG_ROOM;
        for pools in &mut self.tx_pools {
            for (at, template) in templates.iter().enumerate() {
                if pools.len() == at {
                    pools.push(Pool::new(&self.eal, &self.info.name, pool_size(Some(self.info.tx_descriptors)), bytes)?);
                }
                if !pools[at].fill(template) {
                    return Err(DataplaneError::Plan {
                        what: "a frame of this size",
                        why: format!("the port was opened for frames of at most {}", self.info.max_frame),
                    });
                }
            }
        }
        Ok(())
    }
}
