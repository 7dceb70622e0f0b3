//! `linerate testbed`: prepares the testbeds that `linerate run` measures.

mod from_inventory;

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
    FromInventory(from_inventory::FromInventoryArgs),
}

/// Runs the command.
pub fn run(args: &TestbedArgs) -> Result<ExitCode, CommandError> {
    match &args.command {
        TestbedCommand::FromInventory(args) => from_inventory::run(args),
    }
}
