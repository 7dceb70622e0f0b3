//! A port: opened, set up, started, and closed when it is dropped.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::clock::PortClock;
use super::counters::PortCounters;
use super::devargs::PortSpec;
use super::device::Device;
use super::driver::{Driver, OtherEnd, ReceivedFrames, ReceivedMbufs, TransmitRingEmptied};
use super::eal::Eal;
use super::info::PortInfo;
use super::kernel_ring::KernelRing;
use super::link::{self, Link};
use super::mbuf::TimeFields;
use super::mempool::{DEFAULT_CACHE, Pool, PoolSize};
use super::port_options::PortOptions;
use super::queue::{FreeTarget, MAX_BURST, RxQueue, TxQueue};
use super::rings::Descriptors;
use super::{log, setup};
use crate::error::DataplaneError;
use crate::frame::MacAddress;
use crate::time::TickRate;

/// A started port with as many receive as transmit queues.
///
/// Dropping it closes the port. Fields are dropped in order: no queue outlives its port, no pool is freed before the driver has released
/// its mbufs, and EAL is last.
#[derive(Debug)]
pub struct Port {
    queues: Vec<(RxQueue, TxQueue)>,
    device: Device,
    /// Mbufs that the port receives into.
    rx_pool: Pool,
    /// Mbufs to send, by queue and by frame size, created with the first plan that needs them. They stay until the port is closed, because
    /// the driver can hold mbufs of an earlier run.
    tx_pools: Vec<Vec<Pool>>,
    /// Of every pool.
    mempool_cache: u16,
    eal: Arc<Eal>,
    time_fields: TimeFields,
    info: PortInfo,
}

/// One queue in each direction, for one poll loop.
pub(crate) struct QueuePair<'p> {
    /// The number of both queues.
    pub(crate) number: u16,
    pub(crate) rx: &'p mut RxQueue,
    pub(crate) tx: &'p mut TxQueue,
    /// Where received mbufs are freed to.
    pub(crate) free_target: FreeTarget<'p>,
    /// Mbufs to send, one pool for each frame size; see [`Port::fill_tx_pools`].
    pub(crate) tx_pools: &'p [Pool],
    pub(crate) port: PortView<'p>,
}

/// Read access to a port while its queues are in use.
#[derive(Clone, Copy)]
pub(crate) struct PortView<'p> {
    device: &'p Device,
    info: &'p PortInfo,
    time_fields: TimeFields,
}

impl<'p> PortView<'p> {
    /// Properties and setup of the port.
    pub(crate) fn info(self) -> &'p PortInfo {
        self.info
    }

    /// What is known about the port's driver.
    pub(crate) fn driver(self) -> &'static Driver {
        Driver::of(&self.info.driver)
    }

    pub(crate) fn link_is_up(self) -> bool {
        Link::of(self.device).is_up
    }

    /// The time fields that the port was opened with.
    pub(crate) fn time_fields(self) -> TimeFields {
        self.time_fields
    }

    /// The port's clock, beside ticks of `rate`.
    pub(crate) fn clock(self, rate: TickRate) -> Result<PortClock<'p>, DataplaneError> {
        PortClock::new(self.device, rate)
    }
}

/// Room in each mbuf beyond the largest frame without FCS: for two further VLAN tags, and for what drivers count on top of it. Virtio wants
/// room for MTU + 14 + 4 + 12 bytes, which are Ethernet header, one VLAN tag and its own header (virtio_ethdev.c, `virtio_mtu_set` and
/// `virtio_rx_check_scatter`): 16 bytes more than the frame.
const MBUF_ROOM: u32 = 24;

/// Mbufs in bursts at one queue: those that a poll loop has in hand, and those that a driver takes from the pool at once.
const IN_BURSTS: u32 = 2 * MAX_BURST as u32;

/// The size of the receive pool of a port. Received mbufs are in receive rings, and a reflector's in transmit rings too.
fn rx_pool_size(descriptors: Descriptors, queues: u32, cache: u16) -> PoolSize {
    let of_queue = u32::from(descriptors.rx) + u32::from(descriptors.tx) + IN_BURSTS;
    PoolSize { in_use: of_queue * queues, lcores: queues, cache }
}

/// The size of a transmit pool, which serves one queue.
fn tx_pool_size(descriptors: u16, queues: u32, cache: u16) -> PoolSize {
    PoolSize { in_use: u32::from(descriptors) + IN_BURSTS, lcores: queues, cache }
}

impl Port {
    /// Opens, sets up and starts a port.
    pub(crate) fn open(eal: &Arc<Eal>, spec: &PortSpec, options: PortOptions) -> Result<Port, DataplaneError> {
        let _opening = eal.opening();
        let mut device = Device::claim(eal, spec)?;
        // Checked before memory is reserved for queues that the port does not have.
        let descriptors = setup::check(&device, spec, &options)?;
        let bytes = (options.max_frame.without_fcs() + MBUF_ROOM).max(spec.frame_buffers().map_or(0, |(size, _)| size));
        let queues = u32::from(options.queues.get());
        let mempool_cache = options.mempool_cache.unwrap_or(DEFAULT_CACHE);
        let rx_pool = Pool::new(eal, spec.name(), rx_pool_size(descriptors, queues, mempool_cache), bytes, device.numa_node())?;
        device.keep(&rx_pool);
        let (info, time_fields) = setup::start(&mut device, spec, &options, descriptors, &rx_pool)?;
        let id = device.id();
        let warm = Driver::of(&info.driver).received_frames == ReceivedFrames::WrittenByPoller;
        let mut kernel_rings = match (Driver::of(&info.driver).emptied, device.interface()) {
            (TransmitRingEmptied::BySendto, Some(interface)) => KernelRing::of_port(interface, options.queues.get()),
            _ => Vec::new(),
        }
        .into_iter();
        // SAFETY: all queues are set up and the port is started while `device` exists, which a Port drops after its queues. A port is
        // claimed once at a time, so these values are the only ones.
        let queue = |number| unsafe { (RxQueue::new(id, number, warm), TxQueue::new(id, number, kernel_rings.next())) };
        let queues: Vec<_> = (0..options.queues.get()).map(queue).collect();
        let tx_pools = queues.iter().map(|_| Vec::new()).collect();
        Ok(Port { queues, device, rx_pool, tx_pools, mempool_cache, eal: Arc::clone(eal), time_fields, info })
    }

    /// The source address of the frames that the port sends: its own, so that returned frames reach it, or another where the kernel would keep
    /// them.
    pub(crate) fn source_address(&self) -> MacAddress {
        if self.driver().is_reached_by_its_address() { self.info.mac } else { MacAddress::local(1) }
    }

    /// Properties and setup of the port.
    pub fn info(&self) -> &PortInfo {
        &self.info
    }

    /// The port's counters now. The engines read them before and after a run themselves.
    pub fn counters(&self) -> PortCounters {
        PortCounters::of(&self.device)
    }

    /// Whether the link is up now.
    pub fn link_is_up(&self) -> bool {
        Link::of(&self.device).is_up
    }

    /// Waits until the link is up, and reads its speed then ([`PortInfo::link_speed`]). For vhost and virtio-user this means that the other end
    /// is connected.
    pub fn wait_link_up(&mut self, timeout: Duration) -> Result<(), DataplaneError> {
        let begin = Instant::now();
        match link::wait_until_up(timeout, || Link::of(&self.device), || begin.elapsed(), thread::sleep) {
            Some(link) => {
                self.info.link_speed = link.speed;
                Ok(())
            }
            None => Err(DataplaneError::NoLink { name: self.info.name.clone(), waited: timeout }),
        }
    }

    pub(crate) fn eal(&self) -> &Arc<Eal> {
        &self.eal
    }

    /// What is known about the port's driver.
    pub(crate) fn driver(&self) -> &'static Driver {
        Driver::of(&self.info.driver)
    }

    /// The time fields that the port was opened with.
    pub(crate) fn time_fields(&self) -> TimeFields {
        self.time_fields
    }

    /// Whether the peer of a vhost-user port stopped its queues before it disconnected.
    pub(crate) fn peer_stopped_its_queues(&self) -> bool {
        matches!(self.driver().other_end, OtherEnd::OwnSocket { .. }) && log::queues_were_stopped(&log::take())
    }

    /// The queues of the port, one pair for each poll loop.
    pub(crate) fn queue_pairs(&mut self) -> Vec<QueuePair<'_>> {
        let only_this_pool = self.driver().received_mbufs == ReceivedMbufs::FromOwnPool;
        let free_target = FreeTarget::new(&self.rx_pool, only_this_pool);
        let port = PortView { device: &self.device, info: &self.info, time_fields: self.time_fields };
        let queues = self.queues.iter_mut().zip(&self.tx_pools).zip(0..);
        queues.map(|(((rx, tx), tx_pools), number)| QueuePair { number, rx, tx, free_target, tx_pools, port }).collect()
    }

    /// Limits the rate of each of the first `queues` queues, in Mbit/s; 0 removes the limits.
    pub(crate) fn limit_queues(&mut self, queues: u16, mbps: u32) -> Result<(), DataplaneError> {
        (0..queues).try_for_each(|queue| self.device.limit_queue(queue, mbps))
    }

    /// Notes that frames were sent until now, so that the port is not closed before they have left.
    pub(crate) fn has_sent(&mut self) {
        self.device.has_sent();
    }

    /// Creates the transmit pools of every queue, one for each template, and writes the template into every mbuf.
    pub(crate) fn fill_tx_pools(&mut self, templates: &[&[u8]]) -> Result<(), DataplaneError> {
        if templates.len() > 1 && self.info.has_fast_free() {
            return Err(DataplaneError::Plan {
                what: "frames of several sizes",
                why: "the port was opened with fast_free, which needs all frames of a queue to be of one pool \
                      (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE): open the port without fast_free"
                    .to_owned(),
            });
        }
        let bytes = self.info.max_frame.without_fcs() + MBUF_ROOM;
        let size = tx_pool_size(self.info.tx_descriptors, u32::from(self.info.queues), self.mempool_cache);
        for pools in &mut self.tx_pools {
            for (at, template) in templates.iter().enumerate() {
                if pools.len() == at {
                    let pool = Pool::new(&self.eal, &self.info.name, size, bytes, self.info.numa_node)?;
                    self.device.keep(&pool);
                    pools.push(pool);
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

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::super::lcore::Registered;
    use super::super::queue::{Burst, Slots};
    use super::*;

    const QUEUES: usize = 8;
    const DESCRIPTORS: u16 = 1024;

    /// How many mbufs of a pool the last of eight lcores can take in bursts of 64, after each of the others has used it and left mbufs in its
    /// cache, as poll loops of earlier runs do.
    fn taken_by_the_last_lcore(size: PoolSize) -> usize {
        let eal = Eal::for_tests();
        let pool = Pool::new(&eal, "a test", size, 64, None).unwrap();
        let all_used_it = Barrier::new(QUEUES);
        let (pool, all_used_it, eal) = (&pool, &all_used_it, &eal);
        thread::scope(|scope| {
            for _ in 1..QUEUES {
                scope.spawn(move || {
                    // Registered until all have used the pool, so that each is another lcore.
                    let _registered = Registered::current_thread(Arc::clone(eal)).unwrap();
                    drop(Burst::take(pool, &mut Slots::new(), 64));
                    all_used_it.wait();
                });
            }
            let last = scope.spawn(move || {
                let _registered = Registered::current_thread(Arc::clone(eal)).unwrap();
                all_used_it.wait();
                // A driver that holds them.
                let mut held: Vec<Slots> = (0..usize::from(DESCRIPTORS) / 64 + 1).map(|_| Slots::new()).collect();
                let bursts: Vec<Burst<'_>> = held.iter_mut().map_while(|slots| Burst::take(pool, slots, 64)).collect();
                bursts.iter().map(Burst::len).sum()
            });
            last.join().unwrap()
        })
    }

    #[test]
    fn a_full_transmit_ring_and_the_caches_of_all_lcores_leave_mbufs_for_the_next_burst() {
        let ring_and_burst = usize::from(DESCRIPTORS) + 64;
        assert_eq!(taken_by_the_last_lcore(tx_pool_size(DESCRIPTORS, QUEUES as u32, DEFAULT_CACHE)), ring_and_burst);
        // Without room for the caches there are too few for a driver that frees mbufs when 992 of 1024 descriptors are in use.
        assert!(taken_by_the_last_lcore(PoolSize { in_use: 2047, lcores: 0, cache: DEFAULT_CACHE }) < 992);
    }

    #[test]
    fn a_pool_that_has_fewer_mbufs_than_a_burst_gives_those() {
        let eal = Eal::for_tests();
        // This thread is not an lcore, so it has no cache.
        let pools = [Pool::new(&eal, "a test", PoolSize { in_use: 390, lcores: 0, cache: DEFAULT_CACHE }, 64, None).unwrap()];
        let mut held: Vec<Slots> = (0..6).map(|_| Slots::new()).collect();
        let most: Vec<Burst<'_>> = held.iter_mut().filter_map(|slots| Burst::take(&pools[0], slots, 64)).collect();
        assert_eq!(most.iter().map(Burst::len).sum::<usize>(), 384);
        // A loop that gets none never calls the driver again, which frees sent mbufs only when it is called.
        let mut few = Slots::new();
        assert_eq!(Burst::take(&pools[0], &mut few, 64).map(|burst| burst.len()), Some(4));
        assert_eq!(Burst::take_each(&pools, &mut few, 64, || 0).map(|burst| burst.len()), Some(4));
        drop(most);
        assert_eq!(Burst::take_each(&pools, &mut few, 64, || 0).map(|burst| burst.len()), Some(64));
        assert!(Burst::take_each(&pools, &mut Slots::new(), 1, || 1).is_none(), "there is no pool 1");
    }
}
