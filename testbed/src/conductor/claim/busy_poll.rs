//! Which machines a run claims, and whether it changes the busy polling of their sockets.

use reporter::record::Pair;

use super::endpoints::endpoints_of;
use crate::interface_settings::BusyPollUse;
use crate::plan::{Measure, Plan};
use crate::process::{ContainerEngine, Location};
use crate::topology::{Endpoint, Testbed, TestbedError};

/// What a run does with the busy polling of each of its machines, each named by one endpoint. `same_machine` is asked only where the run changes any, because
/// only then it would be refused by its own second claim.
pub(super) fn busy_poll_uses<'t>(
    plan: &Plan,
    testbed: &'t Testbed,
    same_machine: impl Fn(&Endpoint, &Endpoint) -> bool,
) -> Result<Vec<(&'t Endpoint, BusyPollUse)>, TestbedError> {
    let changes = |endpoint: &Endpoint| {
        let of_endpoint = |pair: &&Pair| [&pair.from, &pair.to].contains(&&endpoint.id);
        let changed = |measure: &Measure| measure.kind.kernel_tunings().any(|tuning| tuning.interface.busy_poll.is_some());
        testbed
            .all_pairs()
            .iter()
            .filter(of_endpoint)
            .any(|pair| plan.measures.iter().any(|measure| changed(measure) && measure.is_for(pair)))
    };
    let of_each = |endpoint: &'t Endpoint| (endpoint, if changes(endpoint) { BusyPollUse::Changed } else { BusyPollUse::AsItIs });
    let every: Vec<_> = endpoints_of(plan, testbed)?.into_iter().map(of_each).collect();
    let any_changes = every.iter().any(|(_, usage)| *usage == BusyPollUse::Changed);
    let mut merged: Vec<(&Endpoint, BusyPollUse)> = Vec::new();
    for (endpoint, usage) in every {
        let both_here = |other: &Endpoint| is_on_this_machine(other) && is_on_this_machine(endpoint);
        let same = |other: &Endpoint| both_here(other) || (any_changes && same_machine(other, endpoint));
        match merged.iter_mut().find(|(other, _)| same(other)) {
            // This machine's claim is taken by this process, not by an agent.
            Some(known) if is_on_this_machine(known.0) || !is_on_this_machine(endpoint) => known.1 = known.1.max(usage),
            Some(known) => *known = (endpoint, known.1.max(usage)),
            None => merged.push((endpoint, usage)),
        }
    }
    Ok(merged)
}

/// Also for a container of an engine on this machine, whose own /proc does not show the lock.
pub(super) fn is_on_this_machine(endpoint: &Endpoint) -> bool {
    match &endpoint.location {
        Location::Container(container) => container.engine != ContainerEngine::Kubectl,
        location => location.is_here(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_run_claims_each_machine_once_and_alone_only_where_it_changes_busy_polling() {
        let uses = |busy_poll: &str, ends: &[(&str, &str)]| {
            let plan = format!(
                "name = \"p\"\nsizes = [64]\n[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"\n\
                 [[measure]]\nstack = \"kernel-tcp\"\nmethod = \"ping-pong\"\nduration = \"1s\"\npairs = [\"a:b\"]\n{busy_poll}"
            );
            let plan = Plan::reread(&plan, Path::new("plan.toml")).unwrap();
            let end = |(id, reach): &(&str, &str)| {
                format!("[[endpoint]]\nid = \"{id}\"\nreach = \"{reach}\"\naddress = \"198.18.0.1\"\ninterface = \"eth0\"\n")
            };
            let text = format!("name = \"t\"\n{}", ends.iter().map(end).collect::<String>());
            let testbed = Testbed::parse(&text, Path::new("testbed.toml")).unwrap();
            // Both names are of one machine.
            let same = |one: &Endpoint, other: &Endpoint| [&one.id.0, &other.id.0].iter().all(|id| ["b", "c"].contains(&id.as_str()));
            let uses = busy_poll_uses(&plan, &testbed, same).unwrap();
            uses.into_iter().map(|(endpoint, usage)| (endpoint.id.0.clone(), usage)).collect::<Vec<_>>()
        };
        let of = |id: &str, usage| (id.to_owned(), usage);
        let (plain, changed) = (BusyPollUse::AsItIs, BusyPollUse::Changed);
        let there = [("a", "ssh:one"), ("b", "ssh:two"), ("c", "ssh:alias-of-two"), ("d", "ssh:three")];
        assert_eq!(uses("", &there), ["a", "b", "c", "d"].map(|id| of(id, plain)));
        assert_eq!(uses("busy-poll = \"50us\"", &there), [of("a", changed), of("b", changed), of("d", plain)]);
        let here = [("a", "netns:x"), ("b", "podman:y"), ("d", "local")];
        assert_eq!(uses("", &here), [of("a", plain)]);
        assert_eq!(uses("busy-poll = \"50us\"", &here), [of("a", changed)]);
    }
}
