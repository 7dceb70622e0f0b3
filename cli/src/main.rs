//! linerate: how fast is this wire without the kernel, and what does the kernel make of the same wire?

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::CommandError;

/// How fast is this wire without the kernel, and what does the kernel make of the same wire?
///
/// linerate puts poll-mode DPDK beside kernel TCP/IP for every ordered pair of endpoints of a testbed and every frame
/// size, in one report. Sizes count from the Ethernet header through the FCS: a 64-byte frame is a 60-byte mbuf.
#[derive(Debug, Parser)]
#[command(name = "linerate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "dpdk")]
    Run(commands::run::RunArgs),
    Report(commands::report::ReportArgs),
    Compare(commands::compare::CompareArgs),
    #[cfg(feature = "dpdk")]
    Send(commands::send::SendArgs),
    #[cfg(feature = "dpdk")]
    Receive(commands::receive::ReceiveArgs),
    #[cfg(feature = "dpdk")]
    Reflect(commands::reflect::ReflectArgs),
    Simulate(Box<commands::simulate::SimulateArgs>),
    #[cfg(feature = "dpdk")]
    Ports(commands::ports::PortsArgs),
    #[cfg(feature = "dpdk")]
    Doctor(commands::doctor::DoctorArgs),
    Import(commands::import::ImportArgs),
    #[cfg(feature = "dpdk")]
    Lab(commands::lab::LabArgs),
    #[cfg(feature = "dpdk")]
    #[command(hide = true)]
    Agent(commands::agent::AgentArgs),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("LINERATE_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
    match dispatch(&Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("linerate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &Command) -> Result<ExitCode, CommandError> {
    match command {
        #[cfg(feature = "dpdk")]
        Command::Run(args) => commands::run::run(args),
        Command::Report(args) => commands::report::run(args),
        Command::Compare(args) => commands::compare::run(args),
        #[cfg(feature = "dpdk")]
        Command::Send(args) => commands::send::run(args),
        #[cfg(feature = "dpdk")]
        Command::Receive(args) => commands::receive::run(args),
        #[cfg(feature = "dpdk")]
        Command::Reflect(args) => commands::reflect::run(args),
        Command::Simulate(args) => commands::simulate::run(args),
        #[cfg(feature = "dpdk")]
        Command::Ports(args) => commands::ports::run(args),
        #[cfg(feature = "dpdk")]
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Import(args) => commands::import::run(args),
        #[cfg(feature = "dpdk")]
        Command::Lab(args) => commands::lab::run(args),
        #[cfg(feature = "dpdk")]
        Command::Agent(args) => commands::agent::run(args),
    }
}
