//! What differs between two testbeds, so that a run is continued on the one that it began on.

use std::fmt::Debug;

use super::model::{Endpoint, Testbed};

/// The first difference that changes what is measured: one line for people. How endpoints are reached, and where the program is, may differ: that can
/// be corrected between the parts of a run.
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
    before.endpoints.iter().zip(&now.endpoints).find_map(|(before, now)| of_endpoint(before, now))
}

fn of_endpoint(before: &Endpoint, now: &Endpoint) -> Option<String> {
    let differs = |key: &str, before: &dyn Debug, now: &dyn Debug| {
        let (before, now) = (format!("{before:?}"), format!("{now:?}"));
        (before != now).then(|| format!("`{key}` was {before} and is {now}"))
    };
    let text = |value: Option<String>| value.unwrap_or_else(|| "not given".to_owned());
    let kernel = |endpoint: &Endpoint| endpoint.kernel.clone();
    let port = |endpoint: &Endpoint| text(endpoint.port.as_ref().map(ToString::to_string));
    let link = |endpoint: &Endpoint| text(endpoint.link.map(|link| link.to_string()));
    let difference = differs("address", &kernel(before).map(|kernel| kernel.address), &kernel(now).map(|kernel| kernel.address))
        .or_else(|| differs("interface", &kernel(before).map(|kernel| kernel.interface), &kernel(now).map(|kernel| kernel.interface)))
        .or_else(|| differs("port", &port(before), &port(now)))
        .or_else(|| differs("cpu", &format_args!("{}", cpus(before)), &format_args!("{}", cpus(now))))
        .or_else(|| differs("promiscuous", &before.promiscuous, &now.promiscuous))
        .or_else(|| differs("rx-descriptors and tx-descriptors", &before.rings, &now.rings))
        .or_else(|| differs("link", &link(before), &link(now)));
    difference.map(|difference| format!("endpoint {}: {difference}", now.id))
}

/// As the file writes it.
fn cpus(endpoint: &Endpoint) -> String {
    let numbers: Vec<String> = endpoint.cpus.iter().map(ToString::to_string).collect();
    match &numbers[..] {
        [] => "not given".to_owned(),
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
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
