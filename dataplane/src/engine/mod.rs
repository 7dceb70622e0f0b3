//! The poll-mode engines. Each runs on a thread of its own, pinned to its CPU and registered with EAL.

mod arrivals;
mod ending;
mod generator;
mod meter;
mod plan;
mod reflector;
mod running;
mod sink;

pub use arrivals::Arrivals;
pub use plan::{Checksums, FrameFormat, RateStep, ReceivePlan, ReflectPlan, SendPlan, Traffic};
pub use running::{EngineReport, Running};

pub(crate) use generator::send;
pub(crate) use reflector::reflect;
pub(crate) use sink::receive;
