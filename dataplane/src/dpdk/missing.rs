//! Why a port that was named does not exist in DPDK, and what to do.

use std::path::Path;

use super::devargs::{Bus, PortSpec};
use super::eal::Eal;
use super::eswitch::{self, Representor};
use super::pci_device::{PciDevice, binding};
use super::probe;
use crate::error::DataplaneError;

/// The error for a port that DPDK did not create.
pub(super) fn port(eal: &Eal, spec: &PortSpec) -> DataplaneError {
    if eal.closed().contains(&spec.label()) {
        return DataplaneError::NoSuchPort {
            name: spec.label(),
            log: ": this process closed it, and DPDK removes a port that is closed".to_owned(),
            advice: "Open it in a new process".to_owned(),
        };
    }
    missing(spec, eal.startup_log(), &probe::names(), Path::new("/"))
}

/// The error for a representor that is not among the `others` of its device.
pub(super) fn representor(eal: &Eal, spec: &PortSpec, mut others: Vec<String>) -> DataplaneError {
    if eal.closed().contains(&spec.label()) || eswitch::uplink(spec.name()).is_none() {
        return port(eal, spec);
    }
    for known in eswitch::representors_of(Path::new("/"), spec.name()) {
        if !others.contains(&known) {
            others.push(known);
        }
    }
    missing_representor(spec, &others)
}

/// The error for devargs that name several representors.
pub(super) fn several_representors(spec: &PortSpec, representors: &[Representor]) -> DataplaneError {
    let all: Vec<String> = representors.iter().map(|one| format!("representor={one}")).collect();
    DataplaneError::Plan {
        what: "the port",
        why: format!("{spec} names {} representors, and a port is one of them: write {}", all.len(), all.join(" or ")),
    }
}

fn missing_representor(spec: &PortSpec, others: &[String]) -> DataplaneError {
    let why = match others {
        [] => ": the device has no representors. Switch its e-switch to switchdev mode and create the functions".to_owned(),
        others => format!(": the device has the representors {}", others.join(", ")),
    };
    DataplaneError::NoSuchPort { name: spec.label(), log: why, advice: "`linerate ports` lists the ports of this machine".to_owned() }
}

fn missing(spec: &PortSpec, log: &str, names: &[String], root: &Path) -> DataplaneError {
    let name = spec.name();
    let device = (spec.bus() == Bus::Pci).then(|| PciDevice::read(root, name));
    let none = |why: String, advice: String| DataplaneError::NoSuchPort { name: spec.to_string(), log: why, advice };
    let list = "`linerate ports` lists the ports of this machine".to_owned();
    match device {
        Some(PciDevice::Missing) => none(format!(": there is no PCI device at {name}"), list),
        Some(PciDevice::Unbound) => none(": the device has no driver".to_owned(), format!("Bind it for user space: {}", binding(name))),
        Some(PciDevice::Kernel { driver, interfaces }) => {
            let interfaces = if interfaces.is_empty() { String::new() } else { format!(" (interface {})", interfaces.join(", ")) };
            let why = format!(": the device is bound to the kernel driver {driver}{interfaces}, and DPDK needs it for itself");
            none(why, format!("Bind it for user space, which removes its kernel interfaces: {}", binding(name)))
        }
        Some(PciDevice::InUse { process, program }) => {
            DataplaneError::PortInUse { name: spec.to_string(), by: format!("process {process} ({program}) has the device open") }
        }
        Some(PciDevice::Available { driver }) => {
            let why = format!(": DPDK could not open the device, which is bound to {driver}{log}");
            none(
                why,
                "Check the rights of this process, and whether this DPDK has the driver for the device; see `linerate doctor`".to_owned(),
            )
        }
        None => {
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            none(log.to_owned(), format!("These ports exist: {names}. Name NICs when DPDK is initialised, and see `linerate ports`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_device_of_the_kernel_is_named_with_the_command_that_binds_it() {
        let root = tempfile::tempdir().unwrap();
        let spec: PortSpec = "03:00.0".parse().unwrap();
        let said = |root: &Path| missing(&spec, "; DPDK says: x", &[], root).to_string();
        assert!(said(root.path()).contains("there is no PCI device at 0000:03:00.0"));
        let device = root.path().join("sys/bus/pci/devices/0000:03:00.0");
        fs::create_dir_all(device.join("net/eth1")).unwrap();
        assert!(said(root.path()).contains("the device has no driver"));
        symlink("../../../../bus/pci/drivers/igb", device.join("driver")).unwrap();
        let bound = said(root.path());
        for part in ["kernel driver igb (interface eth1)", "dpdk-devbind.py -b vfio-pci 0000:03:00.0", "driverctl set-override"] {
            assert!(bound.contains(part), "{part}: {bound}");
        }
        assert!(!bound.contains('\n'));
    }

    #[test]
    fn representors_that_exist_are_named_in_one_line() {
        let spec: PortSpec = "03:00.0,representor=vf7,dv_flow_en=2".parse().unwrap();
        let said = missing_representor(&spec, &["vf0".to_owned(), "vf65535".to_owned()]).to_string();
        assert_eq!(
            said,
            "there is no port `0000:03:00.0,representor=vf7`: the device has the representors vf0, vf65535. `linerate ports` lists the ports of this machine"
        );
        assert!(missing_representor(&spec, &[]).to_string().contains("has no representors"));
        let list: PortSpec = "03:00.0,representor=vf[0,1]".parse().unwrap();
        let said = several_representors(&list, &list.representors().unwrap()).to_string();
        assert!(said.contains("names 2 representors") && said.contains("representor=vf0 or representor=vf1"), "{said}");
    }
}
