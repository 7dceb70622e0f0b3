//! `linerate testbed from-inventory`: the testbeds of an Ansible inventory as `testbed.toml` files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::testbed::topology::{InventoryTestbed, testbeds_of_inventory};
use clap::Args;
use serde::Serialize;

use crate::commands::{CommandError, Format};

/// Write one testbed file for each testbed group of an Ansible inventory
#[derive(Debug, Args)]
#[command(after_long_help = "\
INVENTORY
  Each child group of the group `testbeds` is a testbed; each host in it is an
  endpoint. These host variables become keys of the testbed file:
    linerate_address, linerate_interface, linerate_port, linerate_cpu,
    linerate_link, linerate_program, linerate_promiscuous,
    linerate_rx_descriptors, linerate_tx_descriptors
  linerate_id names the endpoint; without it, the inventory's name does.
  linerate_prefix makes the program PREFIX/bin/linerate. linerate_reach is how
  the controller reaches the endpoint; without it, the variables with which
  Ansible connects are used. linerate_emulated: true marks a testbed that stands
  for hardware that is not present. All other variables are ignored.

EXAMPLES
  ansible-inventory -i hosts.yml --list | linerate testbed from-inventory - --out testbeds
  linerate run --testbed testbeds/rack1.toml")]
pub struct FromInventoryArgs {
    /// The output of `ansible-inventory --list`; - is standard input
    #[arg(default_value = "-", value_name = "FILE")]
    inventory: PathBuf,
    /// Where the files go: DIR/GROUP.toml
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The group whose child groups are testbeds
    #[arg(long, default_value = "testbeds", value_name = "GROUP")]
    group: String,
    /// Print what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Outcome {
    testbeds: Vec<Written>,
}

#[derive(Serialize)]
struct Written {
    #[serde(flatten)]
    testbed: InventoryTestbed,
    file: PathBuf,
    /// The file had other contents, or did not exist.
    changed: bool,
}

/// Runs the command.
pub fn run(args: &FromInventoryArgs) -> Result<ExitCode, CommandError> {
    let text = read(&args.inventory)?;
    let testbeds = testbeds_of_inventory(&text, &args.group)?;
    let mut outcome = Outcome { testbeds: Vec::new() };
    for testbed in testbeds {
        let file = args.out.join(format!("{}.toml", testbed.name));
        let changed = fs::read_to_string(&file).map_or(true, |before| before != testbed.text);
        if changed && !args.dry_run {
            write(&args.out, &file, &testbed.text)?;
        }
        outcome.testbeds.push(Written { testbed, file, changed });
    }
    Format::of(args.json).print(&outcome, || outcome.describe(args.dry_run))?;
    Ok(ExitCode::SUCCESS)
}

fn read(inventory: &Path) -> Result<String, CommandError> {
    if inventory.as_os_str() == "-" {
        return io::read_to_string(io::stdin().lock())
            .map_err(|error| CommandError::new(format!("the inventory on standard input: {error}")));
    }
    fs::read_to_string(inventory)
        .map_err(|error| CommandError::new(format!("{}: the inventory could not be read: {error}", inventory.display())))
}

/// Writes beside and renames: a run that starts now reads the old file or the new one.
fn write(folder: &Path, file: &Path, text: &str) -> Result<(), CommandError> {
    let beside = file.with_extension("toml.part");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&beside, text))
        .and_then(|()| fs::rename(&beside, file))
        .map_err(|error| CommandError::new(format!("{}: could not be written: {error}", file.display())))
}

impl Outcome {
    fn describe(&self, dry_run: bool) -> String {
        let mut lines = Vec::new();
        for Written { testbed, file, changed } in &self.testbeds {
            let what = match (changed, dry_run) {
                (false, _) => "unchanged",
                (true, false) => "written",
                (true, true) => "would be written",
            };
            lines.push(format!("{}: {what}: {}", file.display(), testbed.hosts.join(", ")));
            lines.extend(testbed.notes.iter().map(|note| format!("  note: {note}")));
        }
        lines.join("\n")
    }
}
