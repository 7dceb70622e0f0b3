//! Whether AF_XDP may take the kernel interfaces of a plan: it takes frames from the kernel, those of an ssh session too.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dataplane::PortSpec;

use super::endpoint_agents::EndpointAgents;
use crate::agent::{AgentError, Reply, Request, WaitLimit};
use crate::plan::Plan;
use crate::topology::{BypassPort, RingSizes, Testbed};

/// How long an endpoint may take to look at its routes.
const LIMIT: Duration = Duration::from_secs(20);

/// Refuses AF_XDP on an interface that carries the default route or the ssh session of its machine, unless its port is `forced`. AF_PACKET only copies
/// frames.
///
/// # Errors
/// An endpoint refuses, or does not answer. That is found before anything is measured.
pub fn check_interface_ports(
    plan: &Plan,
    testbed: &Testbed,
    forced: &[PortSpec],
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<(), AgentError> {
    let wait = WaitLimit { limit: LIMIT, interrupted };
    for pair in testbed.all_pairs() {
        let takes = plan.measures.iter().any(|measure| measure.is_for(&pair) && measure.tuning.port == BypassPort::AfXdp);
        // Whether the endpoints have interfaces was asked when the plan was read.
        let Some(ports) = takes.then(|| testbed.bypass_ports(&pair, BypassPort::AfXdp, RingSizes::default()).ok()).flatten() else {
            continue;
        };
        for (id, port) in [(&pair.from, ports.sender), (&pair.to, ports.receiver)] {
            let Some(endpoint) = testbed.endpoints.iter().find(|endpoint| endpoint.id == *id) else { continue };
            let is_forced =
                forced.iter().any(|forced| forced.name() == port.name() && forced.kernel_interface() == port.kernel_interface());
            if is_forced {
                continue;
            }
            agents.ask(endpoint, &Request::CheckPort { port }, "check the interface", wait, |reply| match reply {
                Reply::PortChecked => Ok(()),
                other => Err(Box::new(other)),
            })?;
        }
    }
    Ok(())
}
