//! A port: opened, set up, started, and closed again when it is dropped.

mod counters;
mod info;
mod options;

pub use counters::PortCounters;
pub use info::{MacAddress, MacAddressError, PortInfo};
pub use options::PortOptions;

use std::time::Duration;

use crate::engine::{ReceivePlan, ReflectPlan, Running, SendPlan};
use crate::error::DataplaneError;
use crate::report::{ReceiveReport, ReflectReport, SendReport};

/// A started port with one receive and one transmit queue.
#[derive(Debug)]
pub struct Port {
    info: PortInfo,
}

impl Port {
    /// What the port is and can do.
    pub fn info(&self) -> &PortInfo {
        &self.info
    }

    /// The port's counters now. The engines read them before and after a run themselves.
    pub fn counters(&self) -> PortCounters {
        unimplemented!()
    }

    /// Waits until the link is up; for vhost and virtio-user that means that the other end is there.
    pub fn wait_link_up(&self, timeout: Duration) -> Result<(), DataplaneError> {
        unimplemented!("{timeout:?}")
    }

    /// Sends test frames on a poll loop of its own.
    pub fn send(self, plan: SendPlan) -> Result<Running<SendReport>, DataplaneError> {
        unimplemented!("{plan:?}")
    }

    /// Receives and counts test frames on a poll loop of its own.
    pub fn receive(self, plan: ReceivePlan) -> Result<Running<ReceiveReport>, DataplaneError> {
        unimplemented!("{plan:?}")
    }

    /// Sends test frames back to where they came from, on a poll loop of its own.
    pub fn reflect(self, plan: ReflectPlan) -> Result<Running<ReflectReport>, DataplaneError> {
        unimplemented!("{plan:?}")
    }
}
