//! Asks an agent at each endpoint what its machine is.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dataplane::PortSpec;
use reporter::environment::{EndpointEnvironment, Environment};

use crate::agent::{Agent, AgentError, Reply, Request, WaitLimit};
use crate::topology::{Endpoint, Testbed};

/// How long an endpoint may take to look at itself: a handful of short commands.
const LIMIT: Duration = Duration::from_secs(20);

/// What each endpoint is, for `environment.json`. Refuses ports that carry the default route or the ssh session of their machine, unless they are
/// `forced`.
///
/// # Errors
/// An endpoint does not answer. That is found before anything is measured.
pub fn describe(testbed: &Testbed, forced: &[PortSpec], interrupted: &AtomicBool) -> Result<Environment, AgentError> {
    let wait = WaitLimit { limit: LIMIT, interrupted };
    // All start before the first is asked: they look at themselves at the same time.
    let agents =
        testbed.endpoints.iter().map(|endpoint| Ok((endpoint, Agent::start(endpoint)?))).collect::<Result<Vec<_>, AgentError>>()?;
    let mut endpoints = BTreeMap::new();
    for (endpoint, mut agent) in agents {
        let found = match ask(&mut agent, endpoint, forced, wait) {
            // An agent may be lost to an accident: a connection that broke, a machine short of memory. Lost twice, it has a reason.
            Err(AgentError::Lost { .. }) => ask(&mut Agent::start(endpoint)?, endpoint, forced, wait)?,
            answered => answered?,
        };
        endpoints.insert(endpoint.id.clone(), found);
    }
    Ok(if testbed.emulated { Environment::emulated(endpoints) } else { Environment::new(endpoints) })
}

fn ask(agent: &mut Agent, endpoint: &Endpoint, forced: &[PortSpec], wait: WaitLimit<'_>) -> Result<EndpointEnvironment, AgentError> {
    agent.greet(wait)?;
    if let Some(port) = endpoint.port.as_ref().filter(|port| forced.iter().all(|forced| forced.name() != port.name())) {
        match agent.ask(&Request::CheckPort { port: port.clone() }, "check the port", wait)? {
            Reply::PortChecked => {}
            other => return Err(agent.unexpected(&other)),
        }
    }
    let request = Request::Describe { interface: endpoint.kernel.as_ref().map(|kernel| kernel.interface.clone()) };
    match agent.ask(&request, "describe the machine", wait)? {
        Reply::Described(found) => Ok(*found),
        other => Err(agent.unexpected(&other)),
    }
}
