//! What several commands do with the endpoints of a testbed: start an agent at each, and check it.

use std::sync::atomic::{AtomicBool, Ordering};

use testbed::agent::AgentError;
use testbed::conductor::{EndpointAgents, PlaceChecks};
use testbed::preflight::{Check, CheckLevel};
use testbed::topology::Testbed;

use super::CommandError;

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

/// A check as text: the level, what was seen, why it matters, and the command that fixes it.
pub fn describe_check(check: &Check) -> String {
    let mark = match check.severity {
        CheckLevel::Ok => "ok",
        CheckLevel::Note => "note",
        CheckLevel::Warning => "warning",
        CheckLevel::Problem => "problem",
    };
    let mut text = format!("{mark:<8} {}: {}", check.subject, check.seen);
    if !check.why.is_empty() {
        text.push_str(&format!("\n         {}", check.why));
    }
    if let Some(command) = &check.fix {
        text.push_str(&format!("\n         > {command}"));
    }
    text
}

/// A problem or a warning of one place, in one line.
pub fn in_one_line(place: &str, check: &Check) -> String {
    let fix = check.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
    let why = if check.why.is_empty() { String::new() } else { format!("; {}", check.why) };
    format!("{place}: {}: {}{why}{fix}", check.subject, check.seen)
}

/// The highest level of all checks.
pub fn worst(places: &[PlaceChecks]) -> CheckLevel {
    places.iter().flat_map(|place| &place.checks).map(|check| check.severity).max().unwrap_or(CheckLevel::Ok)
}
