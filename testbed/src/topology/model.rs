use std::net::IpAddr;
use std::num::NonZeroU16;
use std::ops::Deref;
use std::path::PathBuf;

use dataplane::{CpuId, PortSpec};
use methodology::units::LinkSpeed;
use reporter::record::{EndpointId, Members, Pair, Stack};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::bypass_port::BypassPort;
use super::device::{Carries, Device, Passage};
use super::pair_queues::PairQueues;
use super::rings::RingSizes;
use crate::process::Location;
use crate::text_file::FileProblem;

/// The endpoints and what joins them.
#[derive(Debug, Clone)]
pub struct Testbed {
    /// As the file or the lab calls it.
    pub name: String,
    /// Every endpoint, in the order of the file.
    pub endpoints: Vec<Endpoint>,
    /// The devices between them that a run starts.
    pub devices: Vec<Device>,
    /// How DPDK ports are chosen for a pair.
    pub wiring: Wiring,
    /// The text it was read from, kept in the run directory.
    pub source: String,
    /// The endpoints stand on one machine and only play their parts.
    pub emulated: bool,
    /// What a reader of the report must know first, where the lab is not described by the usual sentence.
    pub note: Option<String>,
}

/// One place where traffic starts and ends.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name, such as `a-cpu`.
    pub id: EndpointId,
    /// Where its commands run.
    pub location: Location,
    /// Where kernel traffic to it goes; none for an endpoint that only DPDK measures use.
    pub kernel: Option<KernelAddress>,
    /// Its DPDK port; none in the lab, where a pair makes its own.
    pub port: Option<PortSpec>,
    /// Its DPDK port receives frames with any destination address.
    pub promiscuous: bool,
    /// The CPUs that its poll loops are pinned to, one a queue; its own choice where none is given. In the lab, the CPU set of a container.
    pub cpus: Vec<CpuId>,
    /// Descriptors of its port's queues, where the testbed sets them.
    pub rings: RingSizes,
    /// The linerate program there.
    pub program: PathBuf,
    /// The link's speed where the port does not know it.
    pub link: Option<LinkSpeed>,
}

/// Where kernel traffic to an endpoint goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelAddress {
    /// The address that tools connect to.
    pub address: IpAddr,
    /// The kernel interface that this address is on, for counters and offloads.
    pub interface: String,
}

/// An endpoint that kernel measures can use.
#[derive(Debug, Clone, Copy)]
pub struct KernelEndpoint<'a> {
    endpoint: &'a Endpoint,
    /// The address that tools connect to.
    pub address: IpAddr,
    /// The kernel interface that this address is on.
    pub interface: &'a str,
}

impl Deref for KernelEndpoint<'_> {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        self.endpoint
    }
}

/// How the two DPDK ports of a pair are found.
#[derive(Debug, Clone)]
pub enum Wiring {
    /// Each endpoint has a port of its own, joined by real links.
    Ports,
    /// Shared memory between the two processes under test: virtio-user at the sender, vhost-user at the receiver.
    SharedMemory {
        /// Where the sockets are made.
        sockets: PathBuf,
    },
}

/// The testbed cannot be used as written.
#[derive(Debug, Error)]
pub enum TestbedError {
    /// The file cannot be read, or something in it is wrong.
    #[error(transparent)]
    File(#[from] FileProblem),
    /// A pair names an endpoint that is not there.
    #[error("testbed `{testbed}` has no endpoint `{id}`; its endpoints are: {known}")]
    UnknownEndpoint {
        /// The name that was asked for.
        id: EndpointId,
        /// The testbed.
        testbed: String,
        /// The names it has.
        known: String,
    },
    /// A pair names an endpoint where only a device runs.
    #[error(
        "endpoint `{id}` of testbed `{testbed}` only runs a device: it has no `port` and no `address`, and traffic cannot start or end there"
    )]
    OnlyADevice {
        /// The endpoint.
        id: EndpointId,
        /// The testbed.
        testbed: String,
    },
    /// Two poll loops would share a CPU.
    #[error(
        "endpoints `{from}` and `{to}` of testbed `{testbed}` are on one machine and both have cpu = {cpu}: two poll loops cannot share a CPU; give each endpoint its own"
    )]
    SharedCpu {
        /// The sender.
        from: EndpointId,
        /// The receiver.
        to: EndpointId,
        /// The testbed.
        testbed: String,
        /// The CPU that both have.
        cpu: CpuId,
    },
    /// An endpoint names fewer CPUs than a measurement has queues.
    #[error(
        "endpoint `{id}` of testbed `{testbed}` has {cpus} CPUs for its poll loops and the plan asks for {queues} queues: give it one for each, such as cpu = [2, 3]"
    )]
    TooFewCpus {
        /// The endpoint.
        id: EndpointId,
        /// The testbed.
        testbed: String,
        /// How many CPUs it names.
        cpus: usize,
        /// How many queues the plan asks for.
        queues: NonZeroU16,
    },
    /// Both ends of a pair are on this machine, and it has too few CPUs.
    #[error("the queues of both ends of `{pair}` need {needed} poll loops, and this machine has {cpus} CPUs for them: use fewer queues")]
    TooSmallMachine {
        /// The pair.
        pair: Pair,
        /// Poll loops of both.
        needed: usize,
        /// CPUs that this process may use.
        cpus: usize,
    },
    /// Pairs that are measured at the same time need more CPUs than there are.
    #[error(
        "the poll loops of `{members}` need {needed} CPUs at the same time, and this machine has {cpus}: measure fewer pairs at the same time, or use a machine with more CPUs"
    )]
    TooSmallForGroup {
        /// The pairs.
        members: Members,
        /// Poll loops of all of them on this machine.
        needed: usize,
        /// CPUs that this process may use.
        cpus: usize,
    },
    /// Agents of one machine would choose CPUs without knowing of each other.
    #[error(
        "endpoints `{one}` and `{other}` of testbed `{testbed}` are on one machine and poll at the same time: give each a CPU of its own, such as cpu = 2 and cpu = 3"
    )]
    UnnamedCpus {
        /// An endpoint of one pair.
        one: EndpointId,
        /// An endpoint of another.
        other: EndpointId,
        /// The testbed.
        testbed: String,
    },
    /// Two endpoints that are measured at the same time have one port or interface.
    #[error(
        "endpoints `{one}` and `{other}` of testbed `{testbed}` both use {port}, and the plan measures them at the same time: pairs of a group need ports of their own"
    )]
    SharedPort {
        /// An endpoint of one pair.
        one: EndpointId,
        /// An endpoint of another.
        other: EndpointId,
        /// The testbed.
        testbed: String,
        /// The port or the interface.
        port: String,
    },
    /// The plan puts kernel tools of two pairs on one CPU.
    #[error(
        "endpoints `{one}` and `{other}` of testbed `{testbed}` are on one machine, and the plan measures them at the same time with their tools on CPU {cpu}: remove `client-cpu` and `server-cpu` from this measure, or measure the pairs alone"
    )]
    SharedToolCpu {
        /// An endpoint of one pair.
        one: EndpointId,
        /// An endpoint of another.
        other: EndpointId,
        /// The testbed.
        testbed: String,
        /// The CPU.
        cpu: u32,
    },
    /// A pair of a group has a device between its ends.
    #[error(
        "`{pair}` passes the device `{device}` of testbed `{testbed}`: a device's counters cannot be told apart by pair, so this pair cannot be measured at the same time as others"
    )]
    GroupThroughDevice {
        /// The pair.
        pair: Pair,
        /// The device.
        device: String,
        /// The testbed.
        testbed: String,
    },
    /// The ports of a pair exchange frames queue by queue, and would have different numbers of queues.
    #[error(
        "`{pair}` uses shared memory, where both ends need the same number of queues, and the plan has {} for the sender and {} for the receiver: use `queues`",
        queues.sender,
        queues.receiver
    )]
    UnequalQueues {
        /// The pair.
        pair: Pair,
        /// The queues that the plan asks for.
        queues: PairQueues,
    },
    /// Too few flows to share frames between receive queues.
    #[error(
        "measure \"{method}\" for `{pair}`: {queues} receive queues at endpoint `{id}` need at least {needed} flows, and the plan has {flows}: all frames of a flow arrive at one queue; use flows = {needed} or more"
    )]
    TooFewFlows {
        /// The method of the measure.
        method: &'static str,
        /// The pair.
        pair: Pair,
        /// The endpoint that receives.
        id: EndpointId,
        /// Its receive queues.
        queues: NonZeroU16,
        /// Flows of the plan.
        flows: u32,
        /// Flows that the queues need.
        needed: u32,
    },
    /// An endpoint has no DPDK port.
    #[error("endpoint `{id}` of testbed `{testbed}` has no `port`: add one, such as port = \"0000:03:00.0\" (`linerate ports` lists them)")]
    NoPort {
        /// The endpoint.
        id: EndpointId,
        /// The testbed.
        testbed: String,
    },
    /// An endpoint has no kernel interface for AF_XDP or AF_PACKET.
    #[error(
        "endpoint `{id}` of testbed `{testbed}` has no `interface`, and the plan measures {stack} on it: add `address` and `interface`, or limit these measures to other endpoints with `pairs`"
    )]
    NoInterface {
        /// The endpoint.
        id: EndpointId,
        /// The testbed.
        testbed: String,
        /// What the plan measures.
        stack: Stack,
    },
    /// An endpoint has no address for kernel measures.
    #[error(
        "endpoint `{id}` of testbed `{testbed}` has no `address` and no `interface`, and the plan has kernel measures for it: add both keys, or limit these measures to other endpoints with `pairs`"
    )]
    NoAddress {
        /// The endpoint.
        id: EndpointId,
        /// The testbed.
        testbed: String,
    },
    /// TLS cannot end at SmartNICs for a pair.
    #[error(
        "`{pair}` cannot be measured with tls-at = \"dpu\": {why}; it needs two hosts whose systems have a SmartNIC endpoint each, such as a-cpu:b-cpu with a-dpu and b-dpu: limit the measure to them with `pairs`"
    )]
    NoSmartNic {
        /// The pair.
        pair: Pair,
        /// What is missing.
        why: String,
    },
    /// The lab's socket path does not make a port name.
    #[error(transparent)]
    Port(#[from] dataplane::DataplaneError),
}

/// Kinds of endpoints that have no wire between them if they belong to one system.
const KINDS_OF_ONE_HOST: [&str; 4] = ["cpu", "dpu", "container", "vm"];

impl Endpoint {
    /// Whether its processes run on this machine.
    pub fn is_here(&self) -> bool {
        self.location.is_here()
    }

    /// The speed of the wire to `to`, which limits the rate: that of the slower end. What the file says counts before what the ports report
    /// (`reported`: here, there).
    ///
    /// None within one system between a host, the Arm cores of its SmartNIC, its containers and its virtual machines: their ports report the speed of
    /// the card's outer port, or one that nothing limits, but frames between them do not pass it, and PCI Express, the e-switch and memory carry more.
    pub fn link_to(&self, to: &Endpoint, reported: [Option<LinkSpeed>; 2]) -> Option<LinkSpeed> {
        let kinds = [self.id.kind(), to.id.kind()];
        if self.id.system() == to.id.system() && kinds.iter().all(|kind| KINDS_OF_ONE_HOST.contains(kind)) {
            return None;
        }
        [self.link.or(reported[0]), to.link.or(reported[1])].into_iter().flatten().min()
    }
}

impl Testbed {
    /// The endpoint of this name.
    pub fn endpoint(&self, id: &EndpointId) -> Result<&Endpoint, TestbedError> {
        self.endpoints.iter().find(|endpoint| endpoint.id == *id).ok_or_else(|| TestbedError::UnknownEndpoint {
            id: id.clone(),
            testbed: self.name.clone(),
            known: self.endpoints.iter().map(|endpoint| endpoint.id.to_string()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The endpoint of this name, for a kernel measure.
    pub fn kernel_endpoint(&self, id: &EndpointId) -> Result<KernelEndpoint<'_>, TestbedError> {
        let endpoint = self.endpoint(id)?;
        match &endpoint.kernel {
            Some(KernelAddress { address, interface }) => Ok(KernelEndpoint { endpoint, address: *address, interface }),
            None => Err(TestbedError::NoAddress { id: id.clone(), testbed: self.name.clone() }),
        }
    }

    /// The device that the traffic of a pair passes over a kind of port, or by the kernel (`None`); none where nothing that linerate starts is between them.
    pub fn device_for(&self, pair: &Pair, port: Option<BypassPort>) -> Option<(&Device, Passage)> {
        self.device_of(pair).filter(|(device, _)| device.carries == Carries::Everything || port == Some(BypassPort::OfTestbed))
    }

    /// The device between a pair, and in which direction, whatever it carries; none where nothing that linerate starts is between them.
    pub fn device_of(&self, pair: &Pair) -> Option<(&Device, Passage)> {
        self.devices.iter().find_map(|device| Some((device, device.passage(pair)?)))
    }

    /// Whether traffic can start and end at an endpoint, and not only a device runs there.
    pub fn is_end(&self, endpoint: &Endpoint) -> bool {
        endpoint.kernel.is_some() || endpoint.port.is_some() || !self.devices.iter().any(|device| device.at == endpoint.id)
    }

    /// Every ordered pair of two different endpoints: first those between systems, then those inside one.
    pub fn all_pairs(&self) -> Vec<Pair> {
        let ends = || self.endpoints.iter().filter(|endpoint| self.is_end(endpoint));
        let ordered = ends().flat_map(|from| {
            let others = ends().filter(move |to| to.id != from.id);
            others.map(move |to| Pair { from: from.id.clone(), to: to.id.clone() })
        });
        let (within, between): (Vec<Pair>, Vec<Pair>) = ordered.partition(Pair::is_within_one_system);
        between.into_iter().chain(within).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_wire_has_the_speed_of_its_slower_end_and_none_is_between_the_sides_of_one_card() {
        let endpoint = |id: &str, link: &str| format!("[[endpoint]]\nid = \"{id}\"\nport = \"net_null0\"\n{link}\n");
        let ends = [("a-cpu", "link = \"25G\""), ("a-dpu", ""), ("b-cpu", ""), ("a-nic1", ""), ("a-nic2", ""), ("a-vm", "")];
        let text: String = ends.iter().map(|(id, link)| endpoint(id, link)).collect();
        let testbed = Testbed::parse(&format!("name = \"t\"\n{text}"), Path::new("testbed.toml")).unwrap();
        let link = |from: &str, to: &str| {
            let [from, to] = [from, to].map(|id| testbed.endpoints.iter().find(|endpoint| endpoint.id.to_string() == id).unwrap());
            let reported = [Some(LinkSpeed::from_mbps(100_000)), Some(LinkSpeed::from_mbps(40_000))];
            (from.link_to(to, [None, None]), from.link_to(to, reported))
        };
        let gbps = |gbps: u32| Some(LinkSpeed::from_mbps(gbps * 1_000));
        assert_eq!(link("a-cpu", "b-cpu"), (gbps(25), gbps(25)), "the file counts before the port");
        assert_eq!(link("b-cpu", "a-dpu"), (None, gbps(40)));
        assert_eq!(link("a-cpu", "a-dpu"), (None, None));
        assert_eq!(link("a-vm", "a-cpu"), (None, None));
        assert_eq!(link("a-vm", "b-cpu"), (None, gbps(40)), "two systems");
        assert_eq!(link("a-dpu", "a-cpu"), (None, None));
        assert_eq!(link("a-nic1", "a-nic2"), (None, gbps(40)), "two ports of one host with a cable between them");
    }
}
