//! What differs between two testbeds: a run is continued only on the testbed that it began on.

use super::device::Device;
use super::model::{Endpoint, Testbed};

/// The first difference that changes what is measured, as a line of text. How endpoints are reached and where the program is may differ: the user
/// can correct them between the parts of a run.
pub fn measured_difference(before: &Testbed, now: &Testbed) -> Option<String> {
    if before.name != now.name {
        return Some(format!("`name` was \"{}\" and is \"{}\"", before.name, now.name));
    }
    if before.emulated != now.emulated {
        return Some(format!("`emulated` was {} and is {}", before.emulated, now.emulated));
    }
    let ids = |testbed: &Testbed| testbed.endpoints.iter().map(|endpoint| endpoint.id.to_string()).collect::<Vec<_>>().join(", ");
    if ids(before) != ids(now) {
        return Some(format!("its endpoints were {} and are {}", ids(before), ids(now)));
    }
    let of_endpoints = before.endpoints.iter().zip(&now.endpoints).find_map(|(before, now)| of_endpoint(before, now));
    of_endpoints.or_else(|| {
        let before_and_now = |device: &Device| now.devices.contains(device) && before.devices.contains(device);
        let changed = before.devices.iter().chain(&now.devices).find(|device| !before_and_now(device));
        changed.map(|device| format!("device `{}` was changed, added or removed", device.id))
    })
}

/// A key of an endpoint, and how its value is read as text; `None` where it is not given.
type Key = (&'static str, fn(&Endpoint) -> Option<String>);

/// The keys that change what is measured.
const MEASURED: [Key; 8] = [
    ("address", |endpoint| endpoint.kernel.as_ref().map(|kernel| kernel.address.to_string())),
    ("interface", |endpoint| endpoint.kernel.as_ref().map(|kernel| kernel.interface.clone())),
    ("port", |endpoint| endpoint.port.as_ref().map(ToString::to_string)),
    ("cpu", cpus),
    ("promiscuous", |endpoint| Some(endpoint.promiscuous.to_string())),
    ("rx-descriptors", |endpoint| endpoint.rings.rx.map(|descriptors| descriptors.to_string())),
    ("tx-descriptors", |endpoint| endpoint.rings.tx.map(|descriptors| descriptors.to_string())),
    ("link", |endpoint| endpoint.link.map(|link| link.to_string())),
];

fn of_endpoint(before: &Endpoint, now: &Endpoint) -> Option<String> {
    MEASURED.iter().find_map(|(key, value)| {
        let [before, after] = [before, now].map(|endpoint| value(endpoint).unwrap_or_else(|| "not given".to_owned()));
        (before != after).then(|| format!("endpoint {}: `{key}` was {before} and is {after}", now.id))
    })
}

/// As the file writes it.
fn cpus(endpoint: &Endpoint) -> Option<String> {
    let numbers: Vec<String> = endpoint.cpus.iter().map(ToString::to_string).collect();
    match &numbers[..] {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("[{}]", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::file::parse;
    use super::*;

    const TWO: &str = "name = \"t\"\n[[endpoint]]\nid = \"a\"\nport = \"net_null0\"\ncpu = 1\n[[endpoint]]\nid = \"b\"\nreach = \"ssh:b\"\nport = \"net_null0\"\n";

    #[test]
    fn a_corrected_way_to_an_endpoint_is_no_difference_and_another_port_is() {
        let read = |text: &str| parse(text, Path::new("testbed.toml")).unwrap();
        let difference = |from: &str, to: &str| measured_difference(&read(TWO), &read(&TWO.replace(from, to)));
        assert_eq!(difference("\"ssh:b\"", "\"ssh:root@b:2222\"\nprogram = \"/opt/linerate\"\nbecome = \"sudo -n\""), None);
        assert_eq!(difference("cpu = 1", "cpu = 2").unwrap(), "endpoint a: `cpu` was 1 and is 2");
        assert_eq!(difference("cpu = 1", "cpu = [1, 2]").unwrap(), "endpoint a: `cpu` was 1 and is [1, 2]");
        assert_eq!(difference("cpu = 1\n", "").unwrap(), "endpoint a: `cpu` was 1 and is not given");
        assert!(difference("id = \"b\"", "id = \"c\"").unwrap().contains("were a, b and are a, c"));
        let port = measured_difference(&read(TWO), &read(&TWO.replacen("net_null0", "net_ring0", 1))).unwrap();
        assert!(port.starts_with("endpoint a: `port` was") && port.contains("net_ring0"), "{port}");
    }
}
