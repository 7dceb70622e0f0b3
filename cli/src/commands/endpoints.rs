//! What several commands do with the endpoints of a testbed: do work for each, start an agent at each, and print one check.

use std::sync::atomic::{AtomicBool, Ordering};

use testbed::agent::AgentError;
use testbed::conductor::EndpointAgents;
use testbed::preflight::Check;
use testbed::topology::{Endpoint, Testbed};

use super::CommandError;

/// Does the work for all endpoints at the same time. A panic of the work is passed on.
pub fn at_each<R: Send>(testbed: &Testbed, work: impl Fn(&Endpoint) -> R + Sync) -> Vec<(&Endpoint, R)> {
    let work = &work;
    std::thread::scope(|scope| {
        let started: Vec<_> = testbed.endpoints.iter().map(|endpoint| (endpoint, scope.spawn(move || work(endpoint)))).collect();
        let joined =
            started.into_iter().map(|(endpoint, work)| (endpoint, work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        joined.collect()
    })
}

/// An agent at every endpoint, or one line for each that has none. `None`: the user ended it.
pub fn agents(testbed: &Testbed, interrupted: &AtomicBool) -> Result<Option<EndpointAgents>, CommandError> {
    let (agents, errors) = EndpointAgents::start(testbed, interrupted);
    if interrupted.load(Ordering::Relaxed) {
        return Ok(None);
    }
    match errors.is_empty() {
        true => Ok(Some(agents)),
        false => Err(CommandError::new(lines(&errors))),
    }
}

fn lines(errors: &[AgentError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| CommandError::from_ref(error).to_string()).collect();
    texts.join("\nlinerate: ")
}

/// A problem or a warning of one place, in one line.
pub fn in_one_line(place: &str, check: &Check) -> String {
    let fix = check.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
    let why = if check.why.is_empty() { String::new() } else { format!("; {}", check.why) };
    format!("{place}: {}: {}{why}{fix}", check.subject, check.seen)
}
