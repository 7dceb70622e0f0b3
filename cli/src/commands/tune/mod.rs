//! `linerate tune`: searches the best setting of plan keys, and writes it as a plan.

mod args;
mod next_steps;
mod progress;
mod request;
mod result;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use reporter::archive::{Archive, RunDirectory};
use reporter::environment::Environment;
use reporter::record::{Record, State};
use testbed::conductor::{Claims, EndpointAgents, check_kernel_features};
use testbed::lab::{Lab, LabOptions};
use testbed::plan::Plan;
use testbed::topology::Testbed;
use testbed::tuner::{Prepared, ScalingRequest, TUNE_PLAN_FILE, TuneRequest, Tuner};

use super::lab::{lab_like, lab_of_run};
use super::ready::{describe_all, describe_ready, nothing_measured};
use super::{CommandError, Format, endpoints, foreign, run_directory};
use next_steps::{next_steps, testbed_file};
use progress::Bar;
use request::Request;
use result::{Outcome, Summary};

pub use args::TuneArgs;
pub(super) use request::REQUEST_FILE;

/// What is measured.
enum Work {
    Search(Box<Prepared>),
    Scaling(Box<ScalingRequest>),
}

impl Work {
    fn prepare(args: &TuneArgs, request: &TuneRequest, testbed: &Testbed) -> Result<Work, CommandError> {
        Ok(match args.scaling {
            true => Work::Scaling(Box::new(ScalingRequest::new(request, testbed)?)),
            false => Work::Search(Box::new(request.prepare(testbed)?)),
        })
    }

    /// The plan that measures everything that this may measure.
    fn plan(&self) -> String {
        match self {
            Work::Search(prepared) => prepared.candidates.grid(),
            Work::Scaling(request) => request.grid(),
        }
    }
}

/// Runs the command.
pub fn run(args: &TuneArgs) -> Result<ExitCode, CommandError> {
    let interrupted = super::interrupt_flag()?;
    if let Some(directory) = &args.resume {
        foreign::ask_before_executing(directory)?;
    }
    let request = Request::of(args)?;
    let given = run_directory::testbed(args.testbed.as_deref(), args.resume.as_deref())?;
    let lab_options = lab_of(args)?;
    let program = std::env::current_exe()?;
    let format = Format::of(args.json);
    // What cannot be measured is refused before anything is created.
    let work = Work::prepare(args, &request.parsed()?, &given.clone().unwrap_or_else(|| planned_lab(&lab_options, &program)))?;
    if args.dry_run {
        match &work {
            Work::Search(prepared) => result::planned_search(prepared, format)?,
            Work::Scaling(request) => result::planned_scaling(request, format)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let testbed_file = testbed_file(args.testbed.as_deref(), args.resume.as_deref(), given.is_none());
    let plan = Plan::reread(&work.plan(), Path::new("tune"))?;
    let mut agents = EndpointAgents::default();
    let _claims = match &given {
        Some(testbed) => {
            let Some(started) = endpoints::agents(testbed, &interrupted)? else { return Ok(interrupted_early()) };
            agents = started;
            Claims::of(&plan, testbed, &mut agents, &interrupted)?
        }
        None => {
            Lab::sweep_dead()?;
            Claims::of_own_lab()?
        }
    };
    let (directory, known, lock) = run_directory::open(args.resume.as_deref(), args.out.as_deref(), "tune")?;
    let (lab, testbed, mut directory) = match given {
        Some(testbed) => (None, testbed, directory),
        None => {
            let made = lab_of_run(lab_options.clone(), directory, args.resume.is_none(), &interrupted)?;
            let Some((lab, directory)) = made else { return Ok(interrupted_early()) };
            let testbed = Testbed::of_lab(&lab, &program);
            (Some(lab), testbed, directory)
        }
    };
    directory.write_plan(&plan.source)?;
    directory.write_testbed(&testbed.source)?;
    request.keep(&directory)?;
    let ready = environment(args, &plan, &testbed, lab.is_some(), &mut agents, &interrupted);
    let started = Instant::now();
    let outcome = match ready {
        Ok(Some(environment)) => {
            // A local agent would share the CPU of an endpoint with the poll loop of the measurement.
            agents.end_local(&testbed);
            directory.write_environment(&environment)?;
            measure(&work, &testbed, &mut directory, &interrupted, &known, args.json).map(Some)
        }
        Ok(None) => Ok(None),
        Err(error) => Err(nothing_measured(&error, &directory, "tune")),
    };
    let measured = started.elapsed();
    agents.end();
    let removed = lab.map_or(Ok(()), Lab::down);
    drop(lock);
    let path = directory.path().to_owned();
    directory.sync()?;
    let archive = Archive::read(&path)?;
    let rendered = if archive.records.is_empty() { None } else { Some(reporter::render::render_run(&archive, &path)) };
    foreign::give_back(&path);
    let Some(outcome) = outcome? else {
        removed?;
        return Ok(interrupted_early());
    };
    let stopped = interrupted.load(Ordering::Relaxed);
    let complete = outcome.is_complete(stopped);
    let cut_off = stopped && !complete;
    let summary = Summary {
        report: rendered.as_ref().is_some_and(Result::is_ok).then(|| path.join("report.html")),
        plan: Some(path.join(TUNE_PLAN_FILE)).filter(|plan| plan.is_file()),
        resume: outcome.search().filter(|_| cut_off).map(|_| format!("linerate tune --resume {}", path.display())),
        interrupted: cut_off,
        next: outcome.search().map(|run| next_steps(run, &path, testbed_file.as_deref(), &lab_options)).unwrap_or_default(),
        directory: path,
        complete,
        measured_s: measured.as_secs_f64(),
        records: archive.records.len(),
        all_failed: archive.records.iter().all(|record| record.verdict.state == State::Failed),
        last_reasons: archive.records.last().map(|record| record.verdict.reasons_in_words()).unwrap_or_default(),
        outcome: &outcome,
    };
    format.print(&summary, || result::text(&summary))?;
    rendered.transpose()?;
    removed?;
    Ok(match (cut_off, outcome.found_something()) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

/// The lab to measure in, if no testbed is given.
fn lab_of(args: &TuneArgs) -> Result<LabOptions, CommandError> {
    let began = args.resume.as_deref().map(|directory| Testbed::read(&directory.join(reporter::archive::TESTBED_FILE))).transpose()?;
    lab_like(began.as_ref(), args.lab, args.engine, args.path)
}

/// That lab before it is made.
fn planned_lab(lab: &LabOptions, program: &Path) -> Testbed {
    Testbed::of_planned_lab_of(lab.kind, lab.guest_path, program)
}

/// The user ended the command before its first trial.
fn interrupted_early() -> ExitCode {
    eprintln!("linerate: interrupted before the first trial; nothing was measured");
    ExitCode::from(130)
}

/// What each endpoint is. A testbed of the user's is checked as for a run; the lab was made for this search. `None`: the user ended it.
fn environment(
    args: &TuneArgs,
    plan: &Plan,
    testbed: &Testbed,
    is_the_lab: bool,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<Option<Environment>, CommandError> {
    check_kernel_features(plan, testbed)?;
    if !is_the_lab {
        return describe_ready(plan, testbed, &args.force, agents, interrupted);
    }
    match endpoints::agents(testbed, interrupted)? {
        Some(started) => *agents = started,
        None => return Ok(None),
    }
    describe_all(testbed, &args.force, agents, interrupted)
}

fn measure(
    work: &Work,
    testbed: &Testbed,
    directory: &mut RunDirectory,
    interrupted: &AtomicBool,
    known: &[Record],
    quiet: bool,
) -> Result<Outcome, CommandError> {
    let budget = match work {
        Work::Search(prepared) => prepared.run.budget,
        Work::Scaling(request) => request.budget(),
    };
    let mut bar = Bar::new(quiet, budget);
    let outcome = match work {
        Work::Search(prepared) => {
            Tuner { prepared, testbed, directory, interrupted, observer: &mut bar }.run(known).map(|run| Outcome::Search(Box::new(run)))
        }
        Work::Scaling(request) => request.run(testbed, directory, interrupted, &mut bar).map(|scaling| Outcome::Scaling(Box::new(scaling))),
    };
    bar.finish();
    Ok(outcome?)
}
