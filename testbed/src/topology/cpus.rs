//! Which CPUs the poll loops of a pair run on.

use std::num::NonZeroU16;

use dataplane::CpuId;
use reporter::record::Pair;

use super::model::{Endpoint, Testbed, TestbedError, Wiring};

/// The CPUs of a pair's poll loops, one a queue; none where an end chooses itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCpus {
    /// The sender's.
    pub sender: Vec<CpuId>,
    /// The receiver's.
    pub receiver: Vec<CpuId>,
}

impl Testbed {
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
            Some(&cpu) if from.location.machine() == to.location.machine() => {
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
    use std::path::Path;

    use super::*;
    use crate::topology::file;

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
