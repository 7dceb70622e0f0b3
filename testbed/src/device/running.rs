//! A device from its start to its end.

use std::sync::atomic::AtomicBool;

use dataplane::{CpuId, MacAddress};

use super::bridge::Links;
use super::changes::Changes;
use super::counters::{DeviceCounters, of_interfaces};
use super::cpu_mask::comma_mask;
use super::error::DeviceError;
use super::place::Place;
use super::program::Program;
use super::{bridge, ip_forward, ovs, testpmd};
use crate::process::Location;
use crate::topology::{Device, DeviceId, DeviceKind};

/// A device that was started. Dropping it stops it and puts back what it changed.
#[derive(Debug)]
pub struct RunningDevice {
    device: Device,
    place: Place,
    // Before the changes: fields are dropped in order, and a process must not use what is put back.
    process: Option<Program>,
    changes: Changes,
    /// The addresses of a router's interfaces.
    own_addresses: Option<[MacAddress; 2]>,
    configuration: Vec<String>,
}

impl RunningDevice {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started. What was changed until then is put back.
    pub fn start(device: &Device, location: &Location, links: Links, interrupted: &AtomicBool) -> Result<Self, DeviceError> {
        let place = Place { device: device.id.clone(), location: location.clone() };
        let mut changes = Changes::at(place.clone());
        let (mut process, mut own_addresses, mut configuration) = (None, None, Vec::new());
        match &device.kind {
            DeviceKind::Bridge { between } => configuration = bridge::start(&place, &mut changes, between, links, interrupted)?,
            DeviceKind::IpForward { between, addresses } => {
                let (addresses, settings) = ip_forward::start(&place, &mut changes, between, addresses.as_ref(), links)?;
                (own_addresses, configuration) = (Some(addresses), settings);
            }
            DeviceKind::Testpmd { between, mode, program } => {
                process = Some(testpmd::start(&place, &mut changes, (program, between, *mode), &device.cpus)?);
            }
            DeviceKind::Ovs { between } => process = Some(ovs::start_kernel(&place, between)?),
            DeviceKind::OvsDpdk { between } => process = Some(ovs::start_dpdk(&place, &mut changes, between, &device.cpus)?),
            DeviceKind::Command { command, .. } => process = Some(Program::start_any(&place, &on_cpus(command, &device.cpus))?),
        }
        if let DeviceKind::Bridge { between } | DeviceKind::IpForward { between, .. } | DeviceKind::Ovs { between } = &device.kind {
            configuration.extend(steer(&place, &mut changes, between, &device.cpus)?);
        }
        configuration.extend(process.as_ref().map(|process| process.command().to_owned()));
        Ok(RunningDevice { device: device.clone(), place, process, changes, own_addresses, configuration })
    }

    /// Its name.
    pub fn id(&self) -> &DeviceId {
        &self.device.id
    }

    /// What it is.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How it was set up, a line each.
    pub fn configuration(&self) -> &[String] {
        &self.configuration
    }

    /// The addresses of its ports, where frames must be sent to them: a router's.
    pub fn own_addresses(&self) -> Option<[MacAddress; 2]> {
        self.own_addresses
    }

    /// Says which addresses are behind its first and second port. A router sends frames there.
    pub fn join(&mut self, ends: [MacAddress; 2]) -> Result<(), DeviceError> {
        match &self.device.kind {
            DeviceKind::IpForward { between, .. } => ip_forward::set_neighbours(&mut self.changes, &self.place, between, ends),
            _ => Ok(()),
        }
    }

    /// What its ports have counted; none for a program without named interfaces.
    pub fn counters(&mut self) -> Result<Option<DeviceCounters>, DeviceError> {
        match (&self.device.kind, &mut self.process) {
            (DeviceKind::Testpmd { between, .. }, Some(process)) => testpmd::counters(process, between).map(Some),
            (DeviceKind::Bridge { between } | DeviceKind::IpForward { between, .. }, _) => of_interfaces(&self.place, between).map(Some),
            (DeviceKind::Command { between: Some(between), .. }, _) => of_interfaces(&self.place, between).map(Some),
            (DeviceKind::Ovs { .. } | DeviceKind::OvsDpdk { .. }, Some(process)) => ovs::counters(&self.place, process).map(Some),
            _ => Ok(None),
        }
    }

    /// An error where its process has ended.
    pub fn check_process(&mut self) -> Result<(), DeviceError> {
        self.process.as_mut().map_or(Ok(()), Program::check)
    }

    /// An error where it has ended, or does not forward any more.
    pub fn check(&mut self) -> Result<(), DeviceError> {
        self.check_process()?;
        let DeviceKind::Bridge { between } = &self.device.kind else { return Ok(()) };
        bridge::check(&self.place, between).map_err(|ending| DeviceError::Ended {
            device: self.device.id.clone(),
            place: self.place.location.to_string(),
            ending,
        })
    }

    /// What its process has printed; none where it has no process.
    pub fn output(&self) -> Option<String> {
        self.process.as_ref().map(Program::output)
    }

    /// Stops it and puts back what it changed.
    ///
    /// # Errors
    /// Something could not be put back; the next run tries again.
    pub fn stop(mut self) -> Result<(), DeviceError> {
        let last_line = matches!(self.device.kind, DeviceKind::Testpmd { .. }).then_some("quit");
        if let Some(process) = self.process.take() {
            process.stop(last_line);
        }
        self.changes.restore()
    }
}

/// A command that is pinned to CPUs, where some are named.
fn on_cpus(command: &[String], cpus: &[CpuId]) -> Vec<String> {
    if cpus.is_empty() {
        return command.to_vec();
    }
    let list = cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    ["taskset".to_owned(), "-c".to_owned(), list].into_iter().chain(command.iter().cloned()).collect()
}

/// Has the kernel forward frames from the interfaces on these CPUs (receive packet steering, Documentation/networking/scaling.rst).
fn steer(place: &Place, changes: &mut Changes, interfaces: &[String; 2], cpus: &[CpuId]) -> Result<Vec<String>, DeviceError> {
    if cpus.is_empty() {
        return Ok(Vec::new());
    }
    let mask = comma_mask(cpus);
    for interface in interfaces {
        let folder = format!("/sys/class/net/{interface}/queues");
        for queue in place.ask(&["ls", &folder])?.split_whitespace().filter(|queue| queue.starts_with("rx-")) {
            let file = format!("{folder}/{queue}/rps_cpus");
            changes.set_file(&file, &mask)?;
        }
    }
    Ok(vec![format!("rps_cpus {mask}")])
}
