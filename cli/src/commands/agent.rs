//! `linerate agent`: one endpoint's part in a run. People do not start it; the conductor does.

use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use clap::Args;

use super::CommandError;

/// Do what a conductor says, one JSON message a line on standard input and output.
#[derive(Debug, Args)]
pub struct AgentArgs {}

/// Runs the command.
pub fn run(_: &AgentArgs) -> Result<ExitCode, CommandError> {
    // Drivers print to standard output when they like. The protocol keeps the pipe to itself, and they get standard error.
    let pipe = nix::unistd::dup(std::io::stdout())?;
    nix::unistd::dup2_stdout(std::io::stderr())?;
    testbed::agent::serve(BufReader::new(std::io::stdin()), File::from(pipe))?;
    Ok(ExitCode::SUCCESS)
}
