//! `linerate run`: measures all pairs of a testbed and writes the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Args;
use reporter::archive::{Archive, RunDirectory};
use reporter::record::{Record, State};
use serde::Serialize;
use testbed::conductor::{Claims, ConductError, Conductor, Done, EndpointAgents, Observer, RunEnd, StepInfo};
use testbed::lab::{ContainerChoice, GuestPath, Lab, LabKind, LabName, LabOptions};
use testbed::plan::{BuiltInPlan, Plan};
use testbed::topology::Testbed;

use super::lab::{lab_like, lab_of_run, say_what_is_missing};
use super::progress::Progress;
use super::ready::{Force, describe_all, describe_ready, nothing_measured};
use super::{CommandError, Format, endpoints, foreign, run_directory, terminal_width};

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
  Two containers and their hosts instead of SmartNICs:
    linerate run --lab container
  Two virtual machines and their host, joined by bridges, or for DPDK by vhost-user:
    linerate run --lab vm
    linerate run --lab vm --path vhost-user
  In a lab that stays:
    linerate lab up --kind vm --name guests && linerate run --kept guests
  Every combination of burst size and number of flows:
    linerate run --plan docs/plans/tune.toml
  Continue an interrupted run:
    linerate run --resume runs/20261122-103000-standard

THE LAB
  Without --testbed and --kept, linerate creates the lab: four endpoints on this machine,
  each in a network namespace, connected like two servers with a BlueField-2
  each. Kernel traffic (iperf3, qperf) crosses veth pairs and bridges; DPDK
  traffic crosses shared memory between two processes. The lab needs root. It is
  removed at the end, also after Ctrl-C. `--lab container` has two containers and
  two namespaces that stand for their hosts, and `--lab vm` has two virtual
  machines and their host (`linerate lab --help`).

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
    /// What the endpoints of the built-in lab are: smartnic, container or vm [default: smartnic]
    #[arg(long, value_name = "KIND", conflicts_with_all = ["testbed", "resume"])]
    lab: Option<LabKind>,
    /// Measure in this lab, which `linerate lab up --name` made, and leave it up
    #[arg(long, value_name = "NAME", conflicts_with_all = ["testbed", "lab", "engine", "path"])]
    kept: Option<LabName>,
    /// What makes the containers of the lab: podman or namespaces [default: podman where it can start a container]
    #[arg(long, value_name = "ENGINE", conflicts_with = "testbed")]
    engine: Option<ContainerChoice>,
    /// What joins the DPDK cards of virtual machines: bridge, or vhost-user through testpmd [default: bridge]
    #[arg(long, value_name = "PATH", conflicts_with_all = ["testbed", "resume"])]
    path: Option<GuestPath>,
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
        if directory.join(super::tune::REQUEST_FILE).exists() {
            let path = directory.display();
            return Err(CommandError::new(format!(
                "{path} is a directory of `linerate tune`: continue it with `linerate tune --resume {path}`"
            )));
        }
    }
    // Plan, testbed, endpoints, run directory and lab are checked before anything is measured.
    let plan = plan(args)?;
    let given = run_directory::testbed(args.testbed.as_deref(), args.resume.as_deref())?;
    let program = std::env::current_exe()?;
    // It is not taken down before this is dropped.
    let mut kept = None;
    let place = match (given, &args.kept) {
        (Some(testbed), None) if args.engine.is_some() => {
            return Err(CommandError::new(format!(
                "--engine is for a run in a lab, and this run began on the testbed `{}`: leave it out",
                testbed.name
            )));
        }
        (Some(testbed), None) => Place::Endpoints(testbed),
        (Some(testbed), Some(name)) => {
            return Err(CommandError::new(format!(
                "--kept {name} is for a run in a lab, and this run began on the testbed `{}`: leave it out",
                testbed.name
            )));
        }
        (None, Some(name)) => {
            let (testbed, lab) = kept_lab(args, name, &program)?;
            kept = Some(lab);
            Place::Endpoints(testbed)
        }
        (None, None) => Place::NewLab(new_lab(args)?),
    };
    let planned = match &place {
        Place::Endpoints(testbed) => testbed.clone(),
        Place::NewLab(options) => Testbed::of_planned_lab_of(options.kind, options.guest_path, &program),
    };
    let measurements = testbed::conductor::count(&plan, &planned)?;
    if args.dry_run {
        return dry_run(args, &plan, &planned, measurements);
    }
    let end = match place {
        Place::Endpoints(testbed) => on_endpoints(args, &plan, &testbed, &interrupted),
        Place::NewLab(options) => in_the_lab(args, &plan, options, &program, &interrupted),
    };
    drop(kept);
    end
}

/// Where a run measures.
enum Place {
    /// On the endpoints of a file, or of a lab that is up and stays.
    Endpoints(Testbed),
    /// In a lab that is made for it.
    NewLab(LabOptions),
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
    let ready = agents.and_then(|mut agents| Ok((describe_ready(plan, testbed, &args.force, &mut agents, interrupted)?, agents)));
    let (environment, mut agents) = ready.map_err(|error| nothing_measured(&error, &directory, "run"))?;
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

/// A run in the lab, which belongs to it alone.
fn in_the_lab(
    args: &RunArgs,
    plan: &Plan,
    options: LabOptions,
    program: &Path,
    interrupted: &AtomicBool,
) -> Result<ExitCode, CommandError> {
    // The lab needs root. Without it this fails, before the run directory is created.
    Lab::sweep_dead()?;
    let claims = Claims::of_own_lab()?;
    let (directory, records, lock) = run_directory::open(args.resume.as_deref(), args.out.as_deref(), &plan.name)?;
    let done = Done::of(&records);
    let made = lab_of_run(options, directory, args.resume.is_none(), interrupted)?;
    let Some((lab, mut directory)) = made else { return Ok(ended_early()) };
    let testbed = Testbed::of_lab(&lab, program);
    directory.write_plan(&plan.source)?;
    directory.write_testbed(&testbed.source)?;
    let described = match endpoints::agents(&testbed, interrupted) {
        Ok(Some(mut agents)) => describe_all(&testbed, &args.force, &mut agents, interrupted).map(|environment| {
            agents.end_local(&testbed);
            environment.map(|environment| (environment, agents))
        }),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let described = described.map_err(|error| nothing_measured(&error, &directory, "run"))?;
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
    drop((claims, lock));
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
    let kept = args.kept.as_ref().map(|name| format!(" --kept {name}")).unwrap_or_default();
    let resume = format!("continue with `linerate run --resume {}{kept}`", records_kept.display());
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

/// The lab to make, if no testbed is given: a run is continued in a lab like the one that it began in.
fn new_lab(args: &RunArgs) -> Result<LabOptions, CommandError> {
    lab_like(began_in(args)?.as_ref(), args.lab, args.engine, args.path)
}

/// The testbed of the run that is continued, if one is.
fn began_in(args: &RunArgs) -> Result<Option<Testbed>, CommandError> {
    Ok(args.resume.as_deref().map(|directory| Testbed::read(&directory.join(reporter::archive::TESTBED_FILE))).transpose()?)
}

/// A lab that is up. A run is continued in one like that in which it began.
fn kept_lab(args: &RunArgs, name: &LabName, program: &Path) -> Result<(Testbed, Lab), CommandError> {
    let lab = super::lab::kept_lab(name)?;
    say_what_is_missing(&lab);
    let testbed = Testbed::of_lab(&lab, program);
    let kind = |testbed: &Testbed| (testbed.name.clone(), testbed.lab_engine());
    let in_words = |testbed: &Testbed| match testbed.lab_engine() {
        Some(engine) => format!("`{}` made by {engine}", testbed.name),
        None => format!("`{}`", testbed.name),
    };
    match began_in(args)?.filter(|began| kind(began) != kind(&testbed)) {
        Some(began) => Err(CommandError::new(format!(
            "the run began in a {}, and lab {name} is a {}: choose another lab",
            in_words(&began),
            in_words(&testbed)
        ))),
        None => Ok((testbed, lab)),
    }
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

fn measure(
    plan: &Plan,
    testbed: &Testbed,
    agents: &mut EndpointAgents,
    directory: &mut RunDirectory,
    interrupted: &AtomicBool,
    done: &Done,
    quiet: bool,
) -> Result<RunEnd, ConductError> {
    let mut bar = Bar(Progress::new(quiet, "{bar:30} {pos}/{len}  {prefix} left  {msg}"));
    let end = Conductor { plan, testbed, agents, directory, interrupted, observer: &mut bar }.run(done);
    bar.0.finish();
    end
}

/// The progress bar: the current measurement, how many there are, and the time left.
struct Bar(Progress);

impl Observer for Bar {
    fn begins(&mut self, step: &StepInfo) {
        let seconds = step.left.as_secs();
        let left = format!("{}:{:02}", seconds / 60, seconds % 60);
        self.0.position(step.number as u64 - 1, step.of as u64, left.clone());
        self.0.begins(step.number, step.title.clone(), || format!("[{}/{}] {left} left: {}", step.number, step.of, step.title));
    }

    fn ended(&mut self, record: &Record) {
        self.0.ended(record);
    }

    fn trial(&mut self, note: &str) {
        self.0.note(note);
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

fn dry_run(args: &RunArgs, plan: &Plan, testbed: &Testbed, measurements: usize) -> Result<ExitCode, CommandError> {
    let measures = plan.measures.iter().map(|measure| {
        let messages = measure.kind.messages();
        let sizes: Vec<String> = match (measure.kind.file_transfer(), &messages[..]) {
            (Some(transfer), _) => vec![format!("a file of {} B", transfer.file.bytes())],
            (None, []) => measure.sizes.iter().map(|size| size.bytes().to_string()).collect(),
            (None, messages) => messages.iter().map(|message| format!("messages of {message}")).collect(),
        };
        let tuning = measure.tuning_in_words().map(|words| format!(", {words}")).unwrap_or_default();
        let pairs = measure.pairs.in_words();
        format!("{} {} at {}{tuning}: {pairs}", measure.stack(), measure.kind.method(), sizes.join(", "))
    });
    let planned_run = DryRun {
        plan: &plan.name,
        repetitions: plan.repetitions,
        testbed: if testbed.lab_kind() == Some(LabKind::Smartnic) { "the built-in lab" } else { &testbed.name },
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
