//! The built-in lab as a testbed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use dataplane::{CpuId, PortSpec};
use reporter::record::EndpointId;

use super::device::{Carries, Device, DeviceId, DeviceKind, Forwarding};
use super::model::{Endpoint, KernelAddress, Testbed, Wiring};
use super::rings::RingSizes;
use crate::lab::{ContainerChoice, GuestMachine, GuestPath, Lab, LabContainer, LabEndpoint, LabGuest, LabKind};
use crate::process::Location;

/// How the first line of the testbed file of a run on the built-in lab starts.
const TITLE: &str = "# The built-in lab: ";

/// The start of the line that says what makes the containers of a lab: a run is continued with the same.
const ENGINE: &str = "# What makes its containers: ";

/// The first line of the testbed file of a lab.
fn title_of(kind: LabKind, path: GuestPath) -> String {
    let what = match (kind, path) {
        (LabKind::Smartnic, _) => "four endpoints on one machine",
        (LabKind::Container, _) => "two containers and their hosts on one machine",
        (LabKind::Vm, GuestPath::Bridge) => "two virtual machines on one machine",
        (LabKind::Vm, GuestPath::VhostUser) => "two virtual machines on one machine, joined by vhost-user",
    };
    format!("{TITLE}{what}.")
}

impl Testbed {
    /// The built-in lab as a testbed. `program` is this very program: every endpoint is on this machine.
    ///
    /// Poll loops go to two CPUs, senders on one and receivers on the other, where the machine has two. Those of a container go to CPUs of its set.
    pub fn of_lab(lab: &Lab, program: &Path) -> Testbed {
        match lab.kind() {
            LabKind::Smartnic | LabKind::Container => Testbed::of_lab_endpoints(lab.kind(), &lab.endpoints(), lab.containers(), program),
            LabKind::Vm => of_guests(&lab.endpoints(), lab.guest_path(), program, |endpoint| {
                let guest = lab.guests().iter().find(|guest| guest.endpoint == endpoint.id)?;
                Some(Started { location: guest.location(lab.name(), &endpoint.namespace), guest: guest.clone() })
            }),
        }
    }

    /// The built-in lab of SmartNICs before it is made: whether a plan fits it can be asked, and nothing else.
    pub fn of_planned_lab(program: &Path) -> Testbed {
        Testbed::of_planned_lab_of(LabKind::Smartnic, GuestPath::default(), program)
    }

    /// The same for any kind of lab.
    pub fn of_planned_lab_of(kind: LabKind, path: GuestPath, program: &Path) -> Testbed {
        match kind {
            LabKind::Smartnic | LabKind::Container => Testbed::of_lab_endpoints(kind, &Lab::planned(kind), &[], program),
            LabKind::Vm => of_guests(&Lab::planned(kind), path, program, |_| None),
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
        let mut source = format!("{}\nname = \"{}\"\nemulated = true\n", title_of(kind, GuestPath::default()), name_of(kind));
        if let Some(engine) = containers.first().map(LabContainer::engine) {
            source.push_str(&format!("{ENGINE}{engine}\n"));
        }
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
        self.lab_of_title().map(|(kind, _)| kind)
    }

    /// What joins the DPDK cards of the virtual machines, in a built-in lab of them.
    pub fn lab_guest_path(&self) -> Option<GuestPath> {
        self.lab_of_title().filter(|(kind, _)| *kind == LabKind::Vm).map(|(_, path)| path)
    }

    /// What makes the containers, in a built-in lab of them.
    pub fn lab_engine(&self) -> Option<ContainerChoice> {
        self.source.lines().find_map(|line| line.strip_prefix(ENGINE))?.parse().ok()
    }

    fn lab_of_title(&self) -> Option<(LabKind, GuestPath)> {
        let title = self.source.lines().next()?;
        let labs = LabKind::ALL.into_iter().flat_map(|kind| GuestPath::ALL.map(|path| (kind, path)));
        labs.into_iter().find(|(kind, path)| title_of(*kind, *path) == title)
    }
}

/// The place of the program in a guest, which has a copy of this one.
const PROGRAM_OF_GUEST: &str = "/tmp/linerate";
/// Stands for the port of a guest that is not started.
const PLANNED_PORT: &str = "0000:00:00.0";
/// The endpoint where the devices between virtual machines run.
const SWITCH: &str = "host-switch";
/// The interface of the host's endpoint on the bridge of DPDK's cards.
const HOST_PORT: &str = "net_af_packet0,iface=eth1";

/// A guest that was started.
struct Started {
    location: Location,
    guest: LabGuest,
}

/// The virtual machines of a lab and their host. `started` gives where each guest is and what it has; nothing for one that is not started, and for the
/// host.
fn of_guests(lab: &[LabEndpoint], path: GuestPath, program: &Path, started: impl Fn(&LabEndpoint) -> Option<Started>) -> Testbed {
    let kind = LabKind::Vm;
    let name = if path == GuestPath::VhostUser { format!("{}, vhost-user", name_of(kind)) } else { name_of(kind).to_owned() };
    let mut source = format!("{}\nname = \"{name}\"\nemulated = true\n", title_of(kind, path));
    let mut note = None;
    let mut endpoints = Vec::new();
    let mut sockets = Vec::new();
    let host = lab.iter().find(|endpoint| endpoint.id.kind() != kind.name());
    let host_socket = host.map(|host| host.socket_dir.join(format!("{}.vhost", host.id)));
    for endpoint in lab {
        let found = started(endpoint);
        let guest = found.as_ref().map(|found| &found.guest);
        note = note.or_else(|| guest.map(|guest| guest_note(&guest.machine, path)));
        sockets.extend(guest.and_then(|guest| Some((endpoint.id.clone(), guest.vhost_user.clone()?))));
        let interface = guest.map_or_else(|| endpoint.interface.clone(), |guest| guest.interface.clone());
        let is_host = host.is_some_and(|host| host.id == endpoint.id);
        let port = match (guest, &host_socket, path) {
            (Some(guest), ..) => guest.port.clone(),
            (None, Some(socket), GuestPath::VhostUser) if is_host => format!("net_virtio_user0,path={}", socket.display()),
            (None, ..) if is_host => HOST_PORT.to_owned(),
            (None, ..) => PLANNED_PORT.to_owned(),
        };
        source.push_str(&format!(
            "\n[[endpoint]]\nid = \"{}\"\naddress = \"{}\"\ninterface = \"{interface}\"\nport = \"{port}\"\n",
            endpoint.id, endpoint.address
        ));
        let cpus = guest.map(|guest| guest.cpus.iter().copied().map(CpuId::new).collect()).unwrap_or_default();
        let location = match found {
            Some(found) => found.location,
            None if is_host => Location::Namespace(endpoint.namespace.clone()),
            None => Location::Here,
        };
        endpoints.push(Endpoint {
            id: endpoint.id.clone(),
            kernel: Some(KernelAddress { address: IpAddr::V4(endpoint.address), interface }),
            port: port.parse().ok(),
            promiscuous: false,
            cpus,
            rings: RingSizes::default(),
            program: if is_host { program.to_owned() } else { PROGRAM_OF_GUEST.into() },
            link: None,
            location,
        });
    }
    let devices = switches(&sockets, host.map(|host| &host.id).zip(host_socket.as_deref()));
    if let Some(first) = lab.first().filter(|_| !devices.is_empty()) {
        source.push_str(&format!("\n[[endpoint]]\nid = \"{SWITCH}\"\n"));
        devices.iter().for_each(|device| source.push_str(&written(device)));
        endpoints.push(Endpoint {
            id: EndpointId(SWITCH.to_owned()),
            location: Location::Namespace(first.namespace.clone()),
            kernel: None,
            port: None,
            promiscuous: false,
            cpus: Vec::new(),
            rings: RingSizes::default(),
            program: program.to_owned(),
            link: None,
        });
    }
    Testbed { name, endpoints, devices, wiring: Wiring::Ports, source, emulated: true, note }
}

/// One testpmd for each two ends: between the sockets of two guests, and between that of a guest and that of the host. One at a time runs.
fn switches(guests: &[(EndpointId, PathBuf)], host: Option<(&EndpointId, &Path)>) -> Vec<Device> {
    // QEMU listens at its sockets, and virtio-user connects to that of the host.
    let of_guest = |socket: &Path| format!("iface={},client=1,iommu-support=1", socket.display());
    let of_host = |socket: &Path| format!("iface={}", socket.display());
    let mut ends: Vec<[(&EndpointId, String); 2]> = Vec::new();
    for (number, (id, socket)) in guests.iter().enumerate() {
        ends.extend(guests[number + 1..].iter().map(|(other, there)| [(id, of_guest(socket)), (other, of_guest(there))]));
        ends.extend(host.map(|(host, there)| [(id, of_guest(socket)), (host, of_host(there))]));
    }
    // One for commands and one for forwarding, which leave the last to the poll loop of the host's endpoint where there are three.
    let allowed = CpuId::allowed();
    let cpus: Vec<CpuId> = allowed.iter().take(2).copied().collect();
    let device = |[first, second]: [(&EndpointId, String); 2]| {
        let port = |number: usize, end: &str| format!("net_vhost{number},{end}").parse::<PortSpec>().ok();
        Some(Device {
            id: DeviceId(format!("{}.{}", first.0, second.0)),
            kind: DeviceKind::Testpmd {
                between: [port(0, &first.1)?, port(1, &second.1)?],
                mode: Forwarding::Io,
                program: "dpdk-testpmd".into(),
            },
            at: EndpointId(SWITCH.to_owned()),
            joins: [vec![first.0.clone()], vec![second.0.clone()]],
            cpus: cpus.clone(),
            carries: Carries::Dpdk,
        })
    };
    ends.into_iter().filter_map(device).collect()
}

/// A device of the lab as a testbed file has it.
fn written(device: &Device) -> String {
    let ports = match &device.kind {
        DeviceKind::Testpmd { between, .. } => between.each_ref().map(|port| format!("\"{port}\"")).join(", "),
        _ => String::new(),
    };
    let joins = device.joins.iter().flatten().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ");
    let cpus = device.cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "\n[[device]]\nid = \"{}\"\nkind = \"{}\"\nat = \"{}\"\nbetween = [{ports}]\njoins = [{joins}]\ncpu = [{cpus}]\ncarries = \"dpdk\"\n",
        device.id,
        device.kind.name(),
        device.at
    )
}

/// What a report on virtual machines must say.
fn guest_note(machine: &GuestMachine, path: GuestPath) -> String {
    let speed = if machine.is_emulated() {
        "Their processors are emulated: counts are exact, and speed is not judged"
    } else {
        "They share the CPUs of this machine with what joins them: the figures show what a virtual machine costs here, not what a wire can do"
    };
    let joined = match path {
        GuestPath::Bridge => "joined with their host by bridges of its kernel",
        GuestPath::VhostUser => "joined with their host by a bridge of its kernel, and for DPDK by vhost-user through testpmd",
    };
    format!("The endpoints are two virtual machines on one machine ({}), {joined}. {speed}.", machine.describe())
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
    use crate::lab::{Accelerator, LabName};

    #[test]
    fn a_kept_testbed_file_says_which_lab_it_was() {
        for (kind, path) in LabKind::ALL.map(|kind| (kind, GuestPath::Bridge)).into_iter().chain([(LabKind::Vm, GuestPath::VhostUser)]) {
            let planned = Testbed::of_planned_lab_of(kind, path, Path::new("/nonexistent/linerate"));
            assert_eq!(planned.lab_kind(), Some(kind));
            let kept = Testbed::parse(&planned.source, Path::new("testbed.toml")).unwrap();
            assert_eq!((kept.lab_kind(), kept.endpoints.len()), (Some(kind), if kind == LabKind::Vm { 3 } else { 4 }));
            assert_eq!(kept.lab_guest_path(), (kind == LabKind::Vm).then_some(path));
        }
        let ids = |kind| Lab::planned(kind).iter().map(|endpoint| endpoint.id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(LabKind::Smartnic), ["a-cpu", "a-dpu", "b-cpu", "b-dpu"]);
        assert_eq!(ids(LabKind::Container), ["a-cpu", "a-container", "b-cpu", "b-container"]);
        assert_eq!(ids(LabKind::Vm), ["a-vm", "b-vm", "host-cpu"]);
    }

    #[test]
    fn every_pair_of_guests_on_vhost_user_passes_one_testpmd_which_kernel_traffic_does_not() {
        let name: LabName = "x".parse().unwrap();
        let machine = GuestMachine { version: "QEMU 10".to_owned(), accelerator: Accelerator::Kvm, vhost_net: true };
        let lab = of_guests(&Lab::planned(LabKind::Vm), GuestPath::VhostUser, Path::new("/linerate"), |endpoint| {
            let guest = LabGuest {
                endpoint: endpoint.id.clone(),
                management: [198, 19, 0, 1].into(),
                interface: "enp0s4".to_owned(),
                port: "0000:00:05.0".to_owned(),
                vhost_user: Some(format!("/s/{}.vhost", endpoint.id).into()),
                cpus: vec![2, 1],
                machine: machine.clone(),
            };
            (endpoint.id.kind() == "vm").then(|| Started { location: guest.location(&name, &endpoint.namespace), guest })
        });
        let pairs = lab.all_pairs();
        assert_eq!(pairs.len(), 6, "nothing starts or ends where the device runs: {pairs:?}");
        for pair in &pairs {
            let (device, _) = lab.device_of(pair).unwrap();
            assert_eq!(device.carries, Carries::Dpdk);
            let ends: Vec<&EndpointId> = device.joins.iter().flatten().collect();
            assert!(ends.contains(&&pair.from) && ends.contains(&&pair.to), "{pair}: {device:?}");
        }
        let kept = Testbed::parse(&lab.source, Path::new("testbed.toml")).unwrap();
        assert_eq!(kept.all_pairs(), pairs);
        assert_eq!(kept.devices, lab.devices);
    }
}
