//! `linerate history`: what changed over many runs of one testbed.

use std::process::ExitCode;

use clap::Args;
use reporter::history::History;
use reporter::render::{history_text, render_history};
use serde_json::json;

use super::many_runs::ManyRunsArgs;
use super::{CommandError, terminal_width};

/// Show the runs of a testbed over time: what changed, when, by how much, and what else changed then
#[derive(Debug, Args)]
#[command(after_long_help = "\
WHAT IT SHOWS
  Each result is a series of one value a run. A series is split into levels where it steps; a drift within the levels and
  runs that stand out are named. Steps of several results at one run are one change. Facts of the environment (kernel,
  firmware, offloads, plan, testbed, tools …) that changed at that run are listed with it.

THE TEST
  A step is tested with Student's t of logarithms against the chance that the best place in a flat series looks as good,
  a drift with the t-test of its slope. The results of a run are many, so p is corrected (Benjamini-Hochberg, 5 %). A
  level has at least three runs: one or two bad nights are not a step. A step of three standard deviations of the noise is
  found, and placed within one run, in 95 of 100 series of thirty runs or more. Noise is taken to be independent from
  run to run.

DIRECTORIES
  Each DIR is a run, or holds runs, also one folder deeper. A directory that is not a run, or cannot be read, is named and skipped.

EXAMPLES
  linerate history runs/
  linerate history runs/ --out history
  linerate history runs/nightly-* --json | jq '.history.events[] | {run, worse, worse_by, environment}'")]
pub struct HistoryArgs {
    #[command(flatten)]
    runs: ManyRunsArgs,
}

/// Runs the command.
pub fn run(args: &HistoryArgs) -> Result<ExitCode, CommandError> {
    let history = History::of(&args.runs.read()?);
    let files = args.runs.write(|name, into| render_history(&history, name, into))?;
    let json = json!({ "history": history, "headline": history.headline(), "findings": history.findings(), "files": files });
    args.runs.print(&json, || history_text(&history, terminal_width(), args.runs.all), &files);
    Ok(ExitCode::SUCCESS)
}
