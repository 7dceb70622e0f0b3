//! linerate: measures a network path with DPDK and with kernel TCP/IP, side by side.

// Before the commands: its macros take the place of `println!` and `eprintln!` in every module below.
#[macro_use]
mod output;

mod commands;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use commands::CommandError;

/// Measures a network path with DPDK and with kernel TCP/IP, side by side
///
/// linerate measures every ordered pair of endpoints of a testbed at every frame size: throughput, loss and round-trip times of poll-mode
/// DPDK, and of the kernel's TCP and UDP (iperf3, qperf). All results go into one report. Frame sizes include the 4-byte FCS, so that a
/// 64-byte frame is a 60-byte mbuf.
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
    #[cfg(feature = "dpdk")]
    Tune(Box<commands::tune::TuneArgs>),
    Report(commands::report::ReportArgs),
    Compare(commands::compare::CompareArgs),
    History(commands::history::HistoryArgs),
    Fleet(commands::fleet::FleetArgs),
    Gate(commands::gate::GateArgs),
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
    Testbed(commands::testbed::TestbedArgs),
    #[cfg(feature = "dpdk")]
    Lab(commands::lab::LabArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
    #[cfg(feature = "dpdk")]
    #[command(hide = true)]
    Agent(commands::agent::AgentArgs),
}

/// Warnings go to standard error as plain lines. With `LINERATE_LOG`, each line also has its time and its module.
fn log_to_stderr() {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match EnvFilter::try_from_env("LINERATE_LOG") {
        Ok(filter) => log.with_env_filter(filter).init(),
        Err(_) => log.with_env_filter("warn").without_time().with_target(false).init(),
    }
}

fn main() -> ExitCode {
    log_to_stderr();
    let result = dispatch(&Cli::parse().command);
    let code = result.unwrap_or_else(|error| {
        eprintln!("linerate: {error}");
        ExitCode::FAILURE
    });
    match output::finish() {
        Some(error) => {
            eprintln!("linerate: standard output could not be written: {error}");
            ExitCode::FAILURE
        }
        None => code,
    }
}

fn dispatch(command: &Command) -> Result<ExitCode, CommandError> {
    match command {
        #[cfg(feature = "dpdk")]
        Command::Run(args) => commands::run::run(args),
        #[cfg(feature = "dpdk")]
        Command::Tune(args) => commands::tune::run(args),
        Command::Report(args) => commands::report::run(args),
        Command::Compare(args) => commands::compare::run(args),
        Command::History(args) => commands::history::run(args),
        Command::Fleet(args) => commands::fleet::run(args),
        Command::Gate(args) => commands::gate::run(args),
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
        Command::Testbed(args) => commands::testbed::run(args),
        #[cfg(feature = "dpdk")]
        Command::Lab(args) => commands::lab::run(args),
        Command::Completions(args) => commands::completions::run(args, &Cli::command()),
        Command::Man(args) => commands::man::run(args, Cli::command()),
        #[cfg(feature = "dpdk")]
        Command::Agent(args) => commands::agent::run(args),
    }
}
