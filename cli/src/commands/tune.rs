//! `linerate tune`: searches the best setting of plan keys, and writes it as a plan.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use dataplane::PortSpec;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use methodology::tune::Axis;
use methodology::units::Seconds;
use reporter::archive::{Archive, RunDirectory, TESTBED_FILE};
use reporter::compare::Threshold;
use reporter::record::{Pair, Record, Stack, State};
use reporter::tuned::{Scaling, TuneBudget, TuneRun, TuneTrial};
use serde::{Deserialize, Serialize};
use testbed::agent::AgentError;
use testbed::conductor::{Claims, EndpointAgents, Observer, StepInfo, describe};
use testbed::lab::{Lab, LabOptions};
use testbed::topology::Testbed;
use testbed::tuner::{Goal, Knob, Prepared, ScalingRequest, TUNE_PLAN_FILE, TuneObserver, TuneRequest, Tuner};

use super::{CommandError, Format, terminal_width};

/// Search the best queues, bursts and rings with few trials, and write them as a plan
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  The best burst and rings of the built-in lab in two minutes:
    linerate tune --budget 2m
  Queues and bursts of two NICs, with 100 trials:
    linerate tune --testbed testbed.toml --pair a-cpu:b-cpu --trials 100 \\
      --knob queues=1,2,4 --knob burst=16,32,64,128
  Options of a driver; a list with commas is separated by semicolons:
    linerate tune --testbed testbed.toml \\
      --knob 'sender-devargs=txqs_min_inline=0;txqs_min_inline=8'
  iperf3 at its best, for a fair comparison:
    linerate tune --stack kernel-tcp --knob streams=1,2,4,8
  The shortest 99th percentile of round trips at a load:
    linerate tune --goal rtt-p99 --rate 100kpps
  How the rate grows with queues, and what limits it:
    linerate tune --scaling --testbed testbed.toml --knob queues=1,2,4
  Use what was found:
    linerate run --plan runs/TIME-tune/tune.toml

HOW IT SEARCHES
  Every setting that the budget allows is measured; those that are clearly worse
  are dropped, and the rest is measured again in rounds. At the end the winner and
  the default are measured in pairs. The result names the settings that equal the
  winner, the one of them with the fewest cores, and the confidence. If no
  difference from the default is shown, the default is kept. docs/tuning.md
  explains each knob.

FILES
  The run directory has one record for each trial, tune.json with the search and
  its result, and tune.toml, a plan with the chosen setting.

EXIT CODES
  0    the search ended
  1    an error, or no setting works
  130  interrupted; the best setting until then is in tune.toml")]
pub struct TuneArgs {
    /// Testbed file: where to measure, instead of the built-in lab
    #[arg(long, value_name = "FILE")]
    testbed: Option<PathBuf>,
    /// Between which endpoints [default: the first pair of the testbed]
    #[arg(long, value_name = "FROM:TO")]
    pair: Option<Pair>,
    /// What carries the traffic: dpdk, kernel-tcp or kernel-udp
    #[arg(long, default_value = "dpdk", value_parser = stack)]
    stack: Stack,
    /// What to make best: mrr, ndr, rtt-p99 or cpu-per-rate with DPDK; goodput, rtt-p99 or cpu-per-rate with kernel stacks [default: the rate]
    #[arg(long)]
    goal: Option<Goal>,
    /// Frame size, or message size with kernel-tcp [default: 64 with DPDK, 1460 with kernel-tcp, 1518 with kernel-udp]
    #[arg(long, value_name = "BYTES")]
    size: Option<u32>,
    /// Load of round trips, for --goal rtt-p99 with DPDK [default: 20kpps]
    #[arg(long)]
    rate: Option<String>,
    /// A plan key and the values to try; can be given several times [default: queues, burst and rings that fit; streams and sizes with kernel stacks]
    #[arg(long, value_name = "KEY=VALUE,...")]
    knob: Vec<Knob>,
    /// A plan key with one value for all settings; can be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Knob>,
    /// Measure the rate by queues and cores instead of searching, and name what limits it
    #[arg(long, conflicts_with_all = ["resume", "goal"])]
    scaling: bool,
    /// How long to search
    #[arg(long, value_name = "TIME", conflicts_with = "trials", default_value = "2m")]
    budget: Seconds,
    /// How many trials to make, instead of a time
    #[arg(long, value_name = "N")]
    trials: Option<usize>,
    /// Length of a trial [default: 250ms with DPDK, 1s with kernel stacks]
    #[arg(long, value_name = "TIME")]
    trial: Option<Seconds>,
    /// Seed of the random order: the same seed and the same results give the same decisions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A difference of this share does not matter
    #[arg(long, default_value = "2%", value_name = "SHARE")]
    within: Threshold,
    /// Also use trials in which only the tester was interrupted, on a machine that does other work; the result says how many
    #[arg(long)]
    accept_disturbed: bool,
    /// Run directory [default: runs/TIME-tune]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue an interrupted search, with what it was started with
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "pair", "goal", "size", "rate", "knob", "set", "trials", "trial", "accept_disturbed"])]
    resume: Option<PathBuf>,
    /// Measure on this port although it carries the default route or the ssh session of its machine
    #[arg(long, value_name = "PORT")]
    force: Vec<PortSpec>,
    /// Print what would be searched, and stop
    #[arg(long)]
    dry_run: bool,
    /// Print the result as one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// The request of a search, kept in its run directory so that it can be resumed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    pair: Option<Pair>,
    stack: Stack,
    goal: Option<String>,
    size: Option<u32>,
    rate: Option<String>,
    trial: Option<Seconds>,
    knobs: Vec<String>,
    fixed: Vec<String>,
    budget: TuneBudget,
    seed: u64,
    within: f64,
    accept_disturbed: bool,
}

/// The file of [`Kept`].
const REQUEST_FILE: &str = "tune-request.json";

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    directory: PathBuf,
    report: Option<PathBuf>,
    plan: Option<PathBuf>,
    complete: bool,
    measured_s: f64,
    records: usize,
    #[serde(skip)]
    last_reasons: String,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

/// What is measured.
enum Work {
    Search(Box<Prepared>),
    Scaling(Box<ScalingRequest>),
}

/// What was found.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Search(Box<TuneRun>),
    Scaling(Box<Scaling>),
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

impl Outcome {
    fn is_complete(&self, interrupted: bool) -> bool {
        match self {
            Outcome::Search(run) => run.found.as_ref().is_some_and(|found| found.stop.is_some()),
            Outcome::Scaling(_) => !interrupted,
        }
    }

    fn found_something(&self) -> bool {
        match self {
            Outcome::Search(run) => run.found.is_some(),
            Outcome::Scaling(scaling) => !scaling.points.is_empty(),
        }
    }
}

/// Runs the command.
pub fn run(args: &TuneArgs) -> Result<ExitCode, CommandError> {
    let interrupted = super::interrupt_flag()?;
    let kept = kept(args)?;
    let request = kept.request()?;
    let given = given_testbed(args)?;
    let program = std::env::current_exe()?;
    // What can be refused is refused before anything is created.
    let work = Work::prepare(args, &request, &given.clone().unwrap_or_else(|| Testbed::of_planned_lab(&program)))?;
    if args.dry_run {
        return dry_run(args, &work);
    }
    if given.is_none() {
        Lab::sweep_dead()?;
    }
    let plan = testbed::plan::Plan::reread(&work.plan(), &PathBuf::from("tune"))?;
    let mut agents = EndpointAgents::default();
    let _claims = given.as_ref().map(|testbed| Claims::of(&plan, testbed, &mut agents, &interrupted)).transpose()?;
    let (mut directory, known) = directory(args)?;
    let (lab, testbed) = match given {
        Some(testbed) => (None, testbed),
        None => {
            let lab = Lab::up(LabOptions::default())?;
            let testbed = Testbed::of_lab(&lab, &program);
            (Some(lab), testbed)
        }
    };
    directory.write_plan(&plan.source)?;
    directory.write_testbed(&testbed.source)?;
    std::fs::write(directory.path().join(REQUEST_FILE), serde_json::to_vec_pretty(&kept)?)?;
    let started = Instant::now();
    let outcome =
        match agents.start_missing(&testbed, &interrupted).and_then(|()| describe(&testbed, &args.force, &mut agents, &interrupted)) {
            Ok(environment) => {
                // A poll loop of the measurement has the CPU of an endpoint on this machine alone.
                agents.end_local(&testbed);
                directory.write_environment(&environment)?;
                measure(&work, &testbed, &mut directory, &interrupted, &known, args.json)
            }
            Err(AgentError::Interrupted { .. }) => Err(CommandError::new("interrupted; nothing was measured")),
            Err(error) => Err(CommandError::new(format!("{error}; nothing was measured"))),
        };
    let measured = started.elapsed();
    agents.end();
    let lab_gone = lab.map_or(Ok(()), Lab::down);
    let path = directory.path().to_owned();
    directory.sync()?;
    let archive = Archive::read(&path)?;
    let rendered = if archive.records.is_empty() { None } else { Some(reporter::render::render_run(&archive, &path)) };
    let outcome = outcome?;
    let stopped = interrupted.load(Ordering::Relaxed);
    let complete = outcome.is_complete(stopped);
    let summary = Summary {
        report: rendered.as_ref().is_some_and(Result::is_ok).then(|| path.join("report.html")),
        plan: Some(path.join(TUNE_PLAN_FILE)).filter(|plan| plan.is_file()),
        directory: path,
        complete,
        measured_s: measured.as_secs_f64(),
        records: archive.records.len(),
        last_reasons: archive.records.last().map(reasons).unwrap_or_default(),
        outcome: &outcome,
    };
    Format::of(args.json).print(&summary, || text(&summary))?;
    rendered.transpose()?;
    lab_gone?;
    Ok(match (stopped && !complete, outcome.found_something()) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
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
    bar.bar.finish_and_clear();
    Ok(outcome?)
}

fn stack(text: &str) -> Result<Stack, String> {
    let known = [Stack::Dpdk, Stack::KernelTcp, Stack::KernelUdp];
    let names = known.map(|stack| stack.to_string()).join(", ");
    known.into_iter().find(|stack| stack.to_string() == text).ok_or_else(|| format!("`{text}` cannot be tuned: use one of {names}"))
}

impl Kept {
    fn request(&self) -> Result<TuneRequest, CommandError> {
        let knobs =
            |texts: &[String]| texts.iter().map(|text| text.parse::<Knob>()).collect::<Result<Vec<_>, _>>().map_err(CommandError::new);
        Ok(TuneRequest {
            pair: self.pair.clone(),
            stack: self.stack,
            goal: self.goal.as_deref().map(str::parse).transpose().map_err(CommandError::new)?,
            size: self.size,
            rate: self.rate.clone(),
            trial: self.trial,
            knobs: knobs(&self.knobs)?,
            fixed: knobs(&self.fixed)?,
            budget: self.budget,
            seed: self.seed,
            within: self.within,
            accept_disturbed: self.accept_disturbed,
        })
    }
}

/// What was asked for: now, or when the search that is resumed was started.
fn kept(args: &TuneArgs) -> Result<Kept, CommandError> {
    if let Some(directory) = &args.resume {
        let path = directory.join(REQUEST_FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| CommandError::new(format!("{}: {error}: no search was begun there", path.display())))?;
        return serde_json::from_str(&text).map_err(|error| CommandError::new(format!("{}: {error}", path.display())));
    }
    if args.trials == Some(0) || args.budget.is_zero() {
        return Err(CommandError::new("a budget of 0 measures nothing: write --trials 60 or --budget 2m"));
    }
    let budget = args.trials.map_or(TuneBudget::Seconds(args.budget.seconds()), TuneBudget::Trials);
    Ok(Kept {
        pair: args.pair.clone(),
        stack: args.stack,
        goal: args.goal.map(|goal| goal.to_string()),
        size: args.size,
        rate: args.rate.clone(),
        trial: args.trial,
        knobs: args.knob.iter().map(ToString::to_string).collect(),
        fixed: args.set.iter().map(ToString::to_string).collect(),
        budget,
        seed: args.seed,
        within: args.within.share(),
        accept_disturbed: args.accept_disturbed,
    })
}

/// The testbed of `--testbed`; for a resumed search, the testbed that it started on. `None` is the built-in lab.
fn given_testbed(args: &TuneArgs) -> Result<Option<Testbed>, CommandError> {
    let named = args.testbed.as_deref().map(Testbed::read).transpose()?;
    let Some(directory) = &args.resume else { return Ok(named) };
    let kept = Testbed::read(&directory.join(TESTBED_FILE))?;
    match named {
        Some(named) if named.source != kept.source => Err(CommandError::new(format!(
            "{}: the search started on another testbed (`{}`): leave out --testbed to continue it, or start a new search",
            directory.display(),
            kept.name
        ))),
        _ if kept.is_the_lab() => Ok(None),
        _ => Ok(Some(kept)),
    }
}

fn directory(args: &TuneArgs) -> Result<(RunDirectory, Vec<Record>), CommandError> {
    if let Some(path) = &args.resume {
        return Ok(RunDirectory::resume(path)?);
    }
    let path = args.out.clone().unwrap_or_else(|| {
        let now = jiff::Zoned::now();
        PathBuf::from("runs").join(format!("{}-tune", now.strftime("%Y%m%d-%H%M%S")))
    });
    Ok((RunDirectory::create(&path)?, Vec::new()))
}

/// The progress bar: the setting that is measured, and how many are left in the race.
struct Bar {
    bar: ProgressBar,
    budget: TuneBudget,
    title: String,
    lines: bool,
    trials: usize,
}

impl Bar {
    fn new(quiet: bool, budget: TuneBudget) -> Bar {
        let bar = ProgressBar::with_draw_target(None, if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {prefix}  {msg}") {
            bar.set_style(style);
        }
        let lines = !quiet && bar.is_hidden();
        Bar { bar, budget, title: String::new(), lines, trials: 0 }
    }
}

impl TuneObserver for Bar {
    fn trial_begins(&mut self, trial: &TuneTrial, axes: &[Axis], settings_left: usize) {
        let (length, position, prefix) = match self.budget {
            TuneBudget::Trials(trials) => (trials as u64, trial.trial as u64 - 1, format!("trial {}/{trials}", trial.trial)),
            TuneBudget::Seconds(seconds) => {
                let left = Duration::from_secs_f64((seconds - trial.elapsed_s).max(0.0)).as_secs();
                (seconds as u64, trial.elapsed_s as u64, format!("trial {}, {}:{:02} left", trial.trial, left / 60, left % 60))
            }
        };
        self.title = format!("{} settings left: {}", settings_left, words(axes, &trial.setting));
        self.bar.set_length(length);
        self.bar.set_position(position);
        self.bar.set_prefix(prefix.clone());
        self.bar.set_message(self.title.clone());
        self.trials += 1;
        if self.lines && self.trials % 20 == 1 {
            eprintln!("{prefix}, {}", self.title);
        }
    }
}

impl Observer for Bar {
    fn begins(&mut self, _step: &StepInfo) {}

    fn ended(&mut self, record: &Record) {
        if record.verdict.state == State::Failed {
            let line = format!("failed: {}: {}", self.title, reasons(record));
            if self.lines { eprintln!("{line}") } else { self.bar.println(line) }
        }
    }

    fn trial(&mut self, note: &str) {
        self.bar.set_message(format!("{}: {note}", self.title));
    }
}

fn reasons(record: &Record) -> String {
    record.verdict.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn words(axes: &[Axis], setting: &[String]) -> String {
    axes.iter().zip(setting).map(|(axis, value)| format!("{} {value}", axis.name)).collect::<Vec<_>>().join(", ")
}

fn text(summary: &Summary<'_>) -> String {
    let mut text = match summary.outcome {
        Outcome::Search(run) if run.found.is_some() => {
            run.found.as_ref().map(|found| reporter::render::tuned_text(run, found, terminal_width())).unwrap_or_default()
        }
        Outcome::Scaling(scaling) if !scaling.points.is_empty() => reporter::render::scaling_text(scaling, terminal_width()),
        _ if summary.records == 0 => "nothing was measured\n".to_owned(),
        _ => format!(
            "none of {} trials was valid, the last because of this: {}\n`linerate doctor` names what disturbs this machine; --accept-disturbed uses such trials all the same\n",
            summary.records, summary.last_reasons
        ),
    };
    if let Some(report) = &summary.report {
        text.push_str(&format!("report: {}\n", report.display()));
    }
    match &summary.plan {
        Some(plan) => text.push_str(&format!("plan: {}", plan.display())),
        None => text.push_str(&format!("records: {}", summary.directory.display())),
    }
    text
}

/// What `--dry-run` prints.
#[derive(Serialize)]
struct DryRun<'a> {
    settings: usize,
    #[serde(flatten)]
    run: &'a TuneRun,
}

fn dry_run(args: &TuneArgs, work: &Work) -> Result<ExitCode, CommandError> {
    let prepared = match work {
        Work::Search(prepared) => prepared,
        Work::Scaling(request) => {
            Format::of(args.json).print(&serde_json::json!({ "plan": request.grid(), "not_measured": request.not_measured() }), || {
                let mut text = request.grid();
                for missing in request.not_measured() {
                    text.push_str(&format!("# {} queues cannot be measured here: {}\n", missing.queues, missing.why));
                }
                text.push_str("nothing was measured or created");
                text
            })?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let run = &prepared.run;
    let space = &prepared.candidates.space;
    Format::of(args.json).print(&DryRun { settings: space.len(), run }, || {
        let mut text = format!("goal {} for {}\n", run.goal, run.pair);
        text.extend(run.base.lines().map(|line| format!("  {line}\n")));
        for axis in &run.axes {
            text.push_str(&format!("  {}: {}\n", axis.name, axis.values.join(", ")));
        }
        let default: Vec<String> = space.values(space.default_setting()).into_iter().map(str::to_owned).collect();
        text.push_str(&format!("default: {}\n", words(&run.axes, &default)));
        for left_out in &run.left_out {
            text.push_str(&format!("left out: {} combinations: {}\n", left_out.settings, left_out.why));
        }
        text.push_str(&format!("{} settings; nothing was measured or created", space.len()));
        text
    })?;
    Ok(ExitCode::SUCCESS)
}
