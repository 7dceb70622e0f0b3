//! `linerate agent`: runs at an endpoint during a run. The conductor starts it, not the user.

use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use clap::Args;

use super::CommandError;

/// Execute the requests of a conductor: one JSON message per line on standard input and output
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// The run that the agent works for, for the list of processes
    #[arg(long = "for", value_name = "TEXT")]
    _run: Option<String>,
}

/// Runs the command.
pub fn run(_: &AgentArgs) -> Result<ExitCode, CommandError> {
    // Drivers may print to standard output at any time. They get standard error instead, so that only the protocol uses the pipe.
    let pipe = nix::unistd::dup(std::io::stdout())?;
    nix::unistd::dup2_stdout(std::io::stderr())?;
    // A driver that hangs must not keep the port open: when this process exits, the kernel closes it.
    testbed::agent::serve(BufReader::new(std::io::stdin()), File::from(pipe), || std::process::exit(1))?;
    Ok(ExitCode::SUCCESS)
}
