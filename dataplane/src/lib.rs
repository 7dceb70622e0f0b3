//! Safe DPDK and the poll-mode engines: generator, sink and reflector.
//!
//! [`Dataplane::init`] starts DPDK, [`Dataplane::open`] opens a port, and the port runs one engine at a time:
//! [`Port::send`], [`Port::receive`] or [`Port::reflect`]. Each gives a [`Running`], which is watched, stopped and joined.

mod burst;
mod clock;
mod cpu;
mod eal;
mod engine;
mod error;
pub mod flows;
pub mod frame;
pub mod hiccup;
pub mod latency;
mod mempool;
pub mod pace;
pub mod pcap;
mod port;
mod port_spec;
mod report;
pub mod sequence;

pub use clock::ClockId;
pub use cpu::{CpuId, CpuIdError};
pub use eal::{Dataplane, DpdkVersion, EalOptions, Memory};
pub use engine::{Arrivals, Checksums, EngineReport, FrameFormat, RateStep, ReceivePlan, ReflectPlan, Running, SendPlan, Traffic};
pub use error::DataplaneError;
pub use frame::{MacAddress, StreamId, Tagging, VlanId};
pub use pace::{LatePolicy, Pacing};
pub use port::{Port, PortCounters, PortInfo, PortOptions};
pub use port_spec::PortSpec;
pub use report::*;
