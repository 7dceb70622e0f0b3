//! Devices in the path, at work: started at their endpoint, counted around every trial, stopped, and what they changed put back.
//!
//! - [`RunningDevice`] is a device that was started, and [`Links`] when its interfaces have a link;
//! - [`DeviceCounters`] are its own counts, by port;
//! - [`describe`] gives version and configuration of the devices of a testbed, before anything is started;
//! - [`restore_left`] puts back what a killed run left.

mod bridge;
mod changes;
mod counters;
mod cpu_mask;
mod describe;
mod error;
mod ip_forward;
mod ovs;
mod place;
mod program;
mod running;
mod testpmd;

pub use bridge::Links;
pub use changes::restore_left;
pub use counters::{DeviceCounters, PortCounters};
pub use describe::describe;
pub use error::DeviceError;
pub use running::RunningDevice;
