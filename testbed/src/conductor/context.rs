use std::sync::atomic::AtomicBool;

use reporter::archive::RunDirectory;

use super::endpoint_agents::EndpointAgents;
use super::machines::Machines;
use super::observer::Observer;
use super::path_device::PathDevice;
use crate::topology::Testbed;

/// What every measurement of a run works with.
pub(super) struct Context<'a> {
    /// The endpoints.
    pub testbed: &'a Testbed,
    /// Which of them share a machine.
    pub machines: &'a Machines,
    /// The agents of endpoints on other machines.
    pub agents: &'a mut EndpointAgents,
    /// The device in the path of the pair that is being measured.
    pub device: &'a mut PathDevice,
    /// Where raw files go.
    pub directory: &'a RunDirectory,
    /// Set when the user ends the run.
    pub interrupted: &'a AtomicBool,
    /// Receives the trials of a measurement.
    pub observer: &'a mut dyn Observer,
}
