//! `linerate fleet`: the runs of many testbeds, and which testbed differs.

use std::process::ExitCode;

use clap::Args;
use reporter::fleet::Fleet;
use reporter::render::{fleet_text, render_fleet};
use serde_json::json;

use super::many_runs::ManyRunsArgs;
use super::{CommandError, terminal_width};

/// Show the runs of many testbeds: how results are distributed, which testbed or card differs, and in what its environment differs
#[derive(Debug, Args)]
#[command(after_long_help = "\
DIRECTORIES
  DIR holds a folder for each testbed with its runs, or the runs themselves. A testbed is named by its folder, or by the
  name in testbed.toml, or by its run. Several runs of a testbed count together. A directory that is not a run is named and
  skipped, and so is a testbed without a valid result.

THE TEST
  Results are grouped by the kinds of their ends (cpu→dpu), stack, method, size, load and configuration. Each pair of each
  testbed is compared with the spread of the others with Student's t of logarithms, after the most extreme were set aside
  (Rosner 1983); with fewer than five values or three testbeds, against the noise within runs. p is corrected for the number of values
  (Benjamini-Hochberg, 5 %). Where the results that differ all cross one endpoint or system, and the others do not, it is
  named. Facts of the environment that differ from most testbeds are listed with it.

EXAMPLES
  linerate fleet racks/
  linerate fleet racks/ --out fleet
  linerate fleet racks/ --json | jq '.fleet.odd[] | {testbed, differing, place}'")]
pub struct FleetArgs {
    #[command(flatten)]
    runs: ManyRunsArgs,
}

/// Runs the command.
pub fn run(args: &FleetArgs) -> Result<ExitCode, CommandError> {
    let fleet = Fleet::of(&args.runs.read()?);
    let files = args.runs.write(|name, into| render_fleet(&fleet, name, into))?;
    let json = json!({ "fleet": fleet, "headline": fleet.headline(), "findings": fleet.findings(), "files": files });
    args.runs.print(&json, || fleet_text(&fleet, terminal_width(), args.runs.all), &files);
    Ok(ExitCode::SUCCESS)
}
