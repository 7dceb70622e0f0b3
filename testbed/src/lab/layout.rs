use std::net::Ipv4Addr;
use std::path::PathBuf;

use reporter::record::EndpointId;
use serde::Serialize;

use super::name::LabName;
use super::register;
use crate::process::NamespaceName;

/// The e-switch: a bridge in the DPU's namespace, with the DPU's own address.
pub(super) const ESWITCH: &str = "eswitch0";
/// The host's physical function: the host's end of the PCIe link.
const HOST_PF: &str = "pf0";
/// Its representor on the DPU, by BlueField's name.
const HOST_PF_REPRESENTOR: &str = "pf0hpf";
/// The port to the wire, by BlueField's name.
const UPLINK: &str = "p0";
/// What a port of a bridge carries: more than the endpoints send unless a plan raises their MTU. The other end of a veth pair can have an XDP program,
/// and so AF_XDP, only if a frame of this size fits into a page of 4096 bytes (drivers/net/veth.c, `veth_xdp_set`: 3506).
const SWITCH_MTU: u32 = 3498;
/// The MTU of an endpoint.
const ENDPOINT_MTU: u32 = 1500;
/// The size of the subnet that all endpoints share.
const PREFIX: u8 = 24;

/// An endpoint of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabEndpoint {
    /// `a-cpu`, `a-dpu`, `b-cpu` or `b-dpu`.
    pub id: EndpointId,
    /// The network namespace that it is.
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
    a: System,
    b: System,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct System {
    cpu: LabEndpoint,
    dpu: LabEndpoint,
}

impl LabLayout {
    pub(super) fn of(name: &LabName) -> Self {
        let endpoint = |id: &str, last: u8, interface: &str| LabEndpoint {
            id: EndpointId(id.to_owned()),
            namespace: namespace(name, id),
            address: Ipv4Addr::new(198, 18, 0, last),
            interface: interface.to_owned(),
            socket_dir: register::directory(name),
        };
        LabLayout {
            name: name.clone(),
            a: System { cpu: endpoint("a-cpu", 1, HOST_PF), dpu: endpoint("a-dpu", 2, ESWITCH) },
            b: System { cpu: endpoint("b-cpu", 3, HOST_PF), dpu: endpoint("b-dpu", 4, ESWITCH) },
        }
    }

    pub(super) fn name(&self) -> &LabName {
        &self.name
    }

    pub(super) fn endpoints(&self) -> Vec<LabEndpoint> {
        let systems = [&self.a, &self.b];
        systems.iter().flat_map(|system| [system.cpu.clone(), system.dpu.clone()]).collect()
    }

    /// The namespaces that have a bridge, and how many ports each bridge has.
    pub(super) fn bridges(&self) -> [(&NamespaceName, usize); 2] {
        [(&self.a.dpu.namespace, 2), (&self.b.dpu.namespace, 2)]
    }

    /// `ip -batch` lines that make the namespaces.
    pub(super) fn namespace_script(&self) -> String {
        self.endpoints().iter().map(|endpoint| format!("netns add {}\n", endpoint.namespace)).collect()
    }

    /// `ip -batch` lines that make the cables: two PCIe links and the wire.
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
        [
            cable(&self.a.cpu, HOST_PF, 11, &self.a.dpu, HOST_PF_REPRESENTOR),
            cable(&self.b.cpu, HOST_PF, 21, &self.b.dpu, HOST_PF_REPRESENTOR),
            cable(&self.a.dpu, UPLINK, 31, &self.b.dpu, UPLINK),
        ]
        .concat()
    }

    /// `ip -batch` lines for each namespace, to be run in this order: every cable is up at both ends before a bridge takes it,
    /// and a bridge has its ports before it is up itself, so that all of them carry at once.
    pub(super) fn interface_scripts(&self) -> Vec<(&NamespaceName, String)> {
        let systems = [&self.a, &self.b];
        let hosts = systems.iter().map(|system| (&system.cpu.namespace, host_script(&system.cpu)));
        let cables = systems.iter().map(|system| (&system.dpu.namespace, cable_up_script()));
        let bridges = systems.iter().map(|system| (&system.dpu.namespace, eswitch_script(&system.dpu)));
        hosts.chain(cables).chain(bridges).collect()
    }
}

/// The namespace of an endpoint. All endpoints' names are equally long, so no two labs can share one.
fn namespace(name: &LabName, endpoint: &str) -> NamespaceName {
    let text = format!("lr-{name}-{endpoint}");
    #[allow(clippy::expect_used, reason = "letters, digits and dashes, starting with a letter: always a namespace's name")]
    text.parse().expect("a lab's name makes a namespace's name")
}

fn host_script(cpu: &LabEndpoint) -> String {
    format!("link set lo up\naddress add {}/{PREFIX} dev {HOST_PF}\nlink set {HOST_PF} up\n", cpu.address)
}

fn cable_up_script() -> String {
    format!("link set lo up\nlink set {HOST_PF_REPRESENTOR} mtu {SWITCH_MTU} up\nlink set {UPLINK} mtu {SWITCH_MTU} up\n")
}

/// The MTU is set after the ports are in: until it is, a bridge takes the smallest of its ports (`br_mtu_auto_adjust` in net/bridge/br_if.c).
/// No spanning tree and no learning delay: there is no loop. No multicast snooping: its queries would be foreign traffic.
fn eswitch_script(dpu: &LabEndpoint) -> String {
    format!(
        "link add {ESWITCH} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
         address add {}/{PREFIX} dev {ESWITCH}\n\
         link set {HOST_PF_REPRESENTOR} master {ESWITCH}\n\
         link set {UPLINK} master {ESWITCH}\n\
         link set {ESWITCH} mtu {ENDPOINT_MTU} up\n",
        dpu.address
    )
}
