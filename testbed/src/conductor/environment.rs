//! Asks the agent at each endpoint what its machine is.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dataplane::PortSpec;
use reporter::environment::{EndpointEnvironment, Environment};

use super::endpoint_agents::EndpointAgents;
use crate::agent::{AgentError, Reply, Request, WaitLimit};
use crate::topology::{Endpoint, Testbed};

/// How long an endpoint may take to look at itself: a handful of short commands.
const LIMIT: Duration = Duration::from_secs(20);

/// What each endpoint is, for `environment.json`. Refuses ports that carry the default route or the ssh session of their machine, unless they are
/// `forced`.
///
/// # Errors
/// An endpoint does not answer. That is found before anything is measured.
pub fn describe(
    testbed: &Testbed,
    forced: &[PortSpec],
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<Environment, AgentError> {
    let wait = WaitLimit { limit: LIMIT, interrupted };
    let ports = testbed.endpoints.iter().filter_map(|endpoint| {
        let port = endpoint.port.as_ref().filter(|port| forced.iter().all(|forced| forced.name() != port.name()))?;
        Some((endpoint.id.clone(), Request::CheckPort { port: port.clone() }))
    });
    let (mut checked, mut described) = (agents.ask_all(&ports.collect(), "check the port", wait), BTreeMap::new());
    let requests: BTreeMap<_, _> = testbed.endpoints.iter().map(|endpoint| (endpoint.id.clone(), request(endpoint))).collect();
    // In the order of the testbed, so that the first error is always the same.
    for endpoint in &testbed.endpoints {
        match checked.remove(&endpoint.id).map(|answered| answered.reply).transpose()? {
            None | Some(Reply::PortChecked) => {}
            Some(other) => return Err(agents.agent(endpoint, interrupted)?.unexpected(&other)),
        }
    }
    let mut answers = agents.ask_all(&requests, "describe the machine", wait);
    for endpoint in &testbed.endpoints {
        let found = match answers.remove(&endpoint.id).map(|answered| answered.reply) {
            Some(Ok(Reply::Described(found))) => *found,
            // An agent may be lost to an accident: a connection that broke, a machine short of memory. Lost twice, it has a reason.
            None | Some(Err(AgentError::Lost { .. })) => again(endpoint, agents, wait)?,
            Some(Err(error)) => return Err(error),
            Some(Ok(other)) => return Err(agents.agent(endpoint, interrupted)?.unexpected(&other)),
        };
        described.insert(endpoint.id.clone(), found);
    }
    let environment = if testbed.emulated { Environment::emulated(described) } else { Environment::new(described) };
    Ok(Environment { note: testbed.note.clone().or(environment.note), ..environment })
}

fn request(endpoint: &Endpoint) -> Request {
    Request::Describe { interface: endpoint.kernel.as_ref().map(|kernel| kernel.interface.clone()) }
}

fn again(endpoint: &Endpoint, agents: &mut EndpointAgents, wait: WaitLimit<'_>) -> Result<EndpointEnvironment, AgentError> {
    agents.drop_agent(&endpoint.id);
    let agent = agents.agent(endpoint, wait.interrupted)?;
    match agent.ask(&request(endpoint), "describe the machine", wait)? {
        Reply::Described(found) => Ok(*found),
        other => Err(agent.unexpected(&other)),
    }
}
