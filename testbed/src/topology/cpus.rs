//! Which CPUs the poll loops of a pair run on.

use std::num::NonZeroU16;

use dataplane::CpuId;
use reporter::record::Pair;

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
            let best_first = |endpoint: &Endpoint, node| within(&endpoint.cpus, CpuId::allowed_near(node));
            return cpus_of_one_machine([best_first(from, nodes.sender), best_first(to, nodes.receiver)], pair, queues);
        }
        let first = |endpoint: &Endpoint, queues: NonZeroU16| match endpoint.cpus.get(..usize::from(queues.get())) {
            _ if endpoint.cpus.is_empty() => Ok(Vec::new()),
            Some(cpus) => Ok(cpus.to_vec()),
            None => {
                let (id, testbed, cpus) = (endpoint.id.clone(), self.name.clone(), endpoint.cpus.len());
                Err(TestbedError::TooFewCpus { id, testbed, cpus, queues })
            }
        };
        let mut cpus = PairCpus { sender: first(from, queues.sender)?, receiver: first(to, queues.receiver)? };
        // Left to itself, an end that names none might take one that the other end of this machine was given.
        if from.is_here() && to.is_here() {
            let free = |taken: &[CpuId], node: Option<u32>, queues: NonZeroU16| {
                CpuId::allowed_near(node).into_iter().filter(|cpu| !taken.contains(cpu)).take(usize::from(queues.get())).collect()
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
