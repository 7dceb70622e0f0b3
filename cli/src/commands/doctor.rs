//! `linerate doctor`: checks this machine for settings that distort measurements.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dataplane::Dataplane;
use serde::Serialize;
use testbed::preflight::{self, Check, CheckLevel, Machine, PlannedRun};

use super::{CommandError, Format};

/// Check this machine for settings that distort measurements, and print the command that fixes each
#[derive(Debug, Args)]
#[command(after_long_help = "\
SEVERITIES
  problem   something cannot be measured at all
  warning   results will be lower, or vary more, than they could
  note      useful to know when reading results
  ok        nothing to do

This command changes nothing. The exit code is 1 if there is a problem, and 0
otherwise. `linerate run` stores the same checks in environment.json.

EXAMPLES
  sudo linerate doctor
  sudo linerate doctor --json | jq '.checks[] | select(.severity == \"warning\")'")]
pub struct DoctorArgs {
    /// Where results will be written (its file system is checked)
    #[arg(long, default_value = "runs", value_name = "DIR")]
    out: PathBuf,
    /// Do not print checks that are ok
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Diagnosis {
    /// The highest severity of all checks.
    worst: CheckLevel,
    checks: Vec<Check>,
}

/// Runs the command.
pub fn run(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    let dpdk = Dataplane::version().map(|version| version.running).map_err(|error| error.to_string());
    let planned = PlannedRun { dpdk: Some(dpdk), runs: args.out.clone() };
    let mut checks = preflight::check(&Machine::here(), &planned);
    let worst = checks.iter().map(|check| check.severity).max().unwrap_or(CheckLevel::Ok);
    checks.retain(|check| !args.quiet || check.severity != CheckLevel::Ok);
    let diagnosis = Diagnosis { worst, checks };
    Format::of(args.json).print(&diagnosis, || diagnosis.describe())?;
    Ok(if worst == CheckLevel::Problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Diagnosis {
    /// The most severe checks come last, where a terminal shows them.
    fn describe(&self) -> String {
        let mut sorted: Vec<&Check> = self.checks.iter().collect();
        sorted.sort_by_key(|check| check.severity);
        let mut lines: Vec<String> = sorted.into_iter().map(describe).collect();
        lines.push(self.summary());
        lines.join("\n")
    }

    fn summary(&self) -> String {
        let count = |severity: CheckLevel| self.checks.iter().filter(|check| check.severity == severity).count();
        let (problems, warnings, notes) = (count(CheckLevel::Problem), count(CheckLevel::Warning), count(CheckLevel::Note));
        format!("\nproblems: {problems}, warnings: {warnings}, notes: {notes}")
    }
}

fn describe(check: &Check) -> String {
    let mark = match check.severity {
        CheckLevel::Ok => "ok",
        CheckLevel::Note => "note",
        CheckLevel::Warning => "warning",
        CheckLevel::Problem => "problem",
    };
    let mut text = format!("{mark:<8} {}: {}", check.subject, check.seen);
    if !check.why.is_empty() {
        text.push_str(&format!("\n         {}", check.why));
    }
    if let Some(command) = &check.fix {
        text.push_str(&format!("\n         > {command}"));
    }
    text
}
