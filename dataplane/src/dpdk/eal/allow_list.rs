//! What EAL is told to probe: one entry for each device. EAL takes the first entry of a device and ignores others (`pci_devargs_lookup`), so
//! the representors of several ports are one list.

use std::collections::BTreeSet;

use crate::dpdk::devargs::{Bus, PortSpec};
use crate::dpdk::eswitch::{Kind, Representor};
use crate::error::DataplaneError;

/// The devargs of all PCI and auxiliary devices, one entry for each.
pub(super) fn allowed(ports: &[PortSpec]) -> Result<Vec<String>, DataplaneError> {
    let mut entries = Vec::new();
    let mut done = BTreeSet::new();
    for port in ports.iter().filter(|port| port.bus() != Bus::Vdev) {
        if done.insert(port.name()) {
            let same: Vec<&PortSpec> = ports.iter().filter(|other| other.bus() == port.bus() && other.name() == port.name()).collect();
            entries.push(if same.len() == 1 { port.devargs() } else { together(&same)? });
        }
    }
    Ok(entries)
}

/// The devargs of one device with all that its ports ask for.
fn together(ports: &[&PortSpec]) -> Result<String, DataplaneError> {
    let first = ports[0];
    let refuse = |why: String| DataplaneError::Plan { what: "ports of one device", why: format!("{}: {why}", first.name()) };
    let mut arguments: Vec<(&str, &str)> = Vec::new();
    for (key, value) in ports.iter().flat_map(|port| port.arguments()).filter(|(key, _)| *key != "representor") {
        match arguments.iter().find(|(known, _)| *known == key) {
            Some((_, known)) if *known != value => return Err(refuse(format!("{key} is given as {known} and as {value}"))),
            Some(_) => {}
            None => arguments.push((key, value)),
        }
    }
    let representors: BTreeSet<Representor> = ports.iter().filter_map(|port| port.representors()).flatten().collect();
    let list = match representor_list(&representors) {
        Some(list) => list,
        None => {
            return Err(refuse(
                "DPDK opens representors of one kind and one physical function at a time: use one process for each".to_owned(),
            ));
        }
    };
    let bus = if first.bus() == Bus::Auxiliary { "auxiliary:" } else { "" };
    let mut entry = format!("{bus}{}{list}", first.name());
    for (key, value) in arguments {
        entry.push_str(&format!(",{key}={value}"));
    }
    Ok(entry)
}

/// `,representor=vf[0,1]`, or nothing; `None` where one list cannot say it.
fn representor_list(representors: &BTreeSet<Representor>) -> Option<String> {
    let Some(first) = representors.first() else { return Some(String::new()) };
    let number = |representor: &Representor| match (representor.kind, first.kind) {
        (Kind::Vf(number), Kind::Vf(_)) | (Kind::Sf(number), Kind::Sf(_)) => Some(number.to_string()),
        _ => None,
    };
    let same_place = |representor: &&Representor| representor.controller == first.controller && representor.pf == first.pf;
    if representors.len() == 1 {
        return Some(format!(",representor={first}"));
    }
    if !representors.iter().all(|representor| same_place(&representor)) {
        return None;
    }
    let numbers = representors.iter().map(number).collect::<Option<Vec<_>>>()?;
    let shown = first.to_string();
    let prefix = shown.trim_end_matches(|c: char| c.is_ascii_digit());
    Some(format!(",representor={prefix}[{}]", numbers.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(ports: &[&str]) -> Result<Vec<String>, String> {
        let ports: Vec<PortSpec> = ports.iter().map(|port| port.parse().unwrap()).collect();
        allowed(&ports).map_err(|error| error.to_string())
    }

    #[test]
    fn the_ports_of_one_device_are_one_entry() {
        assert_eq!(entries(&["net_null0", "03:00.0,representor=vf[0]"]).unwrap(), ["0000:03:00.0,representor=vf[0]"]);
        assert_eq!(
            entries(&[
                "03:00.0",
                "03:00.0,representor=vf1,dv_flow_en=2",
                "03:00.1",
                "03:00.0,representor=vf65535",
                "auxiliary:mlx5_core.sf.4"
            ])
            .unwrap(),
            ["0000:03:00.0,representor=vf[1,65535],dv_flow_en=2", "0000:03:00.1", "auxiliary:mlx5_core.sf.4"]
        );
        assert_eq!(entries(&["03:00.0", "03:00.0,representor=c1pf0sf4"]).unwrap(), ["0000:03:00.0,representor=c1pf0sf4"]);
        assert_eq!(
            entries(&["03:00.0,representor=c1pf0sf4", "03:00.0,representor=c1pf0sf5"]).unwrap(),
            ["0000:03:00.0,representor=c1pf0sf[4,5]"]
        );
    }

    #[test]
    fn what_one_entry_cannot_say_is_refused() {
        let mixed = entries(&["03:00.0,representor=vf0", "03:00.0,representor=sf4"]).unwrap_err();
        assert!(mixed.contains("one process for each"), "{mixed}");
        let two = entries(&["03:00.0,dv_flow_en=1", "03:00.0,representor=vf0,dv_flow_en=2"]).unwrap_err();
        assert!(two.contains("dv_flow_en is given as 1 and as 2"), "{two}");
    }
}
