use std::net::Ipv4Addr;
use std::path::PathBuf;

use reporter::record::EndpointId;
use serde::Serialize;

use super::cards;
use super::directory::directory;
use super::kind::LabKind;
use super::name::LabName;
use crate::process::NamespaceName;

/// The e-switch: a bridge in the DPU's namespace, with the DPU's own address.
const ESWITCH: &str = "eswitch0";
/// The host's physical function: the host's end of the PCIe link.
const HOST_PF: &str = "pf0";
/// Its representor on the DPU, by BlueField's name.
const HOST_PF_REPRESENTOR: &str = "pf0hpf";
/// The port to the wire, by BlueField's name.
const UPLINK: &str = "p0";
/// What a port of a bridge carries: more than the endpoints send unless a plan raises their MTU. The other end of a veth pair can have an XDP program,
/// and so AF_XDP, only if a frame of this size fits into a page of 4096 bytes (drivers/net/veth.c, `veth_xdp_set`: 3506).
const SWITCH_MTU: u32 = 3498;
/// The interface of a container, by the name that container engines give it.
const CONTAINER_INTERFACE: &str = "eth0";
/// The host's end of the cable to its container.
const CONTAINER_PORT: &str = "veth0";
/// The namespace of the taps and bridges of guests.
const GUEST_HOST: &str = "vm-host";
/// Its address for ssh.
const GUEST_HOST_ADDRESS: &str = "198.19.0.254/24";
/// Stands for the interface of a guest until the guest names it.
const GUEST_INTERFACE: &str = "eth0";
/// The host of the guests as an endpoint, with an interface of its own on the bridge of each kind of traffic.
const GUESTS_HOST_END: &str = "host-cpu";
/// The bridge of a container host, with the host's own address.
const HOST_BRIDGE: &str = "br0";
/// The MTU of an endpoint.
const ENDPOINT_MTU: u32 = 1500;
/// The size of the subnet that all endpoints share.
const PREFIX: u8 = 24;

/// An endpoint of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabEndpoint {
    /// `a-cpu`, `a-dpu`, `b-cpu` or `b-dpu`; in a lab of containers `a-container` and `b-container` instead of the SmartNICs; in a lab of virtual
    /// machines `a-vm`, `b-vm` and `host-cpu`.
    pub id: EndpointId,
    /// The network namespace that it is; that of the taps, for a virtual machine.
    pub namespace: NamespaceName,
    /// Its address for kernel traffic.
    pub address: Ipv4Addr,
    /// The interface that has the address.
    pub interface: String,
    /// The directory for the sockets of virtio-user and vhost-user ports; the same for all endpoints of a lab, 0700.
    pub socket_dir: PathBuf,
}

/// What a lab of a name consists of. Everything follows from the name, so that nothing else can be removed by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabLayout {
    name: LabName,
    kind: LabKind,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// Two hosts, joined by a wire.
    Hosts(Box<[System; 2]>),
    /// Guests of one host.
    Guests(Box<Guests>),
}

/// Two guests, and their host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Guests {
    /// In the namespace of the taps and bridges.
    guests: [LabEndpoint; 2],
    /// In a namespace of its own, which cables join to the bridges.
    host: LabEndpoint,
}

/// Two endpoints of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct System {
    /// Behind the bridge: the host of a SmartNIC, or a container.
    leaf: LabEndpoint,
    /// With the bridge and the wire to the other system: a SmartNIC, or the host of a container.
    switch: LabEndpoint,
    /// The interface of the bridge that leads to the leaf.
    leaf_port: &'static str,
}

impl LabLayout {
    pub(super) fn of(name: &LabName, kind: LabKind) -> Self {
        let endpoint = |id: String, last: u8, interface: &str| LabEndpoint {
            namespace: namespace(name, &id),
            id: EndpointId(id),
            address: Ipv4Addr::new(198, 18, 0, last),
            interface: interface.to_owned(),
            socket_dir: directory(name),
        };
        let hosts = |system: &dyn Fn(char, u8) -> System| Shape::Hosts(Box::new([system('a', 1), system('b', 3)]));
        let shape = match kind {
            LabKind::Smartnic => hosts(&|letter, first| System {
                leaf: endpoint(format!("{letter}-cpu"), first, HOST_PF),
                switch: endpoint(format!("{letter}-dpu"), first + 1, ESWITCH),
                leaf_port: HOST_PF_REPRESENTOR,
            }),
            LabKind::Container => hosts(&|letter, first| System {
                leaf: endpoint(format!("{letter}-container"), first + 1, CONTAINER_INTERFACE),
                switch: endpoint(format!("{letter}-cpu"), first, HOST_BRIDGE),
                leaf_port: CONTAINER_PORT,
            }),
            LabKind::Vm => {
                let host = namespace(name, GUEST_HOST);
                let guest =
                    |letter: char, last| LabEndpoint { namespace: host.clone(), ..endpoint(format!("{letter}-vm"), last, GUEST_INTERFACE) };
                let host = endpoint(GUESTS_HOST_END.to_owned(), 3, cards::HOST_CABLES[0].0);
                Shape::Guests(Box::new(Guests { guests: [guest('a', 1), guest('b', 2)], host }))
            }
        };
        LabLayout { name: name.clone(), kind, shape }
    }

    pub(super) fn name(&self) -> &LabName {
        &self.name
    }

    pub(super) fn kind(&self) -> LabKind {
        self.kind
    }

    /// Every endpoint, by address.
    pub(super) fn endpoints(&self) -> Vec<LabEndpoint> {
        let mut all: Vec<LabEndpoint> = match &self.shape {
            Shape::Hosts(systems) => systems.iter().flat_map(|system| [system.leaf.clone(), system.switch.clone()]).collect(),
            Shape::Guests(all) => all.guests.iter().chain([&all.host]).cloned().collect(),
        };
        all.sort_by_key(|endpoint| endpoint.address);
        all
    }

    /// Every namespace, once.
    pub(super) fn namespaces(&self) -> Vec<NamespaceName> {
        let mut all: Vec<NamespaceName> = self.endpoints().into_iter().map(|endpoint| endpoint.namespace).collect();
        all.dedup();
        all
    }

    /// The endpoints that are containers.
    pub(super) fn containers(&self) -> Vec<LabEndpoint> {
        match &self.shape {
            Shape::Hosts(systems) if self.kind == LabKind::Container => systems.iter().map(|system| system.leaf.clone()).collect(),
            Shape::Hosts(_) | Shape::Guests(_) => Vec::new(),
        }
    }

    /// The endpoints that are virtual machines.
    pub(super) fn guests(&self) -> &[LabEndpoint] {
        match &self.shape {
            Shape::Hosts(_) => &[],
            Shape::Guests(all) => &all.guests,
        }
    }

    /// The namespaces that have a bridge whose ports are up from the start, the bridge, and how many ports it has. Those of guests are up when QEMU is.
    pub(super) fn bridges(&self) -> Vec<(&NamespaceName, &str, usize)> {
        match &self.shape {
            Shape::Hosts(systems) => systems.iter().map(|system| (&system.switch.namespace, system.switch.interface.as_str(), 2)).collect(),
            Shape::Guests(_) => Vec::new(),
        }
    }

    /// `ip -batch` lines that make the namespaces.
    pub(super) fn namespace_script(&self) -> String {
        self.namespaces().iter().map(|namespace| format!("netns add {namespace}\n")).collect()
    }

    /// `ip -batch` lines that make the cables: one in each system, and the wire between them.
    ///
    /// Both ends of a veth pair get an interface number of their own. The kernel handles a change of carrier at once only where
    /// a device and its peer have different numbers (`linkwatch_urgent_event` in net/core/link_watch.c); by chance they are the same
    /// in fresh namespaces, and then the first frame waits up to a second, and a lost ARP request a second more.
    pub(super) fn cable_script(&self) -> String {
        let cable = |near: &LabEndpoint, near_name: &str, near_number: u32, far: &LabEndpoint, far_name: &str| {
            format!(
                "link add {near_name} index {near_number} netns {} type veth peer name {far_name} index {} netns {}\n",
                near.namespace,
                near_number + 1,
                far.namespace
            )
        };
        match &self.shape {
            Shape::Hosts(systems) => {
                let [a, b] = systems.as_ref();
                [
                    cable(&a.leaf, &a.leaf.interface, 11, &a.switch, a.leaf_port),
                    cable(&b.leaf, &b.leaf.interface, 21, &b.switch, b.leaf_port),
                    cable(&a.switch, UPLINK, 31, &b.switch, UPLINK),
                ]
                .concat()
            }
            Shape::Guests(all) => {
                let [first, _] = &all.guests;
                let cables = cards::HOST_CABLES.into_iter().zip([11, 21]);
                cables.map(|((near, far), number)| cable(&all.host, near, number, first, far)).collect()
            }
        }
    }

    /// `ip -batch` lines for each namespace, to be run in this order: every cable is up at both ends before a bridge takes it,
    /// and a bridge has its ports before it is up itself, so that all of them carry at once.
    pub(super) fn interface_scripts(&self) -> Vec<(&NamespaceName, String)> {
        let systems = match &self.shape {
            Shape::Hosts(systems) => systems,
            Shape::Guests(all) => {
                let Guests { guests, host } = all.as_ref();
                let ends = format!("{}link set {} up\n", leaf_script(host), cards::HOST_CABLES[1].0);
                return vec![(&host.namespace, ends), (&guests[0].namespace, cards::script(guests.len(), GUEST_HOST_ADDRESS))];
            }
        };
        let leaves = systems.iter().map(|system| (&system.leaf.namespace, leaf_script(&system.leaf)));
        let cables = systems.iter().map(|system| (&system.switch.namespace, cable_up_script(system)));
        let bridges = systems.iter().map(|system| (&system.switch.namespace, bridge_script(system)));
        leaves.chain(cables).chain(bridges).collect()
    }
}

/// The namespace of an endpoint. No endpoint's name ends with another's, so no two labs can share one.
fn namespace(name: &LabName, endpoint: &str) -> NamespaceName {
    let text = format!("lr-{name}-{endpoint}");
    #[allow(clippy::expect_used, reason = "letters, digits and dashes, starting with a letter: always a namespace's name")]
    text.parse().expect("a lab's name makes a namespace's name")
}

fn leaf_script(leaf: &LabEndpoint) -> String {
    let LabEndpoint { address, interface, .. } = leaf;
    format!("link set lo up\naddress add {address}/{PREFIX} dev {interface}\nlink set {interface} up\n")
}

fn cable_up_script(system: &System) -> String {
    format!("link set lo up\nlink set {} mtu {SWITCH_MTU} up\nlink set {UPLINK} mtu {SWITCH_MTU} up\n", system.leaf_port)
}

/// The MTU is set after the ports are in: until it is, a bridge takes the smallest of its ports (`br_mtu_auto_adjust` in net/bridge/br_if.c).
/// No spanning tree and no learning delay: there is no loop. No multicast snooping: its queries would be foreign traffic.
fn bridge_script(system: &System) -> String {
    let LabEndpoint { address, interface: bridge, .. } = &system.switch;
    format!(
        "link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
         address add {address}/{PREFIX} dev {bridge}\n\
         link set {} master {bridge}\n\
         link set {UPLINK} master {bridge}\n\
         link set {bridge} mtu {ENDPOINT_MTU} up\n",
        system.leaf_port
    )
}
