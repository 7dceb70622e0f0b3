//! Which CPUs the poll loops of a pair run on.

use std::num::NonZeroU16;

use dataplane::CpuId;
use reporter::record::{EndpointId, Members, Pair};

use super::device::Device;
use super::model::{Endpoint, Testbed, TestbedError, Wiring};
use super::pair_queues::{PairNodes, PairQueues};

/// The CPUs of a pair's poll loops, one a queue; none where an end chooses itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCpus {
    /// The sender's.
    pub sender: Vec<CpuId>,
    /// The receiver's.
    pub receiver: Vec<CpuId>,
}

impl Testbed {
    /// The CPUs of both ends' poll loops, one a queue, or an error where there are too few. An end that is given none chooses itself: CPUs
    /// on the NUMA node of its port. What is chosen here follows `nodes` in the same way.
    ///
    /// With one queue an end, two ends on one machine share its only CPU where it has no other: that works, badly, and every trial says so.
    pub fn cpus(&self, pair: &Pair, queues: PairQueues, nodes: PairNodes) -> Result<PairCpus, TestbedError> {
        let (from, to) = (self.endpoint(&pair.from)?, self.endpoint(&pair.to)?);
        let unnamed = from.cpus.is_empty() && to.cpus.is_empty() && from.is_here() && to.is_here();
        if unnamed || matches!(self.wiring, Wiring::SharedMemory { .. }) {
            let of_devices = self.cpus_of_devices();
            let best_first = |endpoint: &Endpoint, node| unshared_first(within(&endpoint.cpus, CpuId::allowed_near(node)), &of_devices);
            return cpus_of_one_machine([best_first(from, nodes.sender), best_first(to, nodes.receiver)], pair, queues);
        }
        let mut cpus = PairCpus { sender: self.named_cpus(from, queues.sender)?, receiver: self.named_cpus(to, queues.receiver)? };
        // Left to itself, an end that names none might take one that the other end of this machine was given.
        if from.is_here() && to.is_here() {
            let of_devices = self.cpus_of_devices();
            let free = |taken: &[CpuId], node: Option<u32>, queues: NonZeroU16| {
                let best_first = unshared_first(CpuId::allowed_near(node), &of_devices);
                best_first.into_iter().filter(|cpu| !taken.contains(cpu)).take(usize::from(queues.get())).collect()
            };
            match (cpus.sender.is_empty(), cpus.receiver.is_empty()) {
                (true, false) => cpus.sender = free(&cpus.receiver, nodes.sender, queues.sender),
                (false, true) => cpus.receiver = free(&cpus.sender, nodes.receiver, queues.receiver),
                _ => {}
            }
        }
        match cpus.sender.iter().find(|cpu| cpus.receiver.contains(cpu)) {
            Some(&cpu) if from.location.machine() == to.location.machine() => {
                Err(TestbedError::SharedCpu { from: pair.from.clone(), to: pair.to.clone(), testbed: self.name.clone(), cpu })
            }
            _ => Ok(cpus),
        }
    }

    /// The CPUs of the poll loops of devices on this machine.
    fn cpus_of_devices(&self) -> Vec<CpuId> {
        let polls_here = |device: &&Device| device.kind.polls() && self.endpoint(&device.at).is_ok_and(Endpoint::is_here);
        self.devices.iter().filter(polls_here).flat_map(|device| device.cpus.iter().copied()).collect()
    }
}

/// The same CPUs, those that a device polls on last.
fn unshared_first(cpus: Vec<CpuId>, of_devices: &[CpuId]) -> Vec<CpuId> {
    let (shared, mut unshared): (Vec<_>, Vec<_>) = cpus.into_iter().partition(|cpu| of_devices.contains(cpu));
    unshared.extend(shared);
    unshared
}

/// A pair that is measured at the same time as others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// The pair.
    pub pair: Pair,
    /// The queues of its ports.
    pub queues: PairQueues,
    /// Where its ports are.
    pub nodes: PairNodes,
}

impl Testbed {
    /// The CPUs of the poll loops of pairs that are measured at the same time, in the order of the pairs. No two loops share one.
    ///
    /// # Errors
    /// Two endpoints name one CPU, an endpoint names too few, or there are too few: [`TestbedError::TooSmallForGroup`].
    pub fn cpus_of_group(&self, members: &[GroupMember]) -> Result<Vec<PairCpus>, TestbedError> {
        self.group_cpus(members, CpuId::allowed_near)
    }

    fn group_cpus(&self, members: &[GroupMember], allowed: impl Fn(Option<u32>) -> Vec<CpuId>) -> Result<Vec<PairCpus>, TestbedError> {
        let shared_memory = matches!(self.wiring, Wiring::SharedMemory { .. });
        let mut ends = Vec::new();
        for member in members {
            let GroupMember { pair, queues, nodes } = member;
            for (id, queues, node) in [(&pair.from, queues.sender, nodes.sender), (&pair.to, queues.receiver, nodes.receiver)] {
                let endpoint = self.endpoint(id)?;
                let named = if shared_memory { Vec::new() } else { self.named_cpus(endpoint, queues)? };
                ends.push(GroupEnd { endpoint, loops: usize::from(queues.get()), node, cpus: named });
            }
        }
        self.refuse_shared_cpus(&ends)?;
        let chosen_here = |end: &GroupEnd<'_>| shared_memory || (end.cpus.is_empty() && end.endpoint.is_here());
        let mut taken: Vec<CpuId> = ends.iter().filter(|end| end.endpoint.is_here()).flat_map(|end| end.cpus.clone()).collect();
        let needed = taken.len() + ends.iter().filter(|end| chosen_here(end)).map(|end| end.loops).sum::<usize>();
        for end in &mut ends {
            if !chosen_here(end) {
                continue;
            }
            // With shared memory, what an endpoint names is its container's set.
            let allowed = within(&end.endpoint.cpus, allowed(end.node));
            let free = allowed.iter().copied().filter(|cpu| !taken.contains(cpu)).take(end.loops).collect::<Vec<_>>();
            if free.len() < end.loops {
                let members = Members::new(members.iter().map(|member| member.pair.clone()).collect());
                return Err(TestbedError::TooSmallForGroup { members, needed, cpus: allowed.len() });
            }
            taken.extend(&free);
            end.cpus = free;
        }
        Ok(ends.chunks(2).map(|ends| PairCpus { sender: ends[0].cpus.clone(), receiver: ends[1].cpus.clone() }).collect())
    }

    /// The CPUs that an endpoint names for so many queues; none where it names none.
    fn named_cpus(&self, endpoint: &Endpoint, queues: NonZeroU16) -> Result<Vec<CpuId>, TestbedError> {
        match endpoint.cpus.get(..usize::from(queues.get())) {
            _ if endpoint.cpus.is_empty() => Ok(Vec::new()),
            Some(cpus) => Ok(cpus.to_vec()),
            None => {
                let (id, testbed, cpus) = (endpoint.id.clone(), self.name.clone(), endpoint.cpus.len());
                Err(TestbedError::TooFewCpus { id, testbed, cpus, queues })
            }
        }
    }

    /// Refuses a CPU that two ends of one machine name, and ends of another machine of which one names none.
    fn refuse_shared_cpus(&self, ends: &[GroupEnd<'_>]) -> Result<(), TestbedError> {
        for (place, one) in ends.iter().enumerate() {
            for other in &ends[place + 1..] {
                let ids = || -> (EndpointId, EndpointId) { (one.endpoint.id.clone(), other.endpoint.id.clone()) };
                if one.endpoint.location.machine() != other.endpoint.location.machine() {
                    continue;
                }
                if let Some(&cpu) = one.cpus.iter().find(|cpu| other.cpus.contains(cpu)) {
                    let (from, to) = ids();
                    return Err(TestbedError::SharedCpu { from, to, testbed: self.name.clone(), cpu });
                }
                if !one.endpoint.is_here() && (one.cpus.is_empty() || other.cpus.is_empty()) {
                    let (one, other) = ids();
                    return Err(TestbedError::UnnamedCpus { one, other, testbed: self.name.clone() });
                }
            }
        }
        Ok(())
    }
}

/// One end of a pair of a group.
struct GroupEnd<'t> {
    endpoint: &'t Endpoint,
    loops: usize,
    node: Option<u32>,
    /// Those that it names, and then those that it gets.
    cpus: Vec<CpuId>,
}

/// The CPUs of a container's set, in the same order; all of them where the endpoint has no set.
fn within(set: &[CpuId], best_first: Vec<CpuId>) -> Vec<CpuId> {
    best_first.into_iter().filter(|cpu| set.is_empty() || set.contains(cpu)).collect()
}

/// Poll loops on one machine must not share a CPU. `best_first` is the order in which the sender and the receiver take CPUs. The end that has fewer
/// to choose from, such as a container, takes its CPUs first.
fn cpus_of_one_machine(best_first: [Vec<CpuId>; 2], pair: &Pair, queues: PairQueues) -> Result<PairCpus, TestbedError> {
    let [of_sender, of_receiver] = best_first;
    let [sender_loops, receiver_loops] = [queues.sender, queues.receiver].map(|queues| usize::from(queues.get()));
    let beside = |all: &[CpuId], taken: &[CpuId], loops: usize| -> Vec<CpuId> {
        all.iter().copied().filter(|cpu| !taken.contains(cpu)).take(loops).collect()
    };
    let (sender, receiver) = if of_receiver.len() < of_sender.len() {
        let receiver = beside(&of_receiver, &[], receiver_loops);
        (beside(&of_sender, &receiver, sender_loops), receiver)
    } else {
        let sender = beside(&of_sender, &[], sender_loops);
        let receiver = beside(&of_receiver, &sender, receiver_loops);
        (sender, receiver)
    };
    if sender.len() == sender_loops && receiver.len() == receiver_loops {
        return Ok(PairCpus { sender, receiver });
    }
    if queues == PairQueues::ONE {
        let first = |all: &[CpuId]| beside(all, &[], 1);
        return Ok(PairCpus { sender: first(&of_sender), receiver: first(&of_receiver) });
    }
    let mut all = [of_sender, of_receiver].concat();
    all.sort_unstable();
    all.dedup();
    Err(TestbedError::TooSmallMachine { pair: pair.clone(), needed: sender_loops + receiver_loops, cpus: all.len() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topology::file;

    fn cpus(numbers: &[u32]) -> Vec<CpuId> {
        numbers.iter().copied().map(CpuId::new).collect()
    }

    fn queues(sender: u16, receiver: u16) -> PairQueues {
        PairQueues { sender: NonZeroU16::new(sender).unwrap(), receiver: NonZeroU16::new(receiver).unwrap() }
    }

    #[test]
    fn cpus_that_a_device_polls_on_are_used_last() {
        assert_eq!(unshared_first(cpus(&[3, 2, 1, 0]), &cpus(&[3, 1])), cpus(&[2, 0, 3, 1]));
        assert_eq!(unshared_first(cpus(&[1, 0]), &[]), cpus(&[1, 0]));
    }

    #[test]
    fn both_ends_on_one_machine_have_cpus_of_their_own_and_the_first_is_used_last() {
        let pair: Pair = "a-cpu:a-dpu".parse().unwrap();
        let of = |best: &[u32], sender, receiver| cpus_of_one_machine([cpus(best), cpus(best)], &pair, queues(sender, receiver));
        assert_eq!(of(&[1, 0], 1, 1).unwrap(), PairCpus { sender: cpus(&[1]), receiver: cpus(&[0]) });
        assert_eq!(of(&[6, 5, 4, 1, 0], 2, 2).unwrap(), PairCpus { sender: cpus(&[6, 5]), receiver: cpus(&[4, 1]) });
        assert_eq!(of(&[6, 5, 4, 1, 0], 3, 1).unwrap(), PairCpus { sender: cpus(&[6, 5, 4]), receiver: cpus(&[1]) });
        assert_eq!(of(&[3], 1, 1).unwrap(), PairCpus { sender: cpus(&[3]), receiver: cpus(&[3]) });
        // The two ports are on different NUMA nodes.
        let nodes = cpus_of_one_machine([cpus(&[3, 2, 1, 0]), cpus(&[1, 0, 3, 2])], &pair, queues(1, 1)).unwrap();
        assert_eq!(nodes, PairCpus { sender: cpus(&[3]), receiver: cpus(&[1]) });
        // A container has one CPU of the two, and the other end has both to choose from.
        let of_sets = |sender: &[u32], receiver: &[u32]| {
            let best = |set: &[u32]| within(&cpus(set), cpus(&[1, 0]));
            cpus_of_one_machine([best(sender), best(receiver)], &pair, queues(1, 1)).unwrap()
        };
        assert_eq!(of_sets(&[], &[1]), PairCpus { sender: cpus(&[0]), receiver: cpus(&[1]) });
        assert_eq!(of_sets(&[1], &[]), PairCpus { sender: cpus(&[1]), receiver: cpus(&[0]) });
        assert_eq!(of_sets(&[0], &[1]), PairCpus { sender: cpus(&[0]), receiver: cpus(&[1]) });
        let refused = of(&[1, 0], 2, 2).unwrap_err().to_string();
        assert!(refused.contains("4 poll loops") && refused.contains("2 CPUs"), "{refused}");
    }

    #[test]
    fn pairs_at_the_same_time_share_no_cpu_and_too_few_are_an_error_with_both_numbers() {
        let members = |queues: PairQueues| {
            let member = |pair: &str| GroupMember { pair: pair.parse().unwrap(), queues, nodes: PairNodes::default() };
            [member("a-cpu:b-cpu"), member("a-dpu:b-dpu")]
        };
        let lab = Testbed::of_planned_lab(Path::new("/nonexistent/linerate"));
        let of = |allowed: &[u32], queues| lab.group_cpus(&members(queues), |_| cpus(allowed));
        let found = of(&[3, 2, 1, 0], PairQueues::ONE).unwrap();
        let pair = |sender: u32, receiver: u32| PairCpus { sender: cpus(&[sender]), receiver: cpus(&[receiver]) };
        assert_eq!(found, [pair(3, 2), pair(1, 0)]);
        let refused = of(&[1, 0], PairQueues::ONE).unwrap_err();
        assert!(matches!(refused, TestbedError::TooSmallForGroup { needed: 4, cpus: 2, .. }), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("a-cpu→b-cpu + a-dpu→b-dpu") && said.contains("4 CPUs") && said.contains("has 2"), "{said}");
        assert!(of(&[7, 6, 5, 4, 3, 2, 1], queues(2, 2)).is_err() && of(&[7, 6, 5, 4, 3, 2, 1, 0], queues(2, 2)).is_ok());
    }

    #[test]
    fn pairs_at_the_same_time_name_no_cpu_twice() {
        let of = |cpus: [&str; 4], reach: &str| {
            let endpoint =
                |(id, cpu): (&str, &str)| format!("[[endpoint]]\nid = \"{id}\"\nreach = \"{reach}\"\nport = \"net_null0\"\ncpu = {cpu}\n");
            let text: String = ["a", "b", "c", "d"].into_iter().zip(cpus).map(endpoint).collect();
            let testbed = file::parse(&format!("name = \"x\"\n{text}"), Path::new("testbed.toml")).unwrap();
            let member = |pair: &str| GroupMember { pair: pair.parse().unwrap(), queues: PairQueues::ONE, nodes: PairNodes::default() };
            testbed.cpus_of_group(&[member("a:b"), member("c:d")]).map_err(|error| error.to_string())
        };
        let named = of(["2", "3", "4", "5"], "local").unwrap();
        assert_eq!(named[1], PairCpus { sender: cpus(&[4]), receiver: cpus(&[5]) });
        let shared = of(["2", "3", "4", "2"], "local").unwrap_err();
        assert!(shared.contains("`a` and `d`") && shared.contains("cpu = 2"), "{shared}");
        let unnamed = of(["2", "3", "4", "[]"], "ssh:host").unwrap_err();
        assert!(unnamed.contains("`a` and `d`") && unnamed.contains("a CPU of its own"), "{unnamed}");
    }

    #[test]
    fn endpoints_that_name_their_cpus_have_one_for_each_queue_and_share_none() {
        let text = |from: &str, to: &str| {
            format!(
                "name = \"x\"\n[[endpoint]]\nid = \"a-cpu\"\naddress = \"192.0.2.1\"\ninterface = \"e0\"\nport = \"net_null0\"\ncpu = {from}\n\
                 [[endpoint]]\nid = \"a-dpu\"\naddress = \"192.0.2.2\"\ninterface = \"e1\"\nport = \"net_null1\"\ncpu = {to}\n"
            )
        };
        let of_queues = |from: &str, to: &str, queues: PairQueues| {
            let testbed = file::parse(&text(from, to), Path::new("testbed.toml")).unwrap();
            testbed.cpus(&"a-cpu:a-dpu".parse().unwrap(), queues, PairNodes::default())
        };
        let of = |from: &str, to: &str, both: u16| of_queues(from, to, queues(both, both));
        assert_eq!(of_queues("[2, 3]", "4", queues(2, 1)).unwrap(), PairCpus { sender: cpus(&[2, 3]), receiver: cpus(&[4]) });
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
