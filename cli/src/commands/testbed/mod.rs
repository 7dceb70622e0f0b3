//! `linerate testbed`: prepares the endpoints of a testbed.

mod install;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CommandError;

/// Prepare the endpoints of a testbed
#[derive(Debug, Args)]
pub struct TestbedArgs {
    #[command(subcommand)]
    command: TestbedCommand,
}

#[derive(Debug, Subcommand)]
enum TestbedCommand {
    Install(install::InstallArgs),
}

/// Runs the command.
pub fn run(args: &TestbedArgs) -> Result<ExitCode, CommandError> {
    match &args.command {
        TestbedCommand::Install(args) => install::run(args),
    }
}
