//! What each endpoint is, asked of an agent there.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reporter::environment::Environment;

use crate::agent::{Agent, AgentError, Patience, Reply, Request};
use crate::topology::Testbed;

/// How long an endpoint may take to look at itself: a handful of short commands.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn describe(testbed: &Testbed, interrupted: &AtomicBool) -> Result<Environment, AgentError> {
    let patience = Patience { limit: LIMIT, interrupted };
    // All start before the first is asked: they look at themselves at the same time.
    let agents =
        testbed.endpoints.iter().map(|endpoint| Ok((endpoint, Agent::start(endpoint)?))).collect::<Result<Vec<_>, AgentError>>()?;
    let mut endpoints = BTreeMap::new();
    for (endpoint, mut agent) in agents {
        agent.greet(patience)?;
        let request = Request::Describe { interface: endpoint.interface.clone() };
        match agent.ask(&request, "describe its machine", patience)? {
            Reply::Described(found) => endpoints.insert(endpoint.id.clone(), *found),
            other => return Err(agent.unexpected(&other)),
        };
    }
    Ok(if testbed.emulated { Environment::emulated(endpoints) } else { Environment::new(endpoints) })
}
