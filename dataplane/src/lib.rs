//! Safe DPDK and the poll-mode engines: generator, sink and reflector.
//!
//! [`Dataplane::init`] starts DPDK, [`Dataplane::open`] opens a port, and the port runs one engine at a time:
//! [`Port::send`], [`Port::receive`] or [`Port::reflect`]. Each gives a [`Running`], which is watched, stopped and joined.
//!
//! Layers, from the lowest; each imports only those before it:
//!
//! | module | what is in it |
//! |---|---|
//! | [`time`] | ticks, schedules, clocks |
//! | [`account`] | what is counted: sequence numbers, latencies, gaps, hiccups |
//! | [`frame`] | test frames, flows, captures; no DPDK |
//! | `dpdk` | EAL, mbufs, mempools, queues, ports; no engines |
//! | `engine` | generator, sink and reflector, each with its plan and its report |

pub mod account;
mod cpu;
mod dpdk;
mod engine;
mod error;
pub mod frame;
pub mod time;

pub use account::Bucket;
pub use account::gaps::GapReport;
pub use account::hiccup::HiccupReport;
pub use account::latency::RttReport;
pub use cpu::{CpuId, CpuIdError};
pub use dpdk::{
    Burst, CARRIER_CHANGES, CounterPair, DpdkVersion, EalOptions, INTERFACE_RX_PACKETS, INTERFACE_TX_PACKETS, IsolatedFrames, KernelDriver,
    MOST_MEMPOOL_CACHE, Mbuf, Memory, Port, PortCounters, PortInfo, PortName, PortOptions, PortSpec, Represented, driver_sets_rx_missed,
};
pub use engine::{
    Arrivals, BusiestQueue, Checksums, CycleReport, EngineReport, LoopsReport, Pacing, PacingReport, QueueReport, RateStep, ReceivePlan,
    ReceiveReport, ReceiveSnapshot, ReflectPlan, ReflectReport, ReflectSnapshot, ReturnedFrames, Running, SendPlan, SendReport,
    SendSnapshot, SentStream, Spacing, StreamReport, Traffic, Turning,
};
pub use error::DataplaneError;
pub use frame::{FrameFormat, MacAddress, StreamId, Tagging, VlanId};
pub use time::{BootId, LatePolicy, LatenessReport, TickSource};

use std::sync::Arc;

/// DPDK, initialised. Ports keep it alive; it is cleaned up when it and the last port are dropped.
#[derive(Debug)]
pub struct Dataplane {
    eal: Arc<dpdk::Eal>,
}

impl Dataplane {
    /// Initialises DPDK and probes the devices named in `options`. Possible once per process.
    ///
    /// PCI and auxiliary devices must be named here; software ports may also be made later by [`open`](Self::open).
    /// DPDK's own threads run on the main CPU; the calling thread keeps its affinity.
    pub fn init(options: EalOptions) -> Result<Self, DataplaneError> {
        let eal = dpdk::Eal::start(&options)?;
        for device in options.devices.iter().filter(|device| device.is_software()) {
            dpdk::probe(device)?;
        }
        Ok(Dataplane { eal })
    }

    /// Which DPDK this is; an error where DPDK is missing, or is not the one that the program was built with.
    pub fn version() -> Result<DpdkVersion, DataplaneError> {
        DpdkVersion::of_this_process()
    }

    /// The names of all ports there are now.
    pub fn port_names(&self) -> Vec<String> {
        dpdk::names()
    }

    /// Opens, sets up and starts a port. A software port that was not named at initialisation is made here.
    pub fn open(&self, spec: &PortSpec, options: PortOptions) -> Result<Port, DataplaneError> {
        Port::open(&self.eal, spec, options)
    }
}
