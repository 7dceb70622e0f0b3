//! The built-in lab as a testbed.

use std::net::IpAddr;
use std::path::Path;

use dataplane::CpuId;

use super::model::{Endpoint, KernelAddress, Testbed, Wiring};
use super::rings::RingSizes;
use crate::lab::{GuestMachine, Lab, LabContainer, LabEndpoint, LabGuest, LabKind};
use crate::process::Location;

/// The start of the first line of the testbed file that a run on the built-in lab keeps.
const TITLE: &str = "# The built-in lab: ";

/// The rest of that line.
const fn title_of(kind: LabKind) -> &'static str {
    match kind {
        LabKind::Smartnic => "four endpoints on one machine, made for this run and removed after it.",
        LabKind::Container => "two containers and their hosts on one machine, made for this run and removed after it.",
        LabKind::Vm => "two virtual machines on one machine, made for this run and removed after it.",
    }
}

impl Testbed {
    /// The built-in lab as a testbed. `program` is this very program: every endpoint is on this machine.
    ///
    /// Poll loops go to two CPUs, senders on one and receivers on the other, where the machine has two. Those of a container go to CPUs of its set.
    pub fn of_lab(lab: &Lab, program: &Path) -> Testbed {
        match lab.kind() {
            LabKind::Smartnic | LabKind::Container => Testbed::of_lab_endpoints(lab.kind(), &lab.endpoints(), lab.containers(), program),
            LabKind::Vm => of_guests(&lab.endpoints(), |endpoint| {
                let guest = lab.guests().iter().find(|guest| guest.endpoint == endpoint.id)?;
                Some((guest.location(lab.name(), &endpoint.namespace), guest.clone()))
            }),
        }
    }

    /// The built-in lab of SmartNICs before it is made: whether a plan fits it can be asked, and nothing else.
    pub fn of_planned_lab(program: &Path) -> Testbed {
        Testbed::of_planned_lab_of(LabKind::Smartnic, program)
    }

    /// The same for any kind of lab.
    pub fn of_planned_lab_of(kind: LabKind, program: &Path) -> Testbed {
        match kind {
            LabKind::Smartnic | LabKind::Container => Testbed::of_lab_endpoints(kind, &Lab::planned(kind), &[], program),
            LabKind::Vm => of_guests(&Lab::planned(kind), |_| None),
        }
    }

    fn of_lab_endpoints(kind: LabKind, lab: &[LabEndpoint], containers: &[LabContainer], program: &Path) -> Testbed {
        let endpoints: Vec<Endpoint> = lab
            .iter()
            .map(|endpoint| {
                let container = containers.iter().find(|container| container.endpoint == endpoint.id);
                // The name of a lab's container is always a container's name.
                let inside = container.and_then(|container| container.location(endpoint).ok());
                Endpoint {
                    id: endpoint.id.clone(),
                    location: inside.unwrap_or_else(|| Location::Namespace(endpoint.namespace.clone())),
                    rings: RingSizes::default(),
                    kernel: Some(KernelAddress { address: IpAddr::V4(endpoint.address), interface: endpoint.interface.clone() }),
                    port: None,
                    promiscuous: false,
                    cpus: container.map(|container| container.cpus.iter().copied().map(CpuId::new).collect()).unwrap_or_default(),
                    program: program.to_owned(),
                    link: None,
                }
            })
            .collect();
        // All endpoints of a lab share one private directory.
        let sockets = lab.first().map(|endpoint| endpoint.socket_dir.clone()).unwrap_or_default();
        let mut source = format!("{TITLE}{}\nname = \"{}\"\nemulated = true\n", title_of(kind), name_of(kind));
        for endpoint in lab {
            source.push_str(&format!(
                "\n[[endpoint]]\nid = \"{}\"\naddress = \"{}\"\ninterface = \"{}\"\n",
                endpoint.id, endpoint.address, endpoint.interface
            ));
        }
        Testbed {
            name: name_of(kind).to_owned(),
            endpoints,
            devices: Vec::new(),
            wiring: Wiring::SharedMemory { sockets },
            source,
            emulated: true,
            note: (kind == LabKind::Container).then(|| container_note(containers)),
        }
    }

    /// Whether this is the built-in lab, which is made anew for each run.
    pub fn is_the_lab(&self) -> bool {
        self.lab_kind().is_some()
    }

    /// Which kind of built-in lab this is; none for a testbed of the user's.
    pub fn lab_kind(&self) -> Option<LabKind> {
        let title = self.source.lines().next()?.strip_prefix(TITLE)?;
        LabKind::ALL.into_iter().find(|kind| title_of(*kind) == title)
    }
}

/// The place of the program in a guest, which has a copy of this one.
const PROGRAM_OF_GUEST: &str = "/tmp/linerate";
/// Stands for the port of a guest that is not started.
const PLANNED_PORT: &str = "0000:00:00.0";

/// The virtual machines of a lab. `started` gives where each is and what it has; nothing for one that is not started.
fn of_guests(lab: &[LabEndpoint], started: impl Fn(&LabEndpoint) -> Option<(Location, LabGuest)>) -> Testbed {
    let kind = LabKind::Vm;
    let mut source = format!("{TITLE}{}\nname = \"{}\"\nemulated = true\n", title_of(kind), name_of(kind));
    let mut note = None;
    let mut endpoints = Vec::new();
    for endpoint in lab {
        let found = started(endpoint);
        let guest = found.as_ref().map(|(_, guest)| guest);
        note = note.or_else(|| guest.map(|guest| guest_note(&guest.machine)));
        let interface = guest.map_or_else(|| endpoint.interface.clone(), |guest| guest.interface.clone());
        let port = guest.map_or(PLANNED_PORT, |guest| guest.port.as_str());
        source.push_str(&format!(
            "\n[[endpoint]]\nid = \"{}\"\naddress = \"{}\"\ninterface = \"{interface}\"\nport = \"{port}\"\n",
            endpoint.id, endpoint.address
        ));
        endpoints.push(Endpoint {
            id: endpoint.id.clone(),
            kernel: Some(KernelAddress { address: IpAddr::V4(endpoint.address), interface }),
            port: port.parse().ok(),
            promiscuous: false,
            cpus: guest.map(|guest| guest.cpus.iter().copied().map(CpuId::new).collect()).unwrap_or_default(),
            rings: RingSizes::default(),
            program: PROGRAM_OF_GUEST.into(),
            link: None,
            location: found.map_or(Location::Here, |(location, _)| location),
        });
    }
    Testbed { name: name_of(kind).to_owned(), endpoints, devices: Vec::new(), wiring: Wiring::Ports, source, emulated: true, note }
}

/// What a report on virtual machines must say.
fn guest_note(machine: &GuestMachine) -> String {
    let speed = if machine.is_emulated() {
        "Their processors are emulated: counts are exact, and speed is not judged"
    } else {
        "They share the CPUs of this machine with its bridges: the figures show what a virtual machine costs here, not what a wire can do"
    };
    format!("The endpoints are two virtual machines on one machine ({}), joined by bridges of its kernel. {speed}.", machine.describe())
}

/// The name of the testbed.
const fn name_of(kind: LabKind) -> &'static str {
    match kind {
        LabKind::Smartnic => "lab",
        LabKind::Container => "lab of containers",
        LabKind::Vm => "lab of virtual machines",
    }
}

/// What a report on a lab of containers must say.
fn container_note(containers: &[LabContainer]) -> String {
    let described = containers.iter().map(|container| format!("{}: {}", container.endpoint, container.describe()));
    let why = containers.iter().find_map(LabContainer::why_not_podman);
    let why = why.map(|why| format!(" Podman was not used: {}.", why.trim_end_matches('.'))).unwrap_or_default();
    format!(
        "The endpoints are two containers ({}) and network namespaces that stand for their hosts, all on one machine.{why} \
         The figures show what a container costs here, not what a wire can do.",
        described.collect::<Vec<_>>().join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_testbed_file_says_which_lab_it_was() {
        for kind in LabKind::ALL {
            let planned = Testbed::of_planned_lab_of(kind, Path::new("/nonexistent/linerate"));
            assert_eq!(planned.lab_kind(), Some(kind));
            let kept = Testbed::parse(&planned.source, Path::new("testbed.toml")).unwrap();
            assert_eq!((kept.lab_kind(), kept.endpoints.len()), (Some(kind), if kind == LabKind::Vm { 2 } else { 4 }));
        }
        let ids = |kind| Lab::planned(kind).iter().map(|endpoint| endpoint.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(LabKind::Smartnic), ["a-cpu", "a-dpu", "b-cpu", "b-dpu"]);
        assert_eq!(ids(LabKind::Container), ["a-cpu", "a-container", "b-cpu", "b-container"]);
    }
}
