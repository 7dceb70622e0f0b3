//! What this machine is, for `environment.json`.

use std::path::Path;
use std::time::Duration;

use dataplane::Dataplane;
use reporter::environment::{
    Dpdk, EndpointEnvironment, Nic, parse_ethtool_driver, parse_ethtool_features, parse_ethtool_pause, parse_ethtool_rings,
};

use crate::preflight::Check;
use crate::process::{CommandSpec, Location, run};

/// This machine, and the kernel interface of it that carries kernel traffic. What cannot be found out is left out.
pub(super) fn describe(interface: Option<&str>, checks: &[Check]) -> EndpointEnvironment {
    let mut environment = EndpointEnvironment::collect(Path::new("/"));
    environment.cpu.architecture = Some(std::env::consts::ARCH.to_owned());
    let version = Dataplane::version().map(|version| version.running);
    environment.dpdk = version.ok().map(|version| Dpdk { version, eal_arguments: Vec::new() });
    let nic = interface.map(|interface| describe_interface(interface, &mut environment));
    environment.findings = checks.iter().filter_map(Check::finding).collect();
    // Only the interface that was measured: the others of the machine say nothing about the result.
    environment.nics = nic.into_iter().collect();
    environment
}

fn describe_interface(interface: &str, environment: &mut EndpointEnvironment) -> Nic {
    let known = environment.nics.iter().position(|nic| nic.name == interface);
    let mut nic = match known {
        Some(at) => environment.nics.swap_remove(at),
        None => Nic { name: interface.to_owned(), ..Nic::default() },
    };
    if let Some(text) = ethtool(&["-i"], interface) {
        parse_ethtool_driver(&text, &mut nic);
    }
    if let Some(text) = ethtool(&["--json", "-k"], interface) {
        nic.offloads = parse_ethtool_features(&text);
    }
    nic.pause = ethtool(&["--json", "-a"], interface).and_then(|text| parse_ethtool_pause(&text));
    nic.rings = ethtool(&["-g"], interface).and_then(|text| parse_ethtool_rings(&text));
    nic
}

fn ethtool(options: &[&str], interface: &str) -> Option<String> {
    let spec = CommandSpec::new(Location::Here, ["ethtool"].iter().chain(options).chain([&interface]).copied())
        .with_timeout(Duration::from_secs(5));
    run(&spec).ok().filter(|output| output.success()).map(|output| output.stdout_text())
}
