//! The testbed: which endpoints there are, how each is reached, and which DPDK ports join a pair.
//!
//! Read from `testbed.toml`, or made by the [`lab`](crate::lab).

mod file;

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use dataplane::{CpuId, PortSpec};
use methodology::units::LinkSpeed;
use reporter::record::{EndpointId, Pair};
use thiserror::Error;

use crate::lab::{Lab, LabEndpoint};
use crate::process::Place;
use crate::text_file::{FileProblem, read_text};

/// The endpoints and what joins them.
#[derive(Debug, Clone)]
pub struct Testbed {
    /// As the file or the lab calls it.
    pub name: String,
    /// Every endpoint, in the order of the file.
    pub endpoints: Vec<Endpoint>,
    /// How DPDK ports are chosen for a pair.
    pub wiring: Wiring,
    /// The text it was read from, kept in the run directory.
    pub source: String,
    /// The endpoints stand on one machine and only play their parts.
    pub emulated: bool,
}

/// One place where traffic starts and ends.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name, such as `a-cpu`.
    pub id: EndpointId,
    /// Where its commands run.
    pub place: Place,
    /// Where kernel traffic to it goes.
    pub address: IpAddr,
    /// The kernel interface that this address is on, for counters and offloads.
    pub interface: String,
    /// Its DPDK port; none in the lab, where a pair makes its own.
    pub port: Option<PortSpec>,
    /// The CPUs that its poll loops are pinned to, one a queue; its own choice where none is given.
    pub cpus: Vec<CpuId>,
    /// The linerate program there.
    pub program: PathBuf,
    /// The link's speed where the port does not know it.
    pub link: Option<LinkSpeed>,
}

/// The first line of the testbed file that a run on the built-in lab keeps.
const LAB_TITLE: &str = "# The built-in lab: four endpoints on one machine, made for this run and removed after it.";

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

/// The two DPDK ports of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairPorts {
    /// At the sender.
    pub sender: PortSpec,
    /// At the receiver; opened first, because it may own what the sender connects to.
    pub receiver: PortSpec,
}

/// The CPUs of a pair's poll loops, one a queue; none where an end chooses itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCpus {
    /// The sender's.
    pub sender: Vec<CpuId>,
    /// The receiver's.
    pub receiver: Vec<CpuId>,
}

/// The testbed cannot be used as written.
#[derive(Debug, Error)]
pub enum TestbedError {
    /// The file cannot be read, or something in it is wrong.
    #[error(transparent)]
    File(#[from] FileProblem),
    /// A pair names an endpoint that is not there.
    #[error("there is no endpoint `{id}` in testbed `{testbed}`: it has {known}")]
    UnknownEndpoint {
        /// The name that was asked for.
        id: EndpointId,
        /// The testbed.
        testbed: String,
        /// The names it has.
        known: String,
    },
    /// Two poll loops would share a CPU.
    #[error(
        "endpoints `{from}` and `{to}` of testbed `{testbed}` are on one machine and both have cpu = {cpu}: two poll loops cannot share one, give each its own"
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
        /// How many queues it shall have.
        queues: NonZeroU16,
    },
    /// Both ends of a pair are on this machine, and it has too few CPUs.
    #[error(
        "{queues} queues at both ends of `{pair}` are {needed} poll loops, and this machine has {cpus} CPUs for them: ask for fewer queues"
    )]
    TooSmallMachine {
        /// The pair.
        pair: Pair,
        /// Queues of each end.
        queues: NonZeroU16,
        /// Poll loops of both.
        needed: usize,
        /// CPUs that this process may use.
        cpus: usize,
    },
    /// An endpoint has no DPDK port.
    #[error("endpoint `{id}` of testbed `{testbed}` has no `port`: add one, such as port = \"0000:03:00.0\" (`linerate ports` lists them)")]
    NoPort {
        /// The endpoint.
        id: EndpointId,
        /// The testbed.
        testbed: String,
    },
    /// The lab's socket path does not make a port name.
    #[error(transparent)]
    Port(#[from] dataplane::DataplaneError),
}

impl Endpoint {
    /// Whether its processes run on this machine.
    pub fn is_here(&self) -> bool {
        matches!(self.place, Place::Here | Place::Namespace(_))
    }
}

impl Testbed {
    /// Reads `testbed.toml`. Errors name the file, the line, and what would be right.
    pub fn read(path: &Path) -> Result<Testbed, TestbedError> {
        let text = read_text(path, "testbed")?;
        Ok(file::parse(&text, path)?)
    }

    /// The built-in lab as a testbed. `program` is this very program: every endpoint is on this machine.
    ///
    /// Poll loops go to two CPUs, senders on one and receivers on the other, where the machine has two.
    pub fn of_lab(lab: &Lab, program: &Path) -> Testbed {
        Testbed::of_lab_endpoints(&lab.endpoints(), program)
    }

    /// The built-in lab before it is made: whether a plan fits it can be asked, and nothing else.
    pub fn of_planned_lab(program: &Path) -> Testbed {
        Testbed::of_lab_endpoints(&Lab::planned(), program)
    }

    fn of_lab_endpoints(lab: &[LabEndpoint], program: &Path) -> Testbed {
        let endpoints: Vec<Endpoint> = lab
            .iter()
            .map(|endpoint| Endpoint {
                id: endpoint.id.clone(),
                place: Place::Namespace(endpoint.namespace.clone()),
                address: IpAddr::V4(endpoint.address),
                interface: endpoint.interface.clone(),
                port: None,
                cpus: Vec::new(),
                program: program.to_owned(),
                link: None,
            })
            .collect();
        // All endpoints of a lab share one private directory.
        let sockets = lab.first().map(|endpoint| endpoint.socket_dir.clone()).unwrap_or_default();
        let mut source = format!("{LAB_TITLE}\nname = \"lab\"\nemulated = true\n");
        for endpoint in &endpoints {
            source.push_str(&format!(
                "\n[[endpoint]]\nid = \"{}\"\naddress = \"{}\"\ninterface = \"{}\"\n",
                endpoint.id, endpoint.address, endpoint.interface
            ));
        }
        Testbed { name: "lab".to_owned(), endpoints, wiring: Wiring::SharedMemory { sockets }, source, emulated: true }
    }

    /// Whether this is the built-in lab, which is made anew for each run.
    pub fn is_the_lab(&self) -> bool {
        self.source.starts_with(LAB_TITLE)
    }

    /// The endpoint of this name.
    pub fn endpoint(&self, id: &EndpointId) -> Result<&Endpoint, TestbedError> {
        self.endpoints.iter().find(|endpoint| endpoint.id == *id).ok_or_else(|| TestbedError::UnknownEndpoint {
            id: id.clone(),
            testbed: self.name.clone(),
            known: self.endpoints.iter().map(|endpoint| endpoint.id.to_string()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Every ordered pair of two different endpoints: first those between systems, then those inside one.
    pub fn all_pairs(&self) -> Vec<Pair> {
        let ordered = self.endpoints.iter().flat_map(|from| {
            let others = self.endpoints.iter().filter(move |to| to.id != from.id);
            others.map(move |to| Pair { from: from.id.clone(), to: to.id.clone() })
        });
        let (within, between): (Vec<Pair>, Vec<Pair>) = ordered.partition(Pair::is_within_one_system);
        between.into_iter().chain(within).collect()
    }

    /// The two ports that join this pair.
    pub fn ports(&self, pair: &Pair) -> Result<PairPorts, TestbedError> {
        match &self.wiring {
            Wiring::SharedMemory { sockets } => {
                // One socket a pair: a stale one of another pair can then never be connected to.
                let socket = sockets.join(format!("{}.{}.sock", pair.from, pair.to));
                Ok(PairPorts {
                    // The ring is virtio-user's to choose; its default of 256 descriptors hides a quarter of the hiccups that 1024 hide.
                    sender: format!("net_virtio_user0,path={},queue_size=1024", socket.display()).parse()?,
                    receiver: format!("net_vhost0,iface={}", socket.display()).parse()?,
                })
            }
            Wiring::Ports => {
                let port = |id: &EndpointId| {
                    let endpoint = self.endpoint(id)?;
                    endpoint.port.clone().ok_or_else(|| TestbedError::NoPort { id: id.clone(), testbed: self.name.clone() })
                };
                Ok(PairPorts { sender: port(&pair.from)?, receiver: port(&pair.to)? })
            }
        }
    }

    /// The CPUs of both ends' poll loops, one a queue, or an error where there are too few. An end that is given none chooses itself.
    ///
    /// With one queue an end, two ends on one machine share its only CPU where it has no other: that works, badly, and every trial says so.
    pub fn cpus(&self, pair: &Pair, queues: NonZeroU16) -> Result<PairCpus, TestbedError> {
        let (from, to) = (self.endpoint(&pair.from)?, self.endpoint(&pair.to)?);
        let unnamed = from.cpus.is_empty() && to.cpus.is_empty() && from.is_here() && to.is_here();
        if unnamed || matches!(self.wiring, Wiring::SharedMemory { .. }) {
            return cpus_of_one_machine(&CpuId::allowed(), pair, queues);
        }
        let first = |endpoint: &Endpoint| match endpoint.cpus.get(..usize::from(queues.get())) {
            _ if endpoint.cpus.is_empty() => Ok(Vec::new()),
            Some(cpus) => Ok(cpus.to_vec()),
            None => {
                let (id, testbed, cpus) = (endpoint.id.clone(), self.name.clone(), endpoint.cpus.len());
                Err(TestbedError::TooFewCpus { id, testbed, cpus, queues })
            }
        };
        let mut cpus = PairCpus { sender: first(from)?, receiver: first(to)? };
        // Left to itself, an end that names none might take one that the other end of this machine was given.
        if from.is_here() && to.is_here() {
            let free = |taken: &[CpuId]| {
                CpuId::allowed().into_iter().rev().filter(|cpu| !taken.contains(cpu)).take(usize::from(queues.get())).collect()
            };
            match (cpus.sender.is_empty(), cpus.receiver.is_empty()) {
                (true, false) => cpus.sender = free(&cpus.receiver),
                (false, true) => cpus.receiver = free(&cpus.sender),
                _ => {}
            }
        }
        match cpus.sender.iter().find(|cpu| cpus.receiver.contains(cpu)) {
            Some(&cpu) if from.place.machine() == to.place.machine() => {
                Err(TestbedError::SharedCpu { from: pair.from.clone(), to: pair.to.clone(), testbed: self.name.clone(), cpu })
            }
            _ => Ok(cpus),
        }
    }
}

/// Poll loops on one machine must not share a CPU; the first CPU gets most interrupts, so it is used last.
fn cpus_of_one_machine(allowed: &[CpuId], pair: &Pair, queues: NonZeroU16) -> Result<PairCpus, TestbedError> {
    let each = usize::from(queues.get());
    let from_the_end: Vec<CpuId> = allowed.iter().rev().copied().collect();
    match from_the_end.get(..2 * each) {
        Some(cpus) => Ok(PairCpus { sender: cpus[..each].to_vec(), receiver: cpus[each..].to_vec() }),
        None if each == 1 => Ok(PairCpus { sender: from_the_end.clone(), receiver: from_the_end }),
        None => Err(TestbedError::TooSmallMachine { pair: pair.clone(), queues, needed: 2 * each, cpus: allowed.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpus(numbers: &[u32]) -> Vec<CpuId> {
        numbers.iter().copied().map(CpuId::new).collect()
    }

    #[test]
    fn both_ends_on_one_machine_have_cpus_of_their_own_and_the_first_is_used_last() {
        let pair: Pair = "a-cpu:a-dpu".parse().unwrap();
        let of = |allowed: &[u32], queues: u16| cpus_of_one_machine(&cpus(allowed), &pair, NonZeroU16::new(queues).unwrap());
        assert_eq!(of(&[0, 1], 1).unwrap(), PairCpus { sender: cpus(&[1]), receiver: cpus(&[0]) });
        assert_eq!(of(&[0, 1, 4, 5, 6], 2).unwrap(), PairCpus { sender: cpus(&[6, 5]), receiver: cpus(&[4, 1]) });
        assert_eq!(of(&[3], 1).unwrap(), PairCpus { sender: cpus(&[3]), receiver: cpus(&[3]) });
        let refused = of(&[0, 1], 2).unwrap_err().to_string();
        assert!(refused.contains("4 poll loops") && refused.contains("2 CPUs"), "{refused}");
    }

    #[test]
    fn endpoints_that_name_their_cpus_have_one_for_each_queue_and_share_none() {
        let text = |from: &str, to: &str| {
            format!(
                "name = \"x\"\n[[endpoint]]\nid = \"a-cpu\"\naddress = \"192.0.2.1\"\ninterface = \"e0\"\nport = \"net_null0\"\ncpu = {from}\n\
                 [[endpoint]]\nid = \"a-dpu\"\naddress = \"192.0.2.2\"\ninterface = \"e1\"\nport = \"net_null1\"\ncpu = {to}\n"
            )
        };
        let of = |from: &str, to: &str, queues: u16| {
            let testbed = file::parse(&text(from, to), Path::new("testbed.toml")).unwrap();
            testbed.cpus(&"a-cpu:a-dpu".parse().unwrap(), NonZeroU16::new(queues).unwrap())
        };
        assert_eq!(of("[2, 3]", "[4, 5]", 2).unwrap(), PairCpus { sender: cpus(&[2, 3]), receiver: cpus(&[4, 5]) });
        assert_eq!(of("[2, 3]", "4", 1).unwrap(), PairCpus { sender: cpus(&[2]), receiver: cpus(&[4]) });
        let too_few = of("[2, 3]", "4", 2).unwrap_err().to_string();
        assert!(too_few.contains("`a-dpu`") && too_few.contains("2 queues") && too_few.contains("cpu = [2, 3]"), "{too_few}");
        let shared = of("[2, 3]", "[3, 4]", 2).unwrap_err().to_string();
        assert!(shared.contains("cpu = 3"), "{shared}");
        assert_eq!(of("[2, 3]", "[3, 4]", 1).unwrap().receiver, cpus(&[3]));
        let own = CpuId::allowed().last().copied().unwrap();
        let beside = of("[]", &own.to_string(), 1).unwrap();
        assert!(beside.receiver == [own] && !beside.sender.contains(&own), "{beside:?}");
    }
}
