//! Which of DPDK's ports is the uplink or a representor of a device.

use std::ffi::CStr;

use dpdk_sys as sys;

use super::argument::{Kind, Representor};
use super::table::IdTable;
use crate::dpdk::probe;

/// What was found for a representor.
pub(in crate::dpdk) enum Found {
    /// DPDK's number of the port.
    Port(u16),
    /// The device has other representors, as they are written.
    Others(Vec<String>),
}

/// A port of a device.
struct SwitchPort {
    port: u16,
    name: String,
    device: String,
    id: u16,
    is_representor: bool,
}

impl SwitchPort {
    fn read(port: u16) -> Option<SwitchPort> {
        let mut on_switch = sys::lr_switch_port::default();
        // SAFETY: the port exists; the call writes the whole structure or nothing.
        if unsafe { sys::lr_switch_port_get(port, &mut on_switch) } != 0 {
            return None;
        }
        // SAFETY: the shim ends the name with a NUL.
        let device = unsafe { CStr::from_ptr(on_switch.device.as_ptr()) }.to_string_lossy().into_owned();
        let name = probe::name_of(port)?;
        Some(SwitchPort { port, name, device, id: on_switch.port, is_representor: on_switch.is_representor != 0 })
    }
}

/// Whether the port is a representor.
pub(in crate::dpdk) fn is_representor(port: u16) -> bool {
    SwitchPort::read(port).is_some_and(|port| port.is_representor)
}

fn ports_of(device: &str) -> Vec<SwitchPort> {
    probe::ports().filter_map(SwitchPort::read).filter(|port| port.device == device).collect()
}

/// DPDK's number of the device's own port, whatever its name: mlx5 appends a suffix on a bonded device (mlx5_os.c, `mlx5_dev_spawn`).
pub(in crate::dpdk) fn uplink(device: &str) -> Option<u16> {
    let mut uplinks = ports_of(device).into_iter().filter(|port| !port.is_representor);
    uplinks.next().map(|port| port.port)
}

/// The port of the device that is the representor `wanted`.
///
/// The driver's table of ids decides (`rte_eth_representor_info_get`), with the id that each port reports (`switch_info.port_id`). Without a
/// table, that id is the number of the virtual function (i40e, ixgbe, ice and bnxt). sfc reports another number there (sfc_repr.c), so what
/// follows `_representor_` in the name of the port is compared where no id fits.
pub(in crate::dpdk) fn find(device: &str, wanted: Representor) -> Found {
    let ports = ports_of(device);
    let table = ports.iter().filter(|port| !port.is_representor).chain(&ports).find_map(|port| IdTable::read(port.port));
    let representors: Vec<&SwitchPort> = ports.iter().filter(|port| port.is_representor).collect();
    let named = |port: &&&SwitchPort| named_representor(&port.name).is_some_and(|named| is_same(named, wanted));
    let by_id = || {
        let id = match (&table, wanted) {
            (Some(table), _) => table.id_of(wanted)?,
            (None, Representor { controller: None, pf: None, kind: Kind::Vf(vf) }) => u32::from(vf),
            (None, _) => return None,
        };
        let port = representors.iter().find(|port| u32::from(port.id) == id)?;
        // A name that says something else contradicts the id.
        named_representor(&port.name).is_none_or(|named| is_same(named, wanted)).then_some(port)
    };
    match by_id().or_else(|| representors.iter().find(named)) {
        Some(port) => Found::Port(port.port),
        None => Found::Others(representors.iter().map(|port| written(port, table.as_ref())).collect()),
    }
}

/// How the user writes the representor.
fn written(port: &SwitchPort, table: Option<&IdTable>) -> String {
    let by_id = match table {
        Some(table) => table.representor(u32::from(port.id)),
        None => Some(Representor { controller: None, pf: None, kind: Kind::Vf(port.id) }),
    };
    // The name first: where both exist they agree, except for drivers whose id is another number.
    named_representor(&port.name).or(by_id).map_or_else(|| port.name.clone(), |representor| representor.to_string())
}

/// The representor that the name of a port contains: `0000:03:00.0_representor_vf0`, and with controller and physical function in front on
/// bonded devices. mlx5 prints the host's physical function as `vf4294967295`, which is -1 (mlx5_os.c, `mlx5_dev_spawn`); the argument for it
/// is `vf65535`. `net_0000:03:00.0_representor_0` is i40e's form.
fn named_representor(name: &str) -> Option<Representor> {
    let (_, label) = name.rsplit_once("_representor_")?;
    Representor::only(&label.replace("4294967295", "65535"))
}

/// Whether both name the same representor. A controller or physical function is compared only where both have it.
fn is_same(named: Representor, wanted: Representor) -> bool {
    let same = |a: Option<u16>, b: Option<u16>| a.is_none() || b.is_none() || a == b;
    let pf = if named.kind == Kind::Pf { named.pf == wanted.pf } else { same(named.pf, wanted.pf) };
    named.kind == wanted.kind && same(named.controller, wanted.controller) && pf
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(name: &str, value: &str) -> bool {
        named_representor(name).is_some_and(|named| is_same(named, Representor::only(value).unwrap()))
    }

    #[test]
    fn names_of_every_driver_are_read() {
        for (name, value) in [
            ("0000:03:00.0_representor_vf0", "vf0"),
            ("0000:03:00.0_representor_vf0", "0"),
            ("0000:03:00.1_representor_vf3", "pf1vf3"),
            ("0000:03:00.0_representor_vf4294967295", "vf65535"),
            ("0000:03:00.0_ens1f0_representor_c0pf1vf4294967295", "pf1vf65535"),
            ("0000:03:00.0_representor_c1pf0sf88", "c1pf0sf88"),
            ("0000:03:00.0_representor_sf4", "sf4"),
            ("net_0000:03:00.0_representor_2", "vf2"),
            ("net_0000:03:00.0_representor_c0pf0vf1", "vf1"),
        ] {
            assert!(matches(name, value), "{name} {value}");
        }
        for (name, value) in [
            ("0000:03:00.0", "vf0"),
            ("0000:03:00.0_representor_vf10", "vf0"),
            ("0000:03:00.0_representor_vf0", "sf0"),
            ("0000:03:00.0_representor_c0pf1vf0", "pf0vf0"),
            ("0000:03:00.0_representor_c1pf0vf0", "c0pf0vf0"),
            ("0000:03:00.0_representor_vf4294967295", "vf0"),
        ] {
            assert!(!matches(name, value), "{name} {value}");
        }
    }
}
