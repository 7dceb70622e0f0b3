//! A port: opened, set up, started, and closed again when it is dropped.

mod counters;
mod device;
mod info;
mod options;

pub use counters::PortCounters;
pub use info::PortInfo;
pub use options::PortOptions;

pub(crate) use device::{names, probe};

use std::sync::Arc;
use std::time::{Duration, Instant};

use device::Device;

use crate::burst::{Home, RxQueue, TxQueue};
use crate::eal::Eal;
use crate::engine::{self, ReceivePlan, ReflectPlan, Running, SendPlan};
use crate::error::DataplaneError;
use crate::mempool::Pool;
use crate::port_spec::PortSpec;
use crate::report::{ReceiveReport, ReflectReport, SendReport};

/// A started port with one receive and one transmit queue.
///
/// Dropping it closes the port. The order of the fields is the order in which they are dropped: no queue outlives its port, no pool is
/// freed before the driver gave its frames back, and EAL goes last.
#[derive(Debug)]
pub struct Port {
    rx: RxQueue,
    tx: TxQueue,
    device: Device,
    /// Frames that the port receives into.
    rx_pool: Pool,
    /// Frames to send, made with the first plan to send.
    tx_pool: Option<Pool>,
    pub(crate) eal: Arc<Eal>,
    info: PortInfo,
}

/// Drivers that may give a received frame in an mbuf of someone else's pool: net_ring passes on what was sent.
const FOREIGN_MBUFS: [&str; 2] = ["net_ring", "net_bonding"];

/// Opens a port.
pub(crate) fn open(eal: &Arc<Eal>, spec: &PortSpec, options: PortOptions) -> Result<Port, DataplaneError> {
    let device = Device::claim(eal, spec)?;
    let bytes = options.max_frame.without_fcs() + TAG_ROOM;
    let rx_pool = Pool::new(eal, spec.name(), pool_size(options.rx_descriptors) + pool_size(options.tx_descriptors), bytes)?;
    let info = device.start(spec, &options, &rx_pool)?;
    let id = device.id();
    // SAFETY: both queues are set up and the port is started as long as `device` lives, which a Port drops after its queues; a port is
    // claimed once at a time, so these are the only ones.
    let (rx, tx) = unsafe { (RxQueue::new(id), TxQueue::new(id)) };
    Ok(Port { rx, tx, device, rx_pool, tx_pool: None, eal: Arc::clone(eal), info })
}

/// Two VLAN tags more than what was asked for.
const TAG_ROOM: u32 = 8;

/// Frames that a ring of so many descriptors can hold, and some bursts.
fn pool_size(descriptors: Option<u16>) -> u32 {
    u32::from(descriptors.unwrap_or(1024)).max(512) + 512
}

/// A port taken apart for one poll loop.
pub(crate) struct Parts<'p> {
    pub(crate) rx: &'p mut RxQueue,
    pub(crate) tx: &'p mut TxQueue,
    /// Where received frames go back to.
    pub(crate) home: Home<'p>,
    pub(crate) tx_pool: Option<&'p Pool>,
    pub(crate) link: Link<'p>,
}

/// A look at a port's link while its queues are in use.
#[derive(Clone, Copy)]
pub(crate) struct Link<'p> {
    device: &'p Device,
}

impl Link<'_> {
    pub(crate) fn is_up(self) -> bool {
        self.device.link().0
    }
}

impl Port {
    /// What the port is and can do.
    pub fn info(&self) -> &PortInfo {
        &self.info
    }

    /// The port's counters now. The engines read them before and after a run themselves.
    pub fn counters(&self) -> PortCounters {
        self.device.counters()
    }

    /// Whether the link is up now.
    pub fn link_is_up(&self) -> bool {
        self.device.link().0
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

    /// Sends test frames on a poll loop of its own. The port comes back from [`Running::join`]; it is closed where the plan is refused.
    pub fn send(self, plan: SendPlan) -> Result<Running<SendReport>, DataplaneError> {
        engine::send(self, plan)
    }

    /// Receives and counts test frames on a poll loop of its own. What the plan asks for and cannot have, [`Running::join`] says.
    pub fn receive(self, plan: ReceivePlan) -> Running<ReceiveReport> {
        engine::receive(self, plan)
    }

    /// Sends test frames back to where they came from, on a poll loop of its own.
    pub fn reflect(self, plan: ReflectPlan) -> Running<ReflectReport> {
        engine::reflect(self, plan)
    }

    /// The parts that a poll loop works with.
    pub(crate) fn split(&mut self) -> Parts<'_> {
        let own = !FOREIGN_MBUFS.contains(&self.info.driver.as_str());
        Parts {
            rx: &mut self.rx,
            tx: &mut self.tx,
            home: Home::new(&self.rx_pool, own),
            tx_pool: self.tx_pool.as_ref(),
            link: Link { device: &self.device },
        }
    }

    /// Notes that frames were sent until now, so that the port is not closed before they have left.
    pub(crate) fn has_sent(&mut self) {
        self.device.has_sent();
    }

    /// The transmit pool with every frame written.
    pub(crate) fn fill_tx_pool(&mut self, template: &[u8]) -> Result<(), DataplaneError> {
        let bytes = self.info.max_frame.without_fcs() + TAG_ROOM;
        let pool = match &mut self.tx_pool {
            Some(pool) => pool,
            none => none.insert(Pool::new(&self.eal, &self.info.name, pool_size(Some(self.info.tx_descriptors)), bytes)?),
        };
        if pool.fill(template) {
            return Ok(());
        }
        Err(DataplaneError::Plan {
            what: "a frame of this size",
            why: format!("the port was opened for frames of at most {}", self.info.max_frame),
        })
    }
}
