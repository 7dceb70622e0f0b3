//! `linerate ports`: the ports of this machine and their devargs.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use testbed::inventory::{Interface, Inventory, PciPort, Readiness, Subfunction};

use super::{CommandError, Format};

/// List the ports of this machine with the devargs that `--port` accepts
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

This command opens, binds and changes nothing. Without root it may list less.")]
pub struct PortsArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &PortsArgs) -> Result<ExitCode, CommandError> {
    let inventory = Inventory::read(Path::new("/"));
    Format::of(args.json).print(&inventory, || describe(&inventory))?;
    Ok(ExitCode::SUCCESS)
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
