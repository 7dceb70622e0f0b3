//! `linerate testbed`: prepares the testbeds that `linerate run` measures.

mod from_inventory;
mod install;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CommandError;

/// Prepare testbeds for `linerate run`
#[derive(Debug, Args)]
pub struct TestbedArgs {
    #[command(subcommand)]
    command: TestbedCommand,
}

#[derive(Debug, Subcommand)]
enum TestbedCommand {
    Install(install::InstallArgs),
    FromInventory(from_inventory::FromInventoryArgs),
}

/// Runs the command.
pub fn run(args: &TestbedArgs) -> Result<ExitCode, CommandError> {
    match &args.command {
        TestbedCommand::Install(args) => install::run(args),
        TestbedCommand::FromInventory(args) => from_inventory::run(args),
    }
}
