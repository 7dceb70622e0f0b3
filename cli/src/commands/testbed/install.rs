//! `linerate testbed install`: copies this program to the endpoints.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reporter::record::EndpointId;
use serde::Serialize;
use testbed::conductor::{EndpointAgents, check_testbed};
use testbed::install::{Binaries, Installed, install};
use testbed::preflight::{Check, CheckLevel};
use testbed::topology::Testbed;

use crate::commands::endpoints::{at_each, in_one_line};
use crate::commands::{CommandError, Format};

/// Copy linerate to every endpoint, and say what is missing there
#[derive(Debug, Args)]
#[command(after_long_help = "\
The program goes to the path that `program` names, or to /usr/local/bin. It is
copied to a temporary file beside that path, its SHA-256 is checked at the
endpoint, and then it replaces the old program. An endpoint that already has the
same program is left unchanged. Then an agent is started at each endpoint: it says whether it is the same build,
whether the DPDK libraries that it was built with and the tools are there, and
which command of that distribution installs what is missing.

This program is copied to endpoints with the same processor. For others, such as
the Arm side of a BlueField, name a file that was built for it.

EXAMPLES
  linerate testbed install testbed.toml
  linerate testbed install testbed.toml --binary linerate-aarch64

EXIT CODES
  0  every endpoint has the program, and nothing is missing
  1  otherwise")]
pub struct InstallArgs {
    /// Testbed file
    file: PathBuf,
    /// linerate for another processor (x86_64 or aarch64, read from the file); repeatable
    #[arg(long, value_name = "FILE")]
    binary: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Outcome {
    endpoints: Vec<EndpointOutcome>,
}

#[derive(Serialize)]
struct EndpointOutcome {
    endpoint: EndpointId,
    #[serde(flatten)]
    installed: Option<Installed>,
    error: Option<String>,
    /// What is missing.
    problems: Vec<Check>,
}

/// Runs the command.
pub fn run(args: &InstallArgs) -> Result<ExitCode, CommandError> {
    let interrupted = crate::commands::interrupt_flag()?;
    let testbed = Testbed::read(&args.file)?;
    let binaries = Binaries::of_files(&args.binary, &std::env::current_exe()?)?;
    let copied = at_each(&testbed, |endpoint| install(endpoint, &binaries));
    // Only what was copied can be asked.
    let mut reached = testbed.clone();
    reached.endpoints.retain(|endpoint| copied.iter().any(|(one, result)| one.id == endpoint.id && result.is_ok()));
    let (mut agents, unreachable) = EndpointAgents::start(&reached, &interrupted);
    let places = check_testbed(&reached, None, &mut agents, &unreachable, &interrupted);
    agents.end();
    let endpoints = copied.into_iter().map(|(endpoint, result)| {
        let place = places.iter().find(|place| place.place == endpoint.id.to_string());
        let problems: Vec<Check> = place.into_iter().flat_map(|place| place.problems().cloned()).filter(is_software).collect();
        let (installed, error) = match result {
            Ok(installed) => (Some(installed), None),
            Err(error) => (None, Some(CommandError::from(error).to_string())),
        };
        EndpointOutcome { endpoint: endpoint.id.clone(), installed, error, problems }
    });
    let outcome = Outcome { endpoints: endpoints.collect() };
    Format::of(args.json).print(&outcome, || describe(&outcome))?;
    let complete = outcome.endpoints.iter().all(|endpoint| endpoint.error.is_none() && endpoint.problems.is_empty());
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a problem is about what is installed, and not about cables and addresses, which `doctor --testbed` checks.
fn is_software(check: &Check) -> bool {
    let by_command =
        check.fix.as_deref().is_some_and(|fix| ["apt-get", "dnf", "zypper", "pacman", "git clone"].iter().any(|tool| fix.contains(tool)));
    check.severity == CheckLevel::Problem && (by_command || ["agent", "DPDK"].contains(&check.subject.as_str()))
}

fn describe(outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    for EndpointOutcome { endpoint, installed, error, problems } in &outcome.endpoints {
        lines.extend(installed.iter().map(|installed| format!("{endpoint}: {installed}")));
        lines.extend(error.iter().cloned());
        lines.extend(problems.iter().map(|check| format!("missing: {}", in_one_line(&endpoint.to_string(), check))));
    }
    lines.join("\n")
}
