//! DPDK, safe: EAL, mbufs, mempools, queues and ports. Nothing here knows an engine.

mod clock;
mod counters;
mod devargs;
mod device;
mod eal;
mod errno;
mod info;
mod lcore;
mod log;
mod mbuf;
mod mempool;
mod port;
mod port_options;
mod queue;

pub use counters::{CounterPair, PortCounters};
pub use devargs::PortSpec;
pub use eal::{DpdkVersion, EalOptions, Memory};
pub use info::PortInfo;
pub use port::Port;
pub use port_options::PortOptions;

pub(crate) use clock::PortClock;
pub(crate) use device::{names, probe};
pub(crate) use eal::Eal;
pub(crate) use lcore::pin;
pub(crate) use mbuf::{Frame, TimeField};
pub(crate) use mempool::Pool;
pub(crate) use port::{Parts, PortView};
pub(crate) use queue::{Burst, Home, MAX_BURST, RxQueue, Slots, TxQueue};
