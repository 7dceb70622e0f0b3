//! `linerate lab`: creates, lists and removes labs.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};
use reporter::archive::RunDirectory;
use serde::Serialize;
use testbed::lab::{ContainerChoice, GuestPath, Lab, LabError, LabKind, LabName, LabOptions, LabState, LabStatus};
use testbed::topology::Testbed;

use super::{CommandError, Format, interrupt_flag};

/// Create, list and remove labs: endpoints on this machine that stand for two hosts with a BlueField-2 or a container each, or two virtual machines and their host
#[derive(Debug, Args)]
#[command(after_long_help = "\
THE LAB
    a-cpu             a-dpu                         b-dpu             b-cpu
    pf0 --- pf0hpf [eswitch0] p0 ------------ p0 [eswitch0] pf0hpf --- pf0
  198.18.0.1       198.18.0.2                    198.18.0.4        198.18.0.3

  Kernel traffic crosses veth pairs and bridges. DPDK traffic crosses shared
  memory between net_vhost and net_virtio_user ports; their sockets are in the
  lab's directory.
  The lab shows how linerate works. It does not show how fast a BlueField-2 is.

THE LAB OF CONTAINERS (--kind container)
  a-container           a-cpu                         b-cpu         b-container
    eth0 --- veth0 [br0] p0 ------------------- p0 [br0] veth0 --- eth0
  198.18.0.2         198.18.0.1                    198.18.0.3        198.18.0.4

  Two containers, each with its own network, half of the CPUs and a memory limit,
  and two network namespaces that stand for their hosts. Podman makes the
  containers where it can, from the files of this machine, without an image.
  Otherwise they are network namespaces with control groups; --engine chooses.

THE LAB OF VIRTUAL MACHINES (--kind vm)
  a-vm  198.18.0.1  --- [br0] ---  198.18.0.2  b-vm     the kernel's cards
                          |
                       198.18.0.3  host-cpu
  a-vm              --- [br1] ---              b-vm     DPDK's cards, and a port
                                                        of host-cpu

  Two guests of QEMU, with KVM where a guest boots with it, and emulated
  otherwise, and a network namespace that stands for their host. Each guest has a
  virtio-net card for ssh, one for the kernel and one for DPDK, behind taps and
  bridges of a network namespace. Their disk is made once, by mmdebstrap, in
  /var/cache/linerate (or the folder that LINERATE_GUESTS names).
  With --path vhost-user, DPDK's cards are joined by a testpmd that a run starts,
  and not by br1: the guests share their memory with it.

EXAMPLES
  sudo linerate lab up --name try
  sudo ip netns exec lr-try-a-cpu ping 198.18.0.4
  sudo linerate lab down --name try
  sudo linerate lab up --kind container --name boxes
  sudo podman exec linerate-boxes-a-container ping -c 3 198.18.0.4

  sudo linerate lab up --kind vm --name guests
  sudo linerate doctor --kept guests
  sudo linerate run --kept guests --quick

`linerate run` creates its own lab and removes it; you do not need to create one
first. `linerate run --kept NAME` measures in a lab that is up.")]
pub struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Create a lab that stays until `lab down`
    Up {
        /// Name of the lab: lower-case letters, digits and `-` [default: six random hexadecimal digits]
        #[arg(long)]
        name: Option<LabName>,
        #[command(flatten)]
        what: LabChoice,
    },
    /// List the labs, their endpoints and how to run commands in them
    Status {
        /// Only this lab
        #[arg(long)]
        name: Option<LabName>,
    },
    /// Remove labs and end the processes in them
    Down(DownArgs),
}

/// What the endpoints of a new lab are.
#[derive(Debug, Args)]
struct LabChoice {
    /// What the endpoints are: smartnic, container or vm
    #[arg(long, default_value_t, value_name = "KIND")]
    kind: LabKind,
    /// What makes the containers: podman or namespaces [default: podman where it can start a container]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<ContainerChoice>,
    /// What joins the DPDK cards of virtual machines: bridge, or vhost-user through testpmd [default: bridge]
    #[arg(long, value_name = "PATH")]
    path: Option<GuestPath>,
}

#[derive(Debug, Args)]
struct DownArgs {
    /// Which lab; not needed if there is only one
    #[arg(long, conflicts_with = "all")]
    name: Option<LabName>,
    /// All labs, except those that a running process owns
    #[arg(long)]
    all: bool,
    /// Also labs that a running process owns; its measurements then fail
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
    /// Not removed, because a running process owns them.
    in_use: Vec<LabName>,
}

/// Runs the command.
pub fn run(args: &LabArgs) -> Result<ExitCode, CommandError> {
    let format = Format::of(args.json);
    match &args.command {
        LabCommand::Up { name, what } => up(name.clone(), what, format),
        LabCommand::Status { name } => status(name.as_ref(), format),
        LabCommand::Down(args) => down(args, format),
    }
}

fn up(name: Option<LabName>, what: &LabChoice, format: Format) -> Result<ExitCode, CommandError> {
    let interrupted = interrupt_flag()?;
    let options = lab_options(what.kind, what.engine, what.path)?;
    let lab = Lab::up_unless(LabOptions { name, keep: true, ..options }, &interrupted)?;
    say_what_is_missing(&lab);
    let status = Lab::status(lab.name())?;
    format.print(&status, || describe(&status))?;
    Ok(ExitCode::SUCCESS)
}

/// A lab that stays up after the command that made it, and is not measured by the run that owns it.
pub(super) fn kept_lab(name: &LabName) -> Result<Lab, CommandError> {
    match Lab::status(name)?.state {
        LabState::InUse { process } => Err(CommandError::new(format!(
            "lab {name} is being made or measured by process {process}: wait for its end, or make a lab with `linerate lab up`"
        ))),
        LabState::Kept | LabState::Broken { .. } => Ok(Lab::attach(name)?),
    }
}

/// The lab to make where no testbed is given. What was begun is continued in a lab like the one that it began in.
pub(super) fn lab_like(
    began: Option<&Testbed>,
    kind: Option<LabKind>,
    engine: Option<ContainerChoice>,
    path: Option<GuestPath>,
) -> Result<LabOptions, CommandError> {
    let made_by = began.and_then(Testbed::lab_engine);
    if let (Some(made_by), Some(wanted)) = (made_by, engine.filter(|wanted| Some(*wanted) != made_by)) {
        return Err(CommandError::new(format!(
            "the containers of this run were made by {made_by}, and not by {wanted}: leave --engine out"
        )));
    }
    let began_kind = began.and_then(Testbed::lab_kind);
    lab_options(began_kind.or(kind).unwrap_or_default(), engine.or(made_by), began.and_then(Testbed::lab_guest_path).or(path))
}

/// The options that choose this lab in `run` and `tune`; nothing for the usual one.
pub(super) fn chosen_by(lab: &LabOptions) -> String {
    let kind = if lab.kind == LabKind::default() { String::new() } else { format!(" --lab {}", lab.kind) };
    let engine = if lab.containers == ContainerChoice::default() { String::new() } else { format!(" --engine {}", lab.containers) };
    let path = if lab.guest_path == GuestPath::default() { String::new() } else { format!(" --path {}", lab.guest_path.name()) };
    format!("{kind}{engine}{path}")
}

/// The lab of a kind. An engine is for a lab that has containers, and a path for one that has virtual machines.
pub(super) fn lab_options(kind: LabKind, engine: Option<ContainerChoice>, path: Option<GuestPath>) -> Result<LabOptions, CommandError> {
    let refused = |option: &str, what: &str, other: LabKind| {
        Err(CommandError::new(format!(
            "{option} is for a lab with {what}, and the lab of kind {kind} has none: leave it out, or choose a lab of kind {other}"
        )))
    };
    match (kind, engine, path) {
        (LabKind::Smartnic | LabKind::Vm, Some(_), _) => refused("--engine", "containers", LabKind::Container),
        (LabKind::Smartnic | LabKind::Container, _, Some(_)) => refused("--path", "virtual machines", LabKind::Vm),
        _ => Ok(LabOptions { kind, containers: engine.unwrap_or_default(), guest_path: path.unwrap_or_default(), ..LabOptions::default() }),
    }
}

/// Makes the lab of a run or a search and says what it lacks. `None`: the user interrupted it. Without a lab, the directory of a new run is removed.
pub(super) fn lab_of_run(
    options: LabOptions,
    directory: RunDirectory,
    is_new: bool,
    interrupted: &AtomicBool,
) -> Result<Option<(Lab, RunDirectory)>, CommandError> {
    match Lab::up_unless(options, interrupted) {
        Ok(lab) => {
            say_what_is_missing(&lab);
            Ok(Some((lab, directory)))
        }
        Err(error) => {
            if is_new {
                directory.discard();
            }
            if matches!(error, LabError::Interrupted { .. }) { Ok(None) } else { Err(error.into()) }
        }
    }
}

/// Says once that a lab is not what it could be: containers without an engine, emulated guests. The report says it too.
pub(super) fn say_what_is_missing(lab: &Lab) {
    for note in lab.guests().first().map(|guest| guest.machine.notes()).unwrap_or_default() {
        eprintln!("note: {note}");
    }
    if let Some(why) = lab.containers().iter().find_map(|container| container.why_not_podman()) {
        eprintln!("note: the containers are network namespaces with control groups: {why}");
    }
}

fn status(name: Option<&LabName>, format: Format) -> Result<ExitCode, CommandError> {
    let labs = match name {
        Some(name) => vec![Lab::status(name)?],
        None => Lab::list()?,
    };
    let text = |labs: &[LabStatus]| match labs {
        [] => "no lab exists; `sudo linerate lab up` creates one".to_owned(),
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
            (_, force) => match if force { Lab::down_by_force(&lab.name) } else { Lab::down_by_name(&lab.name) } {
                Err(LabError::Used { .. }) if args.all => done.in_use.push(lab.name),
                end => end.map(|()| done.removed.push(lab.name))?,
            },
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
    Err(CommandError::new(format!("there are several labs ({}): choose one with --name, or use --all", names.join(", "))))
}

impl Removed {
    fn describe(&self) -> String {
        let list = |names: &[LabName]| names.iter().map(LabName::as_str).collect::<Vec<_>>().join(", ");
        match (self.removed.as_slice(), self.in_use.as_slice()) {
            ([], []) => "no lab exists".to_owned(),
            (removed, []) => format!("removed: {}", list(removed)),
            ([], in_use) => format!("not removed, because processes use them: {}; --force removes them too", list(in_use)),
            (removed, in_use) => format!("removed: {}; not removed, because processes use them: {}", list(removed), list(in_use)),
        }
    }
}

fn describe(lab: &LabStatus) -> String {
    let state = match &lab.state {
        LabState::Kept => format!("up, until `sudo linerate lab down --name {}`", lab.name),
        LabState::InUse { process } => format!("up, until process {process} ends"),
        LabState::Broken { reason } => format!("unusable: {reason}; `sudo linerate lab down --name {}` removes it", lab.name),
    };
    let mut text = format!("lab {}: {state}; {} processes inside\n", lab.name, lab.processes);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {:<11} {:<12} {:<10} NAMESPACE", "ENDPOINT", "ADDRESS", "INTERFACE");
    for endpoint in &lab.endpoints {
        let (id, address) = (endpoint.id.to_string(), endpoint.address.to_string());
        let _ = writeln!(text, "  {id:<11} {address:<12} {:<10} {}", endpoint.interface, endpoint.namespace);
    }
    for guest in &lab.guests {
        let shell =
            lab.endpoints.iter().find(|endpoint| endpoint.id == guest.endpoint).map(|host| guest.shell_command(&lab.name, &host.namespace));
        let _ = writeln!(text, "  {}: {}", guest.endpoint, guest.machine.describe());
        let _ = writeln!(text, "    open a shell: {}", shell.unwrap_or_default());
        if let Some(socket) = &guest.vhost_user {
            let _ = writeln!(text, "    DPDK's card:  vhost-user, QEMU listens on {}", socket.display());
        }
    }
    for container in &lab.containers {
        let _ = writeln!(text, "  {}: {} ({})", container.endpoint, container.describe(), container.name);
    }
    if let Some(first) = lab.endpoints.first() {
        let _ = writeln!(text, "  open a shell:     sudo ip netns exec {} bash", first.namespace);
        let _ = write!(text, "  sockets for DPDK: {}", first.socket_dir.display());
    }
    text
}
