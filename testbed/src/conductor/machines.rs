//! Which endpoints share a machine, so that machine-wide figures of one hold the other too.

use std::collections::BTreeMap;

use reporter::record::{EndpointId, Pair};

use crate::process::{BootId, Location};
use crate::topology::Testbed;

/// The machine of each endpoint.
#[derive(Debug, Default)]
pub(super) struct Machines {
    by_endpoint: BTreeMap<EndpointId, MachineId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum MachineId {
    /// By its boot: two names of one host are one machine.
    Boot(BootId),
    /// By its name, where its boot cannot be read; none is this machine.
    Named(Option<String>),
}

impl Machines {
    /// Asks each place of a testbed once.
    pub(super) fn of(testbed: &Testbed) -> Self {
        Machines::with(testbed, BootId::of)
    }

    fn with(testbed: &Testbed, boot_of: impl Fn(&Location) -> Option<BootId>) -> Self {
        let mut known: BTreeMap<Option<String>, MachineId> = BTreeMap::new();
        let mut machine = |location| {
            let name = Location::machine(location);
            let ask = || boot_of(location).map_or_else(|| MachineId::Named(name.clone()), MachineId::Boot);
            known.entry(name.clone()).or_insert_with(ask).clone()
        };
        Machines { by_endpoint: testbed.endpoints.iter().map(|endpoint| (endpoint.id.clone(), machine(&endpoint.location))).collect() }
    }

    /// Whether both ends of a pair are on one machine.
    pub(super) fn are_shared(&self, pair: &Pair) -> bool {
        self.share(&pair.from, &pair.to)
    }

    /// Whether two endpoints are on one machine.
    pub(super) fn share(&self, one: &EndpointId, other: &EndpointId) -> bool {
        let machine = |id| self.by_endpoint.get(id);
        machine(one).is_some() && machine(one) == machine(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::SshTarget;

    #[test]
    fn two_names_of_one_host_and_two_namespaces_of_this_one_are_one_machine() {
        let mut testbed = Testbed::of_planned_lab(std::path::Path::new("/nonexistent/linerate"));
        testbed.emulated = false;
        for (endpoint, host) in testbed.endpoints.iter_mut().zip(["alias", "host", "silent", "other"]) {
            endpoint.location = Location::Ssh(SshTarget::new(host));
        }
        let here = testbed.endpoints[0].clone();
        for (id, location) in [("here", Location::Here), ("inside", Location::Namespace("blue".parse().unwrap()))] {
            testbed.endpoints.push(crate::topology::Endpoint { id: EndpointId(id.to_owned()), location, ..here.clone() });
        }
        let machines = Machines::with(&testbed, |location| match location {
            Location::Ssh(target) if target.destination == "silent" => None,
            Location::Ssh(target) if target.destination == "other" => Some(BootId("2".to_owned())),
            Location::Ssh(_) => Some(BootId("1".to_owned())),
            Location::Here | Location::Namespace(_) | Location::Confined(_) => Some(BootId("3".to_owned())),
            Location::Container(_) => None,
        });
        let shared = |pair: &str| machines.are_shared(&pair.parse().unwrap());
        assert!(shared("a-cpu:a-dpu"), "two names, one boot");
        assert!(shared("here:inside"), "a namespace is not a machine");
        assert!(!shared("a-cpu:b-dpu") && !shared("a-cpu:here") && !shared("a-cpu:b-cpu"));
        assert!(!shared("a-cpu:nobody"));
    }
}
