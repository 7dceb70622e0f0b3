//! `linerate gate`: whether a run meets what a file expects of it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reporter::archive::Archive;
use reporter::gate::{ExpectFile, Gate, Verdict, draft};
use reporter::render::{gate_junit, gate_text};
use serde_json::json;

use super::compare::{CANNOT_JUDGE, REGRESSION};
use super::{CommandError, terminal_width};

/// Check a run against a file of expectations, for CI: pass, fail, or cannot be judged
#[derive(Debug, Args)]
#[command(after_long_help = "\
THE FILE
  confidence = 0.95            # of each verdict
  tolerance = \"5%\"             # how much worse than the target still passes

  [[expect]]
  pair = \"a-cpu:b-cpu\"
  stack = \"dpdk\"
  frame = 64                   # or: message = 1024
  quantity = \"forwarding-rate\" # goodput, layer1, rtt-p50, rtt-mean …
  at_least = \"14 Mpps\"         # one target, see below

TARGETS
  at_least, at_most   an absolute value: 14Mpps, 9.4Gb/s, 12us
  line_rate           a share of the line rate that the records name: 95%
  baseline            a run directory: the same result there
  history             a directory of runs: the newest level of the same result, as `linerate history` finds it
  Paths are relative to the file. method, load and setup tell results apart; tolerance can stand in an [[expect]] too.

VERDICTS
  The limit is the target, worse by the tolerance. An expectation passes where the whole interval of the result, at the
  given confidence, is on the good side of the limit, and fails where it is on the bad side. In between it cannot be
  judged: repeat more often, or allow more tolerance. Results of one kind share their noise, as in `linerate compare`.

EXIT CODES
  0   every expectation passed
  1   an expectation failed; or a file could not be read
  3   none failed, and at least one cannot be judged

EXAMPLES
  linerate gate --init runs/good > expect.toml
  linerate gate runs/new --expect expect.toml --junit gate.xml")]
pub struct GateArgs {
    /// The run to judge
    #[arg(value_name = "RUN", required_unless_present = "init", conflicts_with = "init")]
    run: Option<PathBuf>,
    /// The file of expectations
    #[arg(long, value_name = "FILE", required_unless_present = "init", conflicts_with = "init")]
    expect: Option<PathBuf>,
    /// Print a file of expectations that this run meets
    #[arg(long, value_name = "RUN")]
    init: Option<PathBuf>,
    /// Also write the verdicts as JUnit XML there
    #[arg(long, value_name = "FILE", conflicts_with = "init")]
    junit: Option<PathBuf>,
    /// Print every expectation, not only those that did not pass
    #[arg(long)]
    all: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "init")]
    json: bool,
}

/// Runs the command.
pub fn run(args: &GateArgs) -> Result<ExitCode, CommandError> {
    if let Some(good) = &args.init {
        print!("{}", draft(&Archive::read_for_reports(good)?.with_records()?));
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(run), Some(expect)) = (&args.run, &args.expect) else {
        return Err(CommandError::new("give a run and --expect FILE, or --init RUN"));
    };
    let archive = Archive::read_for_reports(run)?.with_records()?;
    let gate = Gate::hold(&archive, &ExpectFile::read(expect)?, expect)?;
    if let Some(file) = &args.junit {
        let xml = gate_junit(&gate, &run.display().to_string())?;
        fs::write(file, xml).map_err(|error| CommandError::new(format!("{}: could not be written: {error}", file.display())))?;
    }
    if args.json {
        println!("{}", json!({ "gate": gate, "verdict": gate.verdict(), "damaged_lines": archive.damaged.len() }));
    } else {
        print!("{}", gate_text(&gate, terminal_width(), args.all));
        for damaged in &archive.damaged {
            println!("damaged: {}/{} line {}: {}", archive.directory.display(), damaged.file, damaged.line, damaged.why.escape_debug());
        }
    }
    Ok(match gate.verdict() {
        Verdict::Passed => ExitCode::SUCCESS,
        Verdict::Failed => ExitCode::from(REGRESSION),
        Verdict::CannotJudge => ExitCode::from(CANNOT_JUDGE),
    })
}
