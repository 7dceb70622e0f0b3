//! DPDK behind a safe interface: EAL, mbufs, mempools, queues and ports. Nothing here knows an engine.

mod clock;
mod counters;
mod devargs;
mod device;
mod driver;
mod eal;
mod errno;
mod info;
mod lcore;
mod link;
mod log;
mod mbuf;
mod mempool;
mod mtu;
mod peer;
mod port;
mod port_options;
mod probe;
mod queue;
mod rss;
mod setup;

pub use counters::{CARRIER_CHANGES, CounterPair, PortCounters};
pub use devargs::PortSpec;
pub use driver::driver_sets_rx_missed;
pub use eal::{DpdkVersion, EalOptions, Memory};
pub use info::PortInfo;
pub use mbuf::Mbuf;
pub use port::Port;
pub use port_options::PortOptions;
pub use queue::Burst;

pub(crate) use clock::PortClock;
pub(crate) use driver::{SEND_TIME_ERRORS, SentFrames};
pub(crate) use eal::Eal;
pub(crate) use lcore::pin;
pub(crate) use mbuf::TimeField;
pub(crate) use mempool::Pool;
pub(crate) use port::{PortView, QueuePair};
pub(crate) use probe::{names, probe};
pub(crate) use queue::{FreeTarget, MAX_BURST, RxQueue, Slots, TxQueue};
