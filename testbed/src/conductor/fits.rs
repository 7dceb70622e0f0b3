//! Whether a plan can be carried out on a pair of a testbed. Asked before anything is created.

use std::num::NonZeroU16;

use dataplane::PortSpec;
use reporter::record::{EndpointId, Pair};

use crate::plan::{ConcurrentPairs, FLOWS_PER_QUEUE, Measure, Plan, TlsEnd};
use crate::topology::{BypassPort, Endpoint, GroupMember, PairNodes, PairQueues, Testbed, TestbedError};

/// Refuses what cannot be measured between this pair.
pub(super) fn check(plan: &Plan, testbed: &Testbed, pair: &Pair) -> Result<(), TestbedError> {
    let (kernel, bypass): (Vec<&Measure>, Vec<&Measure>) =
        plan.measures.iter().filter(|measure| measure.is_alone_for(pair)).partition(|measure| measure.kind.is_kernel());
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

/// Refuses what cannot be measured between the pairs of a group at the same time. Too few CPUs are no error here: they make failed records, so that the
/// rest of the plan is measured.
pub(super) fn check_group(measure: &Measure, group: &ConcurrentPairs, testbed: &Testbed) -> Result<(), TestbedError> {
    for pair in group.pairs() {
        if measure.kind.is_kernel() {
            testbed.kernel_endpoint(&pair.from)?;
            testbed.kernel_endpoint(&pair.to)?;
        } else {
            check_queues(measure, testbed, pair)?;
        }
        let port = (!measure.kind.is_kernel()).then_some(measure.tuning.port);
        if let Some((device, _)) = testbed.device_for(pair, port) {
            let (pair, device, testbed) = (pair.clone(), device.id.to_string(), testbed.name.clone());
            return Err(TestbedError::GroupThroughDevice { pair, device, testbed });
        }
    }
    for (place, one) in group.pairs().iter().enumerate() {
        for other in &group.pairs()[place + 1..] {
            check_two_pairs(measure, testbed, one, other)?;
        }
    }
    match (!measure.kind.is_kernel()).then(|| testbed.cpus_of_group(&members(measure, group))) {
        Some(Err(TestbedError::TooSmallForGroup { .. }) | Ok(_)) | None => Ok(()),
        Some(Err(error)) => Err(error),
    }
}

/// The pairs of a group, with the queues of a measure.
pub(super) fn members(measure: &Measure, group: &ConcurrentPairs) -> Vec<GroupMember> {
    let member = |pair: &Pair| GroupMember { pair: pair.clone(), queues: measure.tuning.queues, nodes: PairNodes::default() };
    group.pairs().iter().map(member).collect()
}

/// Refuses two pairs that use one port, one interface, or one CPU for their tools.
fn check_two_pairs(measure: &Measure, testbed: &Testbed, one: &Pair, other: &Pair) -> Result<(), TestbedError> {
    for one in [&one.from, &one.to] {
        for other in [&other.from, &other.to] {
            let (one, other) = (testbed.endpoint(one)?, testbed.endpoint(other)?);
            if let Some(port) = shared_port(measure, one, other) {
                let (one, other, testbed) = (one.id.clone(), other.id.clone(), testbed.name.clone());
                return Err(TestbedError::SharedPort { one, other, testbed, port });
            }
        }
    }
    let Some(tuning) = measure.kind.kernel_tuning() else { return Ok(()) };
    let tools = |pair: &Pair| [(pair.from.clone(), tuning.client_cpu), (pair.to.clone(), tuning.server_cpu)];
    for (one, cpu) in tools(one) {
        for (other, other_cpu) in tools(other) {
            let one_machine = testbed.endpoint(&one)?.location.machine() == testbed.endpoint(&other)?.location.machine();
            if let Some(cpu) = cpu.filter(|_| one_machine && cpu == other_cpu) {
                return Err(TestbedError::SharedToolCpu { one, other, testbed: testbed.name.clone(), cpu });
            }
        }
    }
    Ok(())
}

/// The port or interface that a measure uses at both endpoints, where it is one.
fn shared_port(measure: &Measure, one: &Endpoint, other: &Endpoint) -> Option<String> {
    if one.location.machine() != other.location.machine() {
        return None;
    }
    if !measure.kind.is_kernel() && measure.tuning.port == BypassPort::OfTestbed {
        // Software ports of one name are two: each agent makes its own.
        let port = one.port.as_ref().filter(|port| !port.is_software())?;
        let other = other.port.as_ref()?;
        let same = port.name() == other.name() && port.argument("representor") == other.argument("representor");
        return same.then(|| format!("port {}", port.name()));
    }
    let (interface, other_interface) = (&one.kernel.as_ref()?.interface, &other.kernel.as_ref()?.interface);
    (interface == other_interface && one.location == other.location).then(|| format!("interface {interface}"))
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
    fn pairs_of_a_group_share_no_port_no_interface_and_no_cpu() {
        let refusal = |ends: [&str; 4], lines: &str| {
            let endpoint = |(id, keys): (&str, &str)| format!("[[endpoint]]\nid = \"{id}\"\n{keys}\n");
            let text: String = ["a", "b", "c", "d"].into_iter().zip(ends).map(endpoint).collect();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("testbed.toml");
            std::fs::write(&file, format!("name = \"x\"\n{text}")).unwrap();
            let plan = plan(&format!("{lines}\npairs = [[\"a:b\", \"c:d\"]]"));
            let measure = &plan.measures[0];
            check_group(measure, &measure.groups()[0], &Testbed::read(&file).unwrap()).err().map(|error| error.to_string())
        };
        let nic = |port: u32, cpu: u32| format!("port = \"0000:0{port}:00.0\"\ncpu = {cpu}");
        let nics = |ports: [u32; 4], cpus: [u32; 4]| std::array::from_fn::<String, 4, _>(|at| nic(ports[at], cpus[at]));
        let mrr = "stack = \"dpdk\"\nmethod = \"mrr\"";
        let of_nics = |ports, cpus| refusal(nics(ports, cpus).each_ref().map(String::as_str), mrr);
        assert_eq!(of_nics([1, 2, 3, 4], [2, 3, 4, 5]), None);
        let port = of_nics([1, 2, 3, 1], [2, 3, 4, 5]).unwrap();
        assert!(port.contains("`a` and `d`") && port.contains("port 0000:01:00.0"), "{port}");
        let cpu = of_nics([1, 2, 3, 4], [2, 3, 4, 3]).unwrap();
        assert!(cpu.contains("`b` and `d`") && cpu.contains("cpu = 3"), "{cpu}");
        let kernel = |interfaces: [&str; 4], keys: &str| {
            let end = |at: usize| format!("address = \"192.0.2.{}\"\ninterface = \"{}\"", at + 1, interfaces[at]);
            let ends = std::array::from_fn::<String, 4, _>(end);
            refusal(ends.each_ref().map(String::as_str), &format!("stack = \"kernel-tcp\"\nmethod = \"stream\"\n{keys}"))
        };
        assert_eq!(kernel(["e0", "e1", "e2", "e3"], ""), None);
        let interface = kernel(["e0", "e1", "e1", "e3"], "").unwrap();
        assert!(interface.contains("`b` and `c`") && interface.contains("interface e1"), "{interface}");
        let pinned = kernel(["e0", "e1", "e2", "e3"], "client-cpu = 1").unwrap();
        assert!(pinned.contains("`a` and `c`") && pinned.contains("CPU 1") && pinned.contains("client-cpu"), "{pinned}");
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
