//! Whether a plan can be carried out on a pair of a testbed. Asked before anything is created.

use std::num::NonZeroU16;

use dataplane::PortSpec;
use reporter::record::{EndpointId, Pair};

use crate::plan::{FLOWS_PER_QUEUE, Measure, Plan, TlsEnd};
use crate::topology::{PairNodes, PairQueues, Testbed, TestbedError};

/// Refuses what cannot be measured between this pair.
pub(super) fn check(plan: &Plan, testbed: &Testbed, pair: &Pair) -> Result<(), TestbedError> {
    let (kernel, bypass): (Vec<&Measure>, Vec<&Measure>) =
        plan.measures.iter().filter(|measure| measure.is_for(pair)).partition(|measure| measure.kind.is_kernel());
    if !kernel.is_empty() {
        testbed.kernel_endpoint(&pair.from)?;
        testbed.kernel_endpoint(&pair.to)?;
    }
    if kernel.iter().filter_map(|measure| measure.kind.file_transfer()?.tls).any(|tls| tls.at == TlsEnd::Dpu) {
        testbed.smartnics(pair)?;
    }
    for measure in &bypass {
        check_queues(measure, testbed, pair)?;
    }
    // The NUMA nodes decide which CPUs are chosen, not how many.
    if let Some(queues) = bypass.iter().map(|measure| measure.tuning.queues).reduce(PairQueues::max) {
        testbed.cpus(pair, queues, PairNodes::default())?;
    }
    Ok(())
}

/// Refuses numbers of queues that the ports cannot have, and more receive queues than the flows can be shared between.
fn check_queues(measure: &Measure, testbed: &Testbed, pair: &Pair) -> Result<(), TestbedError> {
    let (ports, queues) = (testbed.bypass_ports(pair, measure.tuning.port, measure.tuning.rings)?, measure.tuning.queues);
    if queues.sender != queues.receiver && ports.sender.pairs_queues() && ports.receiver.pairs_queues() {
        return Err(TestbedError::UnequalQueues { pair: pair.clone(), queues });
    }
    let check = |id: &EndpointId, port: &PortSpec, queues: NonZeroU16| {
        let needed = u32::from(queues.get()) * FLOWS_PER_QUEUE;
        let flows = measure.tuning.flows;
        if queues == NonZeroU16::MIN || port.pairs_queues() || flows >= needed {
            return Ok(());
        }
        let method = measure.kind.method();
        Err(TestbedError::TooFewFlows { method, pair: pair.clone(), id: id.clone(), queues, flows, needed })
    };
    check(&pair.to, &ports.receiver, queues.receiver)?;
    // Frames that return are received by the sender.
    if measure.kind.measures_delays() { check(&pair.from, &ports.sender, queues.sender) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn testbed(ports: [&str; 2], keys: &str) -> Testbed {
        let endpoint = |id: &str, port: &str, cpu: &str| format!("[[endpoint]]\nid = \"{id}\"\nport = \"{port}\"\ncpu = {cpu}\n{keys}\n");
        let cpus = ["[1, 2, 3, 4, 5, 6, 7, 8]", "[11, 12, 13, 14, 15, 16, 17, 18]"];
        let text = format!("name = \"x\"\n{}{}", endpoint("a", ports[0], cpus[0]), endpoint("b", ports[1], cpus[1]));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("testbed.toml");
        std::fs::write(&file, text).unwrap();
        Testbed::read(&file).unwrap()
    }

    fn plan(lines: &str) -> Plan {
        Plan::reread(&format!("name = \"p\"\nsizes = [64]\n[[measure]]\n{lines}"), Path::new("plan.toml")).unwrap()
    }

    fn refusal(lines: &str, ports: [&str; 2]) -> Option<String> {
        check(&plan(lines), &testbed(ports, ""), &"a:b".parse().unwrap()).err().map(|error| error.to_string())
    }

    const NICS: [&str; 2] = ["0000:03:00.0", "0000:04:00.0"];
    const MEMORY: [&str; 2] = ["net_virtio_user0,path=lr.sock", "net_vhost0,iface=lr.sock"];

    #[test]
    fn several_receive_queues_need_flows_that_reach_all_of_them() {
        let mrr = |keys: &str| refusal(&format!("stack = \"dpdk\"\nmethod = \"mrr\"\n{keys}"), NICS);
        let refused = mrr("queues = 4").unwrap();
        assert!(refused.contains("endpoint `b` need at least 256 flows") && refused.contains("the plan has 1"), "{refused}");
        assert!(refused.contains("use flows = 256"), "{refused}");
        assert!(mrr("queues = 4\nflows = 255").is_some());
        assert_eq!(mrr("queues = 4\nflows = 256"), None);
        // Send queues need no flows of their own, unless frames return to the sender.
        assert_eq!(mrr("sender-queues = 8"), None);
        let trips = |keys: &str| refusal(&format!("stack = \"dpdk\"\nmethod = \"round-trip\"\n{keys}"), NICS);
        let refused = trips("sender-queues = 2").unwrap();
        assert!(refused.contains("endpoint `a` need at least 128 flows"), "{refused}");
        assert_eq!(trips("sender-queues = 2\nflows = 128"), None);
    }

    #[test]
    fn shared_memory_needs_no_flows_and_the_same_number_of_queues_at_both_ends() {
        let mrr = |keys: &str| refusal(&format!("stack = \"dpdk\"\nmethod = \"mrr\"\n{keys}"), MEMORY);
        assert_eq!(mrr("queues = 4"), None);
        let refused = mrr("sender-queues = 4").unwrap();
        assert!(refused.contains("`a→b`") && refused.contains("4 for the sender and 1 for the receiver"), "{refused}");
    }

    #[test]
    fn a_kernel_measure_needs_an_address_at_both_endpoints_and_a_dpdk_measure_does_not() {
        let kernel = "stack = \"kernel-tcp\"\nmethod = \"stream\"";
        let refused = refusal(kernel, NICS).unwrap();
        assert!(refused.contains("endpoint `a`") && refused.contains("no `address`"), "{refused}");
        let both = testbed(NICS, "address = \"192.0.2.1\"\ninterface = \"e0\"");
        assert!(check(&plan(kernel), &both, &"a:b".parse().unwrap()).is_ok());
        assert_eq!(refusal("stack = \"dpdk\"\nmethod = \"mrr\"", NICS), None);
    }
}
