//! What the devices of a testbed are, for `environment.json`.

use reporter::environment::DeviceEnvironment;

use super::error::DeviceError;
use super::ovs;
use super::place::Place;
use crate::process::{CommandSpec, Location, run};
use crate::topology::{Device, DeviceKind, Testbed};

/// Every device, with its version and configuration. Asked before anything is started, so that a missing program is found then.
///
/// # Errors
/// A device's program is missing, or its machine is not reached.
pub fn describe(testbed: &Testbed) -> Result<Vec<DeviceEnvironment>, DeviceError> {
    testbed.devices.iter().map(|device| of_device(device, &testbed.endpoint(&device.at)?.location)).collect()
}

fn of_device(device: &Device, location: &Location) -> Result<DeviceEnvironment, DeviceError> {
    let place = Place { device: device.id.clone(), location: location.clone() };
    let version = match &device.kind {
        DeviceKind::Bridge { .. } | DeviceKind::IpForward { .. } => Some(format!("Linux {}", place.ask(&["uname", "-r"])?.trim())),
        DeviceKind::Testpmd { program, .. } => Some(testpmd_version(&place, &program.display().to_string())?),
        DeviceKind::Ovs { .. } => Some(ovs::version(&place, false)?),
        DeviceKind::OvsDpdk { .. } => Some(ovs::version(&place, true)?),
        DeviceKind::Command { .. } => None,
    };
    let forwarding = device.kind.forwarding().map(|forwarding| forwarding.name().to_owned());
    let cpus = device.cpus.iter().map(ToString::to_string).collect();
    let ports = device.port_names().map(Vec::from).unwrap_or_default();
    let ports = match &device.kind {
        DeviceKind::Testpmd { between, .. } | DeviceKind::OvsDpdk { between } => between.iter().map(ToString::to_string).collect(),
        _ => ports,
    };
    let command = match &device.kind {
        DeviceKind::Command { command, .. } => command.clone(),
        _ => Vec::new(),
    };
    Ok(DeviceEnvironment {
        id: device.id.to_string(),
        kind: device.kind.name().to_owned(),
        at: device.at.clone(),
        joins: device.joins.iter().map(|ends| ends.to_vec()).collect(),
        version,
        ports,
        forwarding,
        cpus,
        command,
    })
}

/// EAL prints its version before it looks at testpmd's own options, one of which is not known: no port is opened.
fn testpmd_version(place: &Place, program: &str) -> Result<String, DeviceError> {
    let words = [program, "-v", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "64", "--", "--version"];
    let output = run(&CommandSpec::new(place.location.clone(), words))
        .map_err(|source| DeviceError::Process { device: place.device.clone(), source })?;
    let printed = format!("{}{}", output.stdout_text(), output.stderr_text());
    let version = printed.lines().find_map(|line| line.split_once("RTE Version: '")?.1.split('\'').next());
    version.map(str::to_owned).ok_or_else(|| DeviceError::Refused {
        device: place.device.clone(),
        place: place.location.to_string(),
        command: words.join(" "),
        said: format!("it printed no version of DPDK; {}", output.ending()),
    })
}
