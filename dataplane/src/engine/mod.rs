//! The poll-mode engines: sender, sink and reflector. Each poll loop runs on a thread of its own, pinned to its CPU and registered
//! with EAL. An engine's folder holds its plan, its loop and its report.

mod burst;
mod counters;
mod ending;
mod full_ring;
mod left_in_ring;
mod loops_report;
mod meter;
mod queue_report;
mod reflect;
mod running;
mod seconds;
mod send;
mod sink;

pub use loops_report::LoopsReport;
pub use meter::CycleReport;
pub use queue_report::{BusiestQueue, QueueReport};
pub use reflect::{ReflectPlan, ReflectReport, ReflectSnapshot, Turning};
pub use running::{EngineReport, Running};
pub use send::{
    Checksums, Pacing, PacingReport, RateStep, ReturnedFrames, SendPlan, SendReport, SendSnapshot, SentStream, Spacing, Traffic,
};
pub use sink::{Arrivals, ReceivePlan, ReceiveReport, ReceiveSnapshot, StreamReport};
