//! `linerate agent`: runs at an endpoint during a run. The conductor starts it, not the user.

use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use clap::Args;

use super::CommandError;

/// Execute the requests of a conductor: one JSON message per line on standard input and output
#[derive(Debug, Args)]
pub struct AgentArgs {}

/// Runs the command.
pub fn run(_: &AgentArgs) -> Result<ExitCode, CommandError> {
    // Drivers may print to standard output at any time. They get standard error instead, so that only the protocol uses the pipe.
    let pipe = nix::unistd::dup(std::io::stdout())?;
    nix::unistd::dup2_stdout(std::io::stderr())?;
    testbed::agent::serve(BufReader::new(std::io::stdin()), File::from(pipe))?;
    Ok(ExitCode::SUCCESS)
}
