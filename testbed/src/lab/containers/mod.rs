//! The containers of a lab. Each joins a network namespace of the lab, and gets a CPU set and a memory limit of its own: from Podman where it can start
//! one, otherwise from control groups.

mod container;
mod groups;
mod podman;

pub use container::{LabContainer, MadeBy};

use dataplane::CpuId;

use super::error::LabError;
use super::kind::ContainerChoice;
use super::layout::{LabEndpoint, LabLayout};
use container::{MEMORY_MIB, name_of};

/// Starts the containers of a lab whose namespaces are up. On an error, what was made is there until the lab is removed.
pub(super) fn start(layout: &LabLayout, choice: ContainerChoice) -> Result<Vec<LabContainer>, LabError> {
    let endpoints = layout.containers();
    let planned: Vec<(LabEndpoint, Vec<u32>)> = endpoints.into_iter().zip(cpu_sets(&CpuId::allowed())).collect();
    let reason = match choice {
        ContainerChoice::Namespaces => String::new(),
        ContainerChoice::Podman => return podman::start(layout.name(), &planned),
        ContainerChoice::Best => match podman::start(layout.name(), &planned) {
            Ok(containers) => return Ok(containers),
            Err(error) => {
                podman::remove(&names(layout));
                error.to_string()
            }
        },
    };
    planned
        .into_iter()
        .map(|(endpoint, cpus)| {
            let name = name_of(layout.name(), &endpoint);
            let made = groups::create(&name, &cpus, MEMORY_MIB)?;
            Ok(LabContainer {
                endpoint: endpoint.id,
                name,
                cpus,
                memory_mib: made.limits_memory.then_some(MEMORY_MIB),
                made_by: MadeBy::Namespaces { reason: reason.clone(), groups: made.folders },
            })
        })
        .collect()
}

/// Removes the containers of a lab that Podman made, if it made them.
pub(super) fn remove_from_engine(layout: &LabLayout) {
    let names = names(layout);
    if !names.is_empty() {
        podman::remove(&names);
    }
}

/// Removes the control groups of a lab, if there are any. Their processes have ended.
pub(super) fn remove_groups(layout: &LabLayout) -> Result<(), LabError> {
    names(layout).iter().try_for_each(|name| groups::remove(name))
}

fn names(layout: &LabLayout) -> Vec<String> {
    layout.containers().iter().map(|endpoint| name_of(layout.name(), endpoint)).collect()
}

/// The CPU sets of the two containers: half of the CPUs each. On a machine with one CPU, both have it.
fn cpu_sets(allowed: &[CpuId]) -> [Vec<u32>; 2] {
    let numbers: Vec<u32> = allowed.iter().map(|cpu| cpu.number()).collect();
    match numbers.split_at(numbers.len() / 2) {
        ([], all) => [all.to_vec(), all.to_vec()],
        (first, second) => [first.to_vec(), second.to_vec()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_share_no_cpu_where_there_are_two() {
        let sets = |numbers: &[u32]| cpu_sets(&numbers.iter().copied().map(CpuId::new).collect::<Vec<_>>());
        assert_eq!(sets(&[0, 1]), [vec![0], vec![1]]);
        assert_eq!(sets(&[0, 1, 2, 3, 4]), [vec![0, 1], vec![2, 3, 4]]);
        assert_eq!(sets(&[7]), [vec![7], vec![7]]);
    }
}
