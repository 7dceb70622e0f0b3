//! `linerate run`: measures all pairs of a testbed and writes the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use dataplane::{DataplaneError, PortSpec};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reporter::archive::{Archive, RunDirectory};
use reporter::environment::Environment;
use reporter::record::{Record, State};
use serde::Serialize;
use testbed::agent::AgentError;
use testbed::conductor::{
    AGENT_CHECK, Claims, ConductError, Conductor, Done, EndpointAgents, Observer, PlaceChecks, RunEnd, StepInfo, check_interface_ports,
    check_testbed, describe,
};
use testbed::lab::{Lab, LabOptions};
use testbed::plan::{BuiltInPlan, Plan};
use testbed::preflight::CheckLevel;
use testbed::topology::{Testbed, measured_difference};

use super::{CommandError, Format, endpoints, foreign, run_directory, terminal_width};
use crate::output::printable;

/// Measure every pair of endpoints with DPDK and with the kernel, and write one report
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  Every pair of the built-in lab at seven frame sizes, under 3 minutes:
    linerate run
  Three frame sizes, under a minute:
    linerate run --quick
  One-second trials, three repetitions, under 20 minutes:
    linerate run --full
  Your own plan and testbed (keys: docs/plan.md and docs/testbed.md):
    linerate run --plan plan.toml --testbed testbed.toml
  Every combination of burst size and number of flows:
    linerate run --plan docs/plans/tune.toml
  Continue an interrupted run:
    linerate run --resume runs/20261122-103000-standard

THE LAB
  Without --testbed, linerate creates the lab: four endpoints on this machine,
  each in a network namespace, connected like two servers with a BlueField-2
  each. Kernel traffic (iperf3, qperf) crosses veth pairs and bridges; DPDK
  traffic crosses shared memory between two processes. The lab needs root. It is
  removed at the end, also after Ctrl-C.

INTERRUPTED RUNS
  Each record is written as soon as its measurement ends. After Ctrl-C all
  records are kept and the report is written; --resume continues the run.

EXIT CODES
  0    the plan was executed; the report names measurements that are invalid or
       failed
  1    an error, or all measurements failed
  130  interrupted")]
pub struct RunArgs {
    /// Three frame sizes, short trials: under a minute
    #[arg(long, conflicts_with_all = ["full", "plan"])]
    quick: bool,
    /// One-second trials, three repetitions
    #[arg(long, conflicts_with = "plan")]
    full: bool,
    /// Plan file: what to measure, instead of the built-in plan
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Testbed file: where to measure, instead of the built-in lab
    #[arg(long, value_name = "FILE")]
    testbed: Option<PathBuf>,
    /// Run directory [default: runs/TIME-PLAN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue an interrupted run with its own plan
    #[arg(long, value_name = "DIR", conflicts_with_all = ["quick", "full", "plan", "out"])]
    resume: Option<PathBuf>,
    /// Measure although a check found a problem; with a port, measure on this port although it carries the default route or the ssh session of its
    /// machine
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "")]
    force: Vec<Force>,
    /// Print what would be measured, and stop
    #[arg(long)]
    dry_run: bool,
    /// Print the outcome as one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// What `--force` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Force {
    /// Problems that the checks of the testbed found.
    Problems,
    /// A port that carries traffic which must not stop.
    Port(PortSpec),
}

impl FromStr for Force {
    type Err = DataplaneError;

    fn from_str(text: &str) -> Result<Self, DataplaneError> {
        if text.is_empty() { Ok(Force::Problems) } else { text.parse().map(Force::Port) }
    }
}

impl RunArgs {
    fn forced_ports(&self) -> Vec<PortSpec> {
        let ports = self.force.iter().filter_map(|force| match force {
            Force::Port(port) => Some(port.clone()),
            Force::Problems => None,
        });
        ports.collect()
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    directory: PathBuf,
    report: Option<PathBuf>,
    complete: bool,
    records: usize,
    valid: usize,
    invalid: usize,
    failed: usize,
    measured_s: f64,
}

/// Runs the command.
pub fn run(args: &RunArgs) -> Result<ExitCode, CommandError> {
    let interrupted = super::interrupt_flag()?;
    if let Some(directory) = &args.resume {
        foreign::ask_before_executing(directory)?;
    }
    // Plan, testbed, endpoints, run directory and lab are checked before anything is measured.
    let plan = plan(args)?;
    let given = given_testbed(args)?;
    let program = std::env::current_exe()?;
    let planned = given.clone().unwrap_or_else(|| Testbed::of_planned_lab(&program));
    let measurements = testbed::conductor::count(&plan, &planned)?;
    if args.dry_run {
        return dry_run(args, &plan, given.as_ref(), measurements);
    }
    match given {
        Some(testbed) => on_endpoints(args, &plan, &testbed, &interrupted),
        None => in_the_lab(args, &plan, &program, &interrupted),
    }
}

/// A run on the endpoints of a file. Nothing is measured before each of them is ready.
fn on_endpoints(args: &RunArgs, plan: &Plan, testbed: &Testbed, interrupted: &AtomicBool) -> Result<ExitCode, CommandError> {
    let started = endpoints::agents(testbed, interrupted);
    // The interfaces of a testbed can be asked for by two runs at once. Where that is refused, nothing is written.
    let (agents, claims) = match started {
        Ok(None) => return Ok(ended_early()),
        Ok(Some(mut agents)) => {
            let claims = Claims::of(plan, testbed, &mut agents, interrupted)?;
            (Ok(agents), claims)
        }
        Err(error) => (Err(error), Claims::default()),
    };
    let (mut directory, records, lock) = run_directory::open(args.resume.as_deref(), args.out.as_deref(), &plan.name)?;
    let done = Done::of(&records);
    directory.write_plan(&plan.source)?;
    directory.write_testbed(&testbed.source)?;
    let ready = agents.and_then(|mut agents| Ok((describe_ready(args, plan, testbed, &mut agents, interrupted)?, agents)));
    let (environment, mut agents) = ready.map_err(|error| nothing_measured(&error, &directory))?;
    agents.end_local(testbed);
    let started = Instant::now();
    let end = match environment {
        Some(environment) => {
            directory.write_environment(&environment)?;
            measure(plan, testbed, &mut agents, &mut directory, interrupted, &done, args.json)
        }
        None => Ok(RunEnd::Interrupted),
    };
    agents.end();
    drop((claims, lock));
    finish(args, directory, end, started.elapsed(), Ok(()))
}

/// What each endpoint is, after the checks of the testbed. `None`: the user ended it.
fn describe_ready(
    args: &RunArgs,
    plan: &Plan,
    testbed: &Testbed,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<Option<Environment>, CommandError> {
    let places = check_testbed(testbed, Some(plan), agents, &[], interrupted);
    if interrupted.load(Ordering::Relaxed) {
        return Ok(None);
    }
    // An agent that gave no sensible answer is not asked again.
    let unanswered = |place: &PlaceChecks| place.problems().any(|check| check.subject == AGENT_CHECK);
    if places.iter().any(unanswered) {
        stop_for_problems(&places, false)?;
    }
    let described = check_interface_ports(plan, testbed, &args.forced_ports(), agents, interrupted)
        .and_then(|()| describe(testbed, &args.forced_ports(), agents, interrupted));
    match described {
        Err(AgentError::Interrupted { .. }) => Ok(None),
        // Before the problems: it names the port that would cut a machine off.
        Err(error) => Err(error.into()),
        Ok(environment) => {
            stop_for_problems(&places, args.force.contains(&Force::Problems))?;
            Ok(Some(environment))
        }
    }
}

/// A run in the lab, which belongs to it alone.
fn in_the_lab(args: &RunArgs, plan: &Plan, program: &Path, interrupted: &AtomicBool) -> Result<ExitCode, CommandError> {
    // The lab needs root. Without it this fails, before the run directory is created.
    Lab::sweep_dead()?;
    let (mut directory, records, lock) = run_directory::open(args.resume.as_deref(), args.out.as_deref(), &plan.name)?;
    let done = Done::of(&records);
    let lab = Lab::up(LabOptions::default())?;
    let testbed = Testbed::of_lab(&lab, program);
    directory.write_plan(&plan.source)?;
    directory.write_testbed(&testbed.source)?;
    let described = match endpoints::agents(&testbed, interrupted) {
        Ok(Some(mut agents)) => match describe(&testbed, &args.forced_ports(), &mut agents, interrupted) {
            Ok(environment) => {
                agents.end_local(&testbed);
                Ok(Some((environment, agents)))
            }
            // Ctrl-C has the same effect before the first measurement as during one.
            Err(AgentError::Interrupted { .. }) => Ok(None),
            Err(error) => Err(CommandError::from(error)),
        },
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let described = described.map_err(|error| nothing_measured(&error, &directory))?;
    let started = Instant::now();
    let end = match described {
        Some((environment, mut agents)) => {
            directory.write_environment(&environment)?;
            measure(plan, &testbed, &mut agents, &mut directory, interrupted, &done, args.json)
        }
        None => Ok(RunEnd::Interrupted),
    };
    let measured = started.elapsed();
    // The lab is removed before anything else can fail.
    let lab_gone = lab.down().map_err(CommandError::from);
    drop(lock);
    finish(args, directory, end, measured, lab_gone)
}

/// Writes the report of what was measured, however the run ended.
fn finish(
    args: &RunArgs,
    directory: RunDirectory,
    end: Result<RunEnd, ConductError>,
    measured: Duration,
    removed: Result<(), CommandError>,
) -> Result<ExitCode, CommandError> {
    let records_kept = directory.path().to_owned();
    directory.sync()?;
    let archive = Archive::read_for_reports(&records_kept)?;
    let rendered = reporter::render::render_run(&archive, &records_kept);
    foreign::give_back(&records_kept);
    print(args, &archive, rendered.is_ok(), &end, measured)?;
    let resume = format!("continue with `linerate run --resume {}`", records_kept.display());
    let end = end.map_err(|error| CommandError::new(format!("{}; every finished record is kept: {resume}", CommandError::from(error))))?;
    rendered?;
    removed?;
    let any = |states: &[State]| archive.records.iter().any(|record| states.contains(&record.verdict.state));
    let measured = any(&[State::Valid, State::Invalid]);
    if measured && !any(&[State::Valid]) {
        eprintln!("warning: no record is valid, so the run has no result: the report gives the reason of each");
    }
    Ok(match end {
        RunEnd::Complete if measured => ExitCode::SUCCESS,
        RunEnd::Complete => ExitCode::FAILURE,
        RunEnd::Interrupted => {
            eprintln!("linerate: interrupted: {resume}");
            ExitCode::from(130)
        }
    })
}

/// The user ended the run before its directory was made.
fn ended_early() -> ExitCode {
    eprintln!("linerate: interrupted before the first measurement; nothing was written");
    ExitCode::from(130)
}

/// The error of a run that stops before its first measurement. The run directory notes it too.
fn nothing_measured(error: &CommandError, directory: &RunDirectory) -> CommandError {
    if let Err(unwritten) = directory.write_stopped(&error.to_string()) {
        return CommandError::new(format!("{error}; {}", CommandError::from(unwritten)));
    }
    let resume = format!("fix this, then start with `linerate run --resume {}`", directory.path().display());
    CommandError::new(format!("{error}; nothing was measured: {resume} (and --testbed FILE if the testbed file was wrong)"))
}

/// Prints the warnings of a testbed. A problem stops the run, unless the user forces it.
fn stop_for_problems(places: &[PlaceChecks], forced: bool) -> Result<(), CommandError> {
    for place in places {
        for check in place.checks.iter().filter(|check| check.severity == CheckLevel::Warning) {
            eprintln!("warning: {}", endpoints::in_one_line(&place.place, check));
        }
    }
    let problems: Vec<String> =
        places.iter().flat_map(|place| place.problems().map(|check| endpoints::in_one_line(&place.place, check))).collect();
    if problems.is_empty() {
        return Ok(());
    }
    if forced {
        problems.iter().for_each(|problem| eprintln!("problem: {problem}"));
        return Ok(());
    }
    Err(CommandError::new(format!("{} (--force measures anyway)", problems.join("\nlinerate: "))))
}

fn plan(args: &RunArgs) -> Result<Plan, CommandError> {
    if let Some(directory) = &args.resume {
        let path = directory.join(reporter::archive::PLAN_FILE);
        return Ok(Plan::read(&path)?);
    }
    Ok(match &args.plan {
        Some(path) => Plan::read(path)?,
        None if args.quick => Plan::built_in(BuiltInPlan::Quick)?,
        None if args.full => Plan::built_in(BuiltInPlan::Full)?,
        None => Plan::built_in(BuiltInPlan::Standard)?,
    })
}

/// The testbed of `--testbed`; for a resumed run, the testbed that it started on. `--testbed` may then only correct how its endpoints are reached.
/// `None` is the built-in lab.
fn given_testbed(args: &RunArgs) -> Result<Option<Testbed>, CommandError> {
    let named = args.testbed.as_deref().map(Testbed::read).transpose()?;
    let Some(directory) = &args.resume else { return Ok(named) };
    let kept = Testbed::read(&directory.join(reporter::archive::TESTBED_FILE))?;
    let Some(named) = named else { return Ok((!kept.is_the_lab()).then_some(kept)) };
    let has_records = !Archive::read(directory)?.records.is_empty();
    match measured_difference(&kept, &named).filter(|_| has_records) {
        Some(difference) => Err(CommandError::new(format!(
            "{}: the run started on another testbed (`{}`): {difference}; a run has one testbed: leave out --testbed to continue it, or start a new run",
            directory.display(),
            kept.name
        ))),
        None => Ok((!named.is_the_lab()).then_some(named)),
    }
}

fn measure(
    plan: &Plan,
    testbed: &Testbed,
    agents: &mut EndpointAgents,
    directory: &mut RunDirectory,
    interrupted: &AtomicBool,
    done: &Done,
    quiet: bool,
) -> Result<RunEnd, ConductError> {
    let mut bar = Bar::new(quiet);
    let end = Conductor { plan, testbed, agents, directory, interrupted, observer: &mut bar }.run(done);
    bar.bar.finish_and_clear();
    end
}

/// The progress bar: the current measurement, how many there are, and the time left.
struct Bar {
    bar: ProgressBar,
    title: String,
    lines: bool,
}

impl Bar {
    fn new(quiet: bool) -> Bar {
        let bar = ProgressBar::with_draw_target(None, if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {prefix} left  {msg}") {
            bar.set_style(style);
        }
        // Without a terminal, print a line now and then, so that a log shows progress.
        let lines = !quiet && bar.is_hidden();
        Bar { bar, title: String::new(), lines }
    }
}

impl Observer for Bar {
    fn begins(&mut self, step: &StepInfo) {
        self.bar.set_length(step.of as u64);
        self.bar.set_position(step.number as u64 - 1);
        let seconds = step.left.as_secs();
        let left = format!("{}:{:02}", seconds / 60, seconds % 60);
        self.bar.set_prefix(left.clone());
        self.bar.set_message(step.title.clone());
        if self.lines && step.number % 20 == 1 {
            eprintln!("[{}/{}] {left} left: {}", step.number, step.of, step.title);
        }
        self.title.clone_from(&step.title);
    }

    fn ended(&mut self, record: &Record) {
        if record.verdict.state == State::Failed {
            let reasons: Vec<String> = record.verdict.reasons.iter().map(ToString::to_string).collect();
            let line = format!("failed: {}: {}", self.title, reasons.join("; "));
            if self.lines { eprintln!("{line}") } else { self.bar.println(printable(&line)) }
        }
    }

    fn trial(&mut self, note: &str) {
        self.bar.set_message(format!("{}: {note}", self.title));
    }
}

fn print(
    args: &RunArgs,
    archive: &Archive,
    rendered: bool,
    end: &Result<RunEnd, ConductError>,
    measured: Duration,
) -> Result<(), CommandError> {
    let count = |state: State| archive.records.iter().filter(|record| record.verdict.state == state).count();
    let report = rendered.then(|| archive.directory.join("report.html"));
    let summary = Summary {
        directory: archive.directory.clone(),
        report: report.clone(),
        complete: matches!(end, Ok(RunEnd::Complete)),
        records: archive.records.len(),
        valid: count(State::Valid),
        invalid: count(State::Invalid),
        failed: count(State::Failed),
        measured_s: measured.as_secs_f64(),
    };
    Format::of(args.json).print(&summary, || {
        let mut text = reporter::render::terminal::summary(archive, terminal_width());
        let ended = if summary.complete { "measured in" } else { "ended early after" };
        text.push_str(&format!(
            "\n{} records ({} valid, {} invalid, {} failed), {ended} {:.0} s\n",
            summary.records, summary.valid, summary.invalid, summary.failed, summary.measured_s
        ));
        match &report {
            Some(path) => text.push_str(&format!("report: {}", path.display())),
            None => text.push_str(&format!("records: {} (the report could not be written)", archive.directory.display())),
        }
        text
    })
}

/// What `--dry-run` prints.
#[derive(Serialize)]
struct DryRun<'a> {
    plan: &'a str,
    repetitions: u32,
    testbed: &'a str,
    measures: Vec<String>,
    measurements: usize,
}

fn dry_run(args: &RunArgs, plan: &Plan, testbed: Option<&Testbed>, measurements: usize) -> Result<ExitCode, CommandError> {
    let measures = plan.measures.iter().map(|measure| {
        let message = measure.kind.kernel_tuning().and_then(|tuning| tuning.message);
        let sizes: Vec<String> = match message {
            Some(message) => vec![format!("messages of {message}")],
            None => measure.sizes.iter().map(|size| size.bytes().to_string()).collect(),
        };
        let tuning = measure.tuning_in_words().map(|words| format!(", {words}")).unwrap_or_default();
        format!("{} {} at {}{tuning}", measure.stack(), measure.kind.method(), sizes.join(", "))
    });
    let planned_run = DryRun {
        plan: &plan.name,
        repetitions: plan.repetitions,
        testbed: testbed.map_or("the built-in lab", |testbed| &testbed.name),
        measures: measures.collect(),
        measurements,
    };
    Format::of(args.json).print(&planned_run, || {
        let mut text = format!("plan {}, repetitions: {}, testbed: {}\n", planned_run.plan, planned_run.repetitions, planned_run.testbed);
        text.extend(planned_run.measures.iter().map(|measure| format!("  {measure}\n")));
        text.push_str(&format!("{} measurements; nothing was measured or created", planned_run.measurements));
        text
    })?;
    Ok(ExitCode::SUCCESS)
}
