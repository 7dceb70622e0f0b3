//! What is checked before a command measures on the endpoints of a testbed.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use dataplane::{DataplaneError, PortSpec};
use reporter::archive::RunDirectory;
use reporter::environment::Environment;
use testbed::agent::AgentError;
use testbed::conductor::{AGENT_CHECK, EndpointAgents, PlaceChecks, check_interface_ports, check_testbed, describe};
use testbed::device;
use testbed::plan::Plan;
use testbed::preflight::CheckLevel;
use testbed::topology::Testbed;

use super::{CommandError, endpoints};

/// What `--force` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Force {
    /// Problems that the checks of the testbed found.
    Problems,
    /// A port that carries traffic which must not stop.
    Port(PortSpec),
}

impl FromStr for Force {
    type Err = DataplaneError;

    fn from_str(text: &str) -> Result<Self, DataplaneError> {
        if text.is_empty() { Ok(Force::Problems) } else { text.parse().map(Force::Port) }
    }
}

impl Force {
    /// The ports among what is allowed.
    pub fn ports(forced: &[Force]) -> Vec<PortSpec> {
        let ports = forced.iter().filter_map(|force| match force {
            Force::Port(port) => Some(port.clone()),
            Force::Problems => None,
        });
        ports.collect()
    }
}

/// What each endpoint is, after the checks of the testbed. `None`: the user ended it.
///
/// # Errors
/// A check found a problem, and the user does not force the measurement; an endpoint cannot be described.
pub fn describe_ready(
    plan: &Plan,
    testbed: &Testbed,
    forced: &[Force],
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<Option<Environment>, CommandError> {
    let places = check_testbed(testbed, Some(plan), agents, &[], interrupted);
    if interrupted.load(Ordering::Relaxed) {
        return Ok(None);
    }
    // An agent that gave no sensible answer is not asked again.
    let unanswered = |place: &PlaceChecks| place.problems().any(|check| check.subject == AGENT_CHECK);
    if places.iter().any(unanswered) {
        stop_for_problems(&places, false)?;
    }
    // Before the problems: these errors name the port that would cut a machine off.
    match check_interface_ports(plan, testbed, &Force::ports(forced), agents, interrupted) {
        Ok(()) => {}
        Err(AgentError::Interrupted { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let environment = describe_all(testbed, forced, agents, interrupted)?;
    if environment.is_some() {
        stop_for_problems(&places, forced.contains(&Force::Problems))?;
    }
    Ok(environment)
}

/// What each endpoint is. Ctrl-C has the same effect before the first measurement as during one: `None`.
///
/// # Errors
/// An endpoint cannot be described.
pub fn describe_all(
    testbed: &Testbed,
    forced: &[Force],
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<Option<Environment>, CommandError> {
    match describe(testbed, &Force::ports(forced), agents, interrupted) {
        Ok(environment) => Ok(Some(Environment { devices: device::describe(testbed)?, ..environment })),
        Err(AgentError::Interrupted { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The error of a command that stops before its first measurement. The run directory notes it too.
pub fn nothing_measured(error: &CommandError, directory: &RunDirectory, command: &str) -> CommandError {
    if let Err(unwritten) = directory.write_stopped(&error.to_string()) {
        return CommandError::new(format!("{error}; {}", CommandError::from(unwritten)));
    }
    let resume = format!("fix this, then start with `linerate {command} --resume {}`", directory.path().display());
    CommandError::new(format!("{error}; nothing was measured: {resume} (and --testbed FILE if the testbed file was wrong)"))
}

/// Prints the warnings of a testbed. A problem stops the command, unless the user forces it.
fn stop_for_problems(places: &[PlaceChecks], forced: bool) -> Result<(), CommandError> {
    for place in places {
        for check in place.checks.iter().filter(|check| check.severity == CheckLevel::Warning) {
            eprintln!("warning: {}", endpoints::in_one_line(&place.place, check));
        }
    }
    let problems: Vec<String> =
        places.iter().flat_map(|place| place.problems().map(|check| endpoints::in_one_line(&place.place, check))).collect();
    if problems.is_empty() {
        return Ok(());
    }
    if forced {
        problems.iter().for_each(|problem| eprintln!("problem: {problem}"));
        return Ok(());
    }
    Err(CommandError::new(format!("{} (--force measures anyway)", problems.join("\nlinerate: "))))
}
