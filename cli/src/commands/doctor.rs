//! `linerate doctor`: checks this machine for settings that distort measurements.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dataplane::Dataplane;
use serde::Serialize;
use testbed::conductor::{EndpointAgents, PlaceChecks, check_testbed};
use testbed::lab::LabName;
use testbed::plan::Plan;
use testbed::preflight::{self, Check, CheckLevel, Machine, PlannedRun};
use testbed::topology::Testbed;

use super::lab::kept_lab;
use super::{CommandError, Format};

/// Check this machine, or the endpoints of a testbed, for settings that distort measurements, and print the command that fixes each
#[derive(Debug, Args)]
#[command(after_long_help = "\
SEVERITIES
  problem   something cannot be measured at all
  warning   results will be lower, or vary more, than they could
  note      useful to know when reading results
  ok        nothing to do

This command changes nothing. The exit code is 1 if there is a problem, and 0
otherwise. `linerate run` stores the same checks in environment.json.

With --testbed or --kept, every endpoint of the file or the lab is checked, at the same time, and
whether the endpoints reach each other as the file says: addresses and
interfaces, ports, links and their speeds, clocks, and the ports of the tools
(15201 to 15203).

EXAMPLES
  sudo linerate doctor
  linerate doctor --testbed testbed.toml --plan plan.toml
  sudo linerate doctor --json | jq '.checks[] | select(.severity == \"warning\")'")]
pub struct DoctorArgs {
    /// Where results will be written (its file system is checked)
    #[arg(long, default_value = "runs", value_name = "DIR")]
    out: PathBuf,
    /// Testbed file: check its endpoints instead of this machine
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    testbed: Option<PathBuf>,
    /// Check the endpoints of this lab, which `linerate lab up --name` made
    #[arg(long, value_name = "NAME", conflicts_with_all = ["out", "testbed"])]
    kept: Option<LabName>,
    /// Plan file: check only what this plan needs
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    plan: Option<PathBuf>,
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
    match (&args.testbed, &args.kept) {
        (Some(file), _) => check_endpoints(args, &Testbed::read(file)?),
        (None, Some(name)) => {
            let lab = kept_lab(name)?;
            check_endpoints(args, &Testbed::of_lab(&lab, &std::env::current_exe()?))
        }
        (None, None) if args.plan.is_some() => {
            Err(CommandError::new("--plan is for the endpoints of --testbed or --kept: add one of them"))
        }
        (None, None) => check_here(args),
    }
}

/// What `--json` prints with `--testbed`.
#[derive(Serialize)]
struct TestbedDiagnosis {
    /// The highest severity of all checks.
    worst: CheckLevel,
    /// Endpoints, then pairs.
    places: Vec<PlaceChecks>,
}

fn check_endpoints(args: &DoctorArgs, testbed: &Testbed) -> Result<ExitCode, CommandError> {
    let interrupted = super::interrupt_flag()?;
    let plan = args.plan.as_deref().map(Plan::read).transpose()?;
    let (mut agents, unreachable) = EndpointAgents::start(testbed, &interrupted);
    let mut places = check_testbed(testbed, plan.as_ref(), &mut agents, &unreachable, &interrupted);
    agents.end();
    let worst = worst(places.iter().flat_map(|place| &place.checks));
    for place in &mut places {
        place.checks.retain(|check| !args.quiet || check.severity != CheckLevel::Ok);
    }
    places.retain(|place| !place.checks.is_empty());
    let diagnosis = TestbedDiagnosis { worst, places };
    Format::of(args.json).print(&diagnosis, || {
        let describe = |place: &PlaceChecks| format!("{}\n{}\n", place.place, lines(&place.checks).join("\n"));
        let mut text: Vec<String> = diagnosis.places.iter().map(describe).collect();
        text.push(summary(diagnosis.places.iter().flat_map(|place| &place.checks)));
        text.join("\n")
    })?;
    Ok(exit_code(worst))
}

fn check_here(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    let dpdk = Dataplane::version().map(|version| version.running).map_err(|error| error.to_string());
    let planned = PlannedRun { dpdk: Some(dpdk), runs: args.out.clone(), ..PlannedRun::default() };
    let mut checks = preflight::check(&Machine::here(), &planned);
    let worst = worst(&checks);
    checks.retain(|check| !args.quiet || check.severity != CheckLevel::Ok);
    let diagnosis = Diagnosis { worst, checks };
    Format::of(args.json).print(&diagnosis, || diagnosis.describe())?;
    Ok(exit_code(worst))
}

impl Diagnosis {
    fn describe(&self) -> String {
        let mut lines = lines(&self.checks);
        lines.push(format!("\n{}", summary(&self.checks)));
        lines.join("\n")
    }
}

/// The highest severity.
fn worst<'a>(checks: impl IntoIterator<Item = &'a Check>) -> CheckLevel {
    checks.into_iter().map(|check| check.severity).max().unwrap_or(CheckLevel::Ok)
}

fn exit_code(worst: CheckLevel) -> ExitCode {
    if worst == CheckLevel::Problem { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The most severe checks come last, where a terminal shows them.
fn lines(checks: &[Check]) -> Vec<String> {
    let mut sorted: Vec<&Check> = checks.iter().collect();
    sorted.sort_by_key(|check| check.severity);
    sorted.into_iter().map(describe_check).collect()
}

/// A check as text: the level, what was seen, why it matters, and the command that fixes it.
fn describe_check(check: &Check) -> String {
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

fn summary<'a>(checks: impl IntoIterator<Item = &'a Check>) -> String {
    let levels: Vec<CheckLevel> = checks.into_iter().map(|check| check.severity).collect();
    let count = |severity: CheckLevel| levels.iter().filter(|level| **level == severity).count();
    let (problems, warnings, notes) = (count(CheckLevel::Problem), count(CheckLevel::Warning), count(CheckLevel::Note));
    format!("problems: {problems}, warnings: {warnings}, notes: {notes}")
}
