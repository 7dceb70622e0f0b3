//! `linerate lab`: the embedded testbed, by hand.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::{Args, Subcommand};
use serde::Serialize;
use testbed::lab::{Lab, LabName, LabOptions, LabState, LabStatus};

use super::{CommandError, Format, interrupt_flag};

/// Make, show and remove labs: four network namespaces laid out as two hosts with a BlueField-2 each.
#[derive(Debug, Args)]
#[command(after_long_help = "\
THE LAB
    a-cpu             a-dpu                         b-dpu             b-cpu
    pf0 --- pf0hpf [eswitch0] p0 ------------ p0 [eswitch0] pf0hpf --- pf0
  198.18.0.1       198.18.0.2                    198.18.0.4        198.18.0.3

  Kernel traffic crosses veth pairs and bridges. DPDK traffic crosses shared memory between
  net_vhost and net_virtio_user ports, whose sockets live in the lab's directory.
  The lab shows how linerate works. It does not show how fast a BlueField-2 is.

EXAMPLES
  sudo linerate lab up --name try
  sudo ip netns exec lr-try-a-cpu ping 198.18.0.4
  sudo linerate lab down --name try

`linerate run` makes a lab of its own and removes it; no lab has to be up for it.")]
pub struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Make a lab that stays until it is taken down
    Up {
        /// Its name: small letters, digits and `-` [default: six random hexadecimal digits]
        #[arg(long)]
        name: Option<LabName>,
    },
    /// Show the labs, their endpoints and how to enter them
    Status {
        /// Only this one
        #[arg(long)]
        name: Option<LabName>,
    },
    /// Take labs down, with the processes inside them
    Down(DownArgs),
}

#[derive(Debug, Args)]
struct DownArgs {
    /// Which lab; not needed where there is only one
    #[arg(long, conflicts_with = "all")]
    name: Option<LabName>,
    /// Every lab that no living process owns
    #[arg(long)]
    all: bool,
    /// Also a lab that a living process owns: what it measures fails
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Labs {
    labs: Vec<LabStatus>,
}

/// What `lab down` did.
#[derive(Serialize)]
struct Removed {
    removed: Vec<LabName>,
    /// Not removed, because a living process owns them.
    in_use: Vec<LabName>,
}

/// Runs the command.
pub fn run(args: &LabArgs) -> Result<ExitCode, CommandError> {
    let format = Format::of(args.json);
    match &args.command {
        LabCommand::Up { name } => up(name.clone(), format),
        LabCommand::Status { name } => status(name.as_ref(), format),
        LabCommand::Down(args) => down(args, format),
    }
}

fn up(name: Option<LabName>, format: Format) -> Result<ExitCode, CommandError> {
    let interrupted = interrupt_flag()?;
    let lab = Lab::up(LabOptions { name, keep: true })?;
    if interrupted.load(Ordering::Relaxed) {
        lab.down()?;
        return Err(CommandError::new("interrupted; the lab was taken down again"));
    }
    let status = Lab::status(lab.name())?;
    format.print(&status, || describe(&status))?;
    Ok(ExitCode::SUCCESS)
}

fn status(name: Option<&LabName>, format: Format) -> Result<ExitCode, CommandError> {
    let labs = match name {
        Some(name) => vec![Lab::status(name)?],
        None => Lab::list()?,
    };
    let text = |labs: &[LabStatus]| match labs {
        [] => "no lab is up; `sudo linerate lab up` makes one".to_owned(),
        labs => labs.iter().map(describe).collect::<Vec<_>>().join("\n\n"),
    };
    let labs = Labs { labs };
    format.print(&labs, || text(&labs.labs))?;
    Ok(ExitCode::SUCCESS)
}

fn down(args: &DownArgs, format: Format) -> Result<ExitCode, CommandError> {
    let labs = chosen(args)?;
    let mut done = Removed { removed: Vec::new(), in_use: Vec::new() };
    for lab in labs {
        match (&lab.state, args.force) {
            (LabState::InUse { .. }, false) if args.all => done.in_use.push(lab.name),
            (_, force) => {
                if force { Lab::down_by_force(&lab.name) } else { Lab::down_by_name(&lab.name) }?;
                done.removed.push(lab.name);
            }
        }
    }
    format.print(&done, || done.describe())?;
    Ok(ExitCode::SUCCESS)
}

fn chosen(args: &DownArgs) -> Result<Vec<LabStatus>, CommandError> {
    if let Some(name) = &args.name {
        return Ok(vec![Lab::status(name)?]);
    }
    let labs = Lab::list()?;
    if args.all || labs.len() <= 1 {
        return Ok(labs);
    }
    let names: Vec<String> = labs.iter().map(|lab| lab.name.to_string()).collect();
    Err(CommandError::new(format!("several labs are up ({}): say which with --name, or --all", names.join(", "))))
}

impl Removed {
    fn describe(&self) -> String {
        let list = |names: &[LabName]| names.iter().map(LabName::as_str).collect::<Vec<_>>().join(", ");
        match (self.removed.as_slice(), self.in_use.as_slice()) {
            ([], []) => "no lab is up".to_owned(),
            (removed, []) => format!("taken down: {}", list(removed)),
            ([], in_use) => format!("left, because living processes own them: {}; --force takes them down too", list(in_use)),
            (removed, in_use) => format!("taken down: {}; left, because living processes own them: {}", list(removed), list(in_use)),
        }
    }
}

fn describe(lab: &LabStatus) -> String {
    let state = match &lab.state {
        LabState::Kept => format!("up, until `sudo linerate lab down --name {}`", lab.name),
        LabState::InUse { process } => format!("up, until process {process} ends"),
        LabState::Broken { reason } => format!("not usable, {reason}; `sudo linerate lab down --name {}` removes it", lab.name),
    };
    let mut text = format!("lab {}: {state}; {} processes inside\n", lab.name, lab.processes);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {:<9} {:<12} {:<10} NAMESPACE", "ENDPOINT", "ADDRESS", "INTERFACE");
    for endpoint in &lab.endpoints {
        let (id, address) = (endpoint.id.to_string(), endpoint.address.to_string());
        let _ = writeln!(text, "  {id:<9} {address:<12} {:<10} {}", endpoint.interface, endpoint.namespace);
    }
    if let Some(first) = lab.endpoints.first() {
        let _ = writeln!(text, "  enter one:        sudo ip netns exec {} bash", first.namespace);
        let _ = write!(text, "  sockets for DPDK: {}", first.socket_dir.display());
    }
    text
}
