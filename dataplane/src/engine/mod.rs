//! The poll-mode engines. Each runs on a thread of its own, pinned to its CPU and registered with EAL.

mod plan;
mod running;

pub use plan::{FrameFormat, LatePolicy, ReceivePlan, ReflectPlan, SendPlan};
pub use running::{EngineReport, Running};
