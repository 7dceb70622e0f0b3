//! `linerate ports`: the ports of this machine and their devargs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reporter::record::EndpointId;
use serde::Serialize;
use serde_json::Value;
use testbed::inventory::{Interface, Inventory, PciPort, Readiness, Subfunction};
use testbed::process::{self, CommandSpec};
use testbed::topology::{Endpoint, Testbed};

use super::{CommandError, Format, endpoints};

/// List the ports of this machine, or of the endpoints of a testbed, with the devargs that `--port` accepts
#[derive(Debug, Args)]
#[command(after_long_help = "\
DEVARGS
  DPDK's name for a port, with options after commas. `linerate send --port
  DEVARGS` accepts them as they are listed here. On a BlueField in DPU mode:
    0000:03:00.0                      the uplink p0 (the wire)
    0000:03:00.0,representor=vf65535  and pf0hpf: traffic from the host arrives
                                      here
    0000:03:00.0,representor=vf0      and the representor of the host's VF 0
    auxiliary:mlx5_core.sf.4          a subfunction: an ordinary port behind the
                                      e-switch's rules
  Traffic of a representor takes the e-switch's slow path, traffic of a
  subfunction the fast path. The two are different measurements.

This command opens, binds and changes nothing. Without root it may list less.

With --testbed, it lists the ports of every endpoint of the file, and suggests
lines for the keys that an endpoint does not have.

EXAMPLES
  sudo linerate ports
  linerate ports --testbed testbed.toml")]
pub struct PortsArgs {
    /// Testbed file: list the ports of its endpoints instead of this machine's
    #[arg(long, value_name = "FILE")]
    testbed: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &PortsArgs) -> Result<ExitCode, CommandError> {
    if let Some(file) = &args.testbed {
        return of_testbed(file, args.json);
    }
    let inventory = Inventory::read(Path::new("/"));
    Format::of(args.json).print(&inventory, || describe(&inventory))?;
    Ok(ExitCode::SUCCESS)
}

/// How long an endpoint may take to list its ports.
const LIMIT: Duration = Duration::from_secs(30);

/// What `--json` prints with `--testbed`.
#[derive(Serialize)]
struct EndpointPorts {
    endpoint: EndpointId,
    /// What `ports --json` prints there.
    inventory: Option<Value>,
    error: Option<String>,
    /// Keys that the endpoint does not have in the file.
    draft: Vec<String>,
}

fn of_testbed(file: &Path, json: bool) -> Result<ExitCode, CommandError> {
    let testbed = Testbed::read(file)?;
    let asked = endpoints::at_each(&testbed, ask);
    let listed: Vec<EndpointPorts> = asked.into_iter().map(|(endpoint, answer)| ports_of(endpoint, answer)).collect();
    let complete = listed.iter().all(|endpoint| endpoint.error.is_none());
    Format::of(json).print(&listed, || listed.iter().map(describe_endpoint).collect::<Vec<_>>().join("\n"))?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs this command at an endpoint.
fn ask(endpoint: &Endpoint) -> Result<Value, String> {
    let command = [endpoint.program.display().to_string(), "ports".to_owned(), "--json".to_owned()];
    let output =
        process::run(&CommandSpec::new(endpoint.location.clone(), command).with_timeout(LIMIT)).map_err(|error| error.to_string())?;
    if !output.success() {
        return Err(format!("`{} ports` {}", endpoint.program.display(), output.ending()));
    }
    let text = output.stdout_text();
    // A login may print before it.
    serde_json::from_str(text.lines().last().unwrap_or_default()).map_err(|_| "its answer is not that of linerate".to_owned())
}

fn ports_of(endpoint: &Endpoint, answer: Result<Value, String>) -> EndpointPorts {
    let (inventory, error) = match answer {
        Ok(inventory) => (Some(inventory), None),
        Err(error) => (None, Some(error)),
    };
    let draft = inventory.as_ref().map(|inventory| draft(endpoint, inventory)).unwrap_or_default();
    EndpointPorts { endpoint: endpoint.id.clone(), inventory, error, draft }
}

/// A line for each key that the endpoint does not have: what can be used, the others as comments.
fn draft(endpoint: &Endpoint, inventory: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let none = Vec::new();
    let ports = inventory["pci"].as_array().unwrap_or(&none);
    let in_use = |port: &&Value| port["readiness"]["kind"] == "in-use";
    if endpoint.port.is_none() {
        let subfunctions = inventory["subfunctions"].as_array().unwrap_or(&none);
        let usable = ports.iter().filter(|port| !in_use(port)).chain(subfunctions).filter_map(|port| port["devargs"].as_str());
        lines.extend(usable.map(|devargs| format!("port = {devargs:?}")));
    }
    if endpoint.kernel.is_none() {
        let interfaces = ports.iter().filter(|port| !in_use(port)).flat_map(|port| port["interfaces"].as_array().unwrap_or(&none));
        let names = interfaces.filter_map(|interface| interface["name"].as_str());
        lines.extend(names.map(|name| format!("interface = {name:?}  # and its `address`: `ip -br address show {name}`")));
    }
    lines
}

fn describe_endpoint(listed: &EndpointPorts) -> String {
    let mut text = format!("{}\n", listed.endpoint);
    if let Some(error) = &listed.error {
        let _ = writeln!(text, "  {error}");
    }
    let none = Vec::new();
    let of = |key: &str| listed.inventory.as_ref().and_then(|inventory| inventory[key].as_array()).unwrap_or(&none);
    for port in of("pci").iter().chain(of("subfunctions")) {
        let word = |key: &str| port[key].as_str().unwrap_or("-");
        let names = port["interfaces"].as_array().into_iter().flatten();
        let names: Vec<&str> = names.filter_map(|interface| interface.as_str().or_else(|| interface["name"].as_str())).collect();
        let _ = writeln!(text, "  {:<42} {}, driver {}, interface {}", word("devargs"), word("model"), word("driver"), names.join(" "));
        if let Some(command) = port["readiness"]["command"].as_str() {
            let _ = writeln!(text, "      to use it, first run: {command}");
        }
        if port["readiness"]["kind"] == "in-use" {
            let _ = writeln!(text, "      do not use it: it carries the default route of that machine");
        }
    }
    if !listed.draft.is_empty() {
        let _ = writeln!(text, "  the endpoint has no such key in the file; choose from these lines:");
        listed.draft.iter().for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
    }
    text
}

/// Writing to a String cannot fail, so the results of `write!` are ignored in this file.
fn describe(inventory: &Inventory) -> String {
    let mut text = String::new();
    if let Some(view) = &inventory.bluefield {
        let _ = writeln!(text, "BLUEFIELD\n  {view}\n");
    }
    text.push_str("NETWORK FUNCTIONS ON PCI\n");
    if inventory.pci.is_empty() {
        text.push_str("  none\n");
    }
    inventory.pci.iter().for_each(|port| describe_pci(port, &mut text));
    if !inventory.subfunctions.is_empty() {
        text.push_str("\nSUBFUNCTIONS\n");
        inventory.subfunctions.iter().for_each(|subfunction| describe_subfunction(subfunction, &mut text));
    }
    text.push_str("\nSOFTWARE PORTS, ON ANY MACHINE\n");
    for port in inventory.software {
        let _ = writeln!(text, "  {:<42} {}", port.devargs, port.purpose);
    }
    text.trim_end().to_owned()
}

fn describe_pci(port: &PciPort, text: &mut String) {
    let model = port.model.as_deref().unwrap_or("unknown model");
    let driver = port.driver.as_deref().unwrap_or("none");
    let _ = write!(text, "  {:<42} {model} [{}], driver {driver}", port.devargs, port.id);
    if let Some(node) = port.numa_node {
        let _ = write!(text, ", NUMA node {node}");
    }
    let own = port.interfaces.iter().filter(|interface| port.representors.iter().all(|known| known.interface.name != interface.name));
    for interface in own {
        let _ = write!(text, ", {}", describe_interface(interface));
    }
    text.push('\n');
    if let Some(link) = port.pcie.as_ref().filter(|link| link.is_reduced()) {
        let _ = writeln!(
            text,
            "      the PCIe link runs at {} x{}; the device supports {} x{}",
            link.speed, link.width, link.max_speed, link.max_width
        );
    }
    match &port.readiness {
        Readiness::Ready => {}
        Readiness::Bind { command } => {
            let _ = writeln!(text, "      to use it, first run: {command}");
        }
        Readiness::InUse { interface } => {
            let _ = writeln!(text, "      do not use it: {interface} carries the default route of this machine");
        }
    }
    for representor in &port.representors {
        let _ = writeln!(text, "    {:<40} {}, {}", representor.devargs, representor.name, describe_interface(&representor.interface));
    }
}

fn describe_interface(interface: &Interface) -> String {
    match interface.speed {
        Some(speed) => format!("interface {} at {speed}", interface.name),
        None => format!("interface {}", interface.name),
    }
}

fn describe_subfunction(subfunction: &Subfunction, text: &mut String) {
    let _ = write!(text, "  {:<42} subfunction", subfunction.devargs);
    if let Some(number) = subfunction.number {
        let _ = write!(text, " {number}");
    }
    if let Some(parent) = &subfunction.parent {
        let _ = write!(text, " of {parent}");
    }
    if !subfunction.interfaces.is_empty() {
        let _ = write!(text, ", interface {}", subfunction.interfaces.join(", "));
    }
    text.push('\n');
}
