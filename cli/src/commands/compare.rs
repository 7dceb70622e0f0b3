//! `linerate compare`: what differs between two runs, or between several runs a side, beyond noise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use reporter::archive::Archive;
use reporter::compare::{Across, Comparison, Correction, NoiseOf, Threshold, compare_across};
use reporter::render::{comparison_text, render_comparison};
use serde_json::json;

use super::{CommandError, terminal_width};

/// Where a regression of the threshold or more was found.
pub(super) const REGRESSION: u8 = 1;
/// Where a threshold was given and nothing could be judged: a gate must not pass because it was blind.
pub(super) const CANNOT_JUDGE: u8 = 3;

/// Compare two runs, or several runs a side: which results differ beyond noise.
#[derive(Debug, Args)]
#[command(after_long_help = "\
THE TEST
  Each result that both sides hold is tested with a t-test of logarithms, corrected for the number of comparisons.
  The change is the ratio of geometric means. Differences of environment, plan, testbed, configuration and tools are
  printed before the numbers, and after them how large a shift had to be to be found: within noise rules out no
  smaller one.

  Two runs: the noise is that within a run. The repetitions of each side are compared; at least two a side are
  needed. The noise of a result is learnt from all results of its kind (Smyth 2004), because three repetitions say
  little; with fewer than 20 of them, or very unequal repetitions, from itself (Welch; Student at two). Two runs of the same system
  differ by more than their repetitions do (memory placement, scheduling, other work on the machine), so a difference
  beyond this noise need not come from what you changed.

  Several runs a side (--base, --new): the noise is that between runs. Each run counts once, with the geometric mean
  of its repetitions. At least two runs are needed on one side; three or more on each side are better.

DIFFERENT SETTINGS
  Streams, sizes, queues and other keys of a plan are part of what a result is. --across KEYS leaves them out, so that
  a default stands beside a tuned setting. Each side must have one value of each of these keys: where two results of a
  side would fall together, the comparison is refused. `linerate tune` prints the command for what it found.

THE GATE
  --fail-on-regression 5% fails where a result is shown to be worse by 5 % or more: the near end of the 95 % interval
  of its change, corrected for the number of comparisons, lies beyond 5 %. A true change of exactly 5 % seldom passes
  that test, so set the threshold below the smallest regression that must not pass.

EXIT CODES
  0   no regression, or no threshold given
  1   with --fail-on-regression: a result is shown to be worse by the threshold or more; or the runs could not be read
  3   with --fail-on-regression: no result could be judged (n = 1 everywhere, nothing valid, or nothing in common), or
      none could have shown a regression of that size: repeat more often, or ask for less

EXAMPLES
  linerate compare runs/before runs/after
  linerate compare runs/before runs/after --out compared
  linerate compare baseline/ runs/new --fail-on-regression 5%
  linerate compare --across streams,sizes runs/default runs/tuned
  linerate compare --base runs/before-1 runs/before-2 runs/before-3 --new runs/after-1 runs/after-2 runs/after-3")]
pub struct CompareArgs {
    /// The run to compare with
    #[arg(value_name = "BASE", required_unless_present = "base_runs", conflicts_with_all = ["base_runs", "new_runs"])]
    base: Option<PathBuf>,
    /// The run to judge
    #[arg(value_name = "NEW", required_unless_present = "new_runs", conflicts_with_all = ["base_runs", "new_runs"])]
    new: Option<PathBuf>,
    /// The runs to compare with, each counted once
    #[arg(long = "base", value_name = "DIR", num_args = 1.., requires = "new_runs")]
    base_runs: Vec<PathBuf>,
    /// The runs to judge, each counted once
    #[arg(long = "new", value_name = "DIR", num_args = 1.., requires = "base_runs")]
    new_runs: Vec<PathBuf>,
    /// Exit with 1 where a result is shown to be worse by this much or more, such as 5%
    #[arg(long, value_name = "SHARE")]
    fail_on_regression: Option<Threshold>,
    /// Plan keys that may differ between two results that are compared, such as streams,sizes
    #[arg(long, value_name = "KEYS")]
    across: Option<Across>,
    /// How false alarms from many comparisons are kept down
    #[arg(long, value_enum, default_value_t = CorrectionArg::BenjaminiHochberg)]
    correction: CorrectionArg,
    /// Print every result, not only those that differ beyond noise
    #[arg(long)]
    all: bool,
    /// Also write compare.html, compare.md and the figure there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl CompareArgs {
    /// The directories of each side.
    fn sides(&self) -> (Vec<&Path>, Vec<&Path>) {
        (
            self.base.iter().chain(&self.base_runs).map(PathBuf::as_path).collect(),
            self.new.iter().chain(&self.new_runs).map(PathBuf::as_path).collect(),
        )
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CorrectionArg {
    /// At most 5 % of what is flagged is flagged wrongly
    BenjaminiHochberg,
    /// The chance of any false flag is at most 5 %; finds less
    Holm,
}

/// Runs the command.
pub fn run(args: &CompareArgs) -> Result<ExitCode, CommandError> {
    let (base_paths, new_paths) = args.sides();
    refuse_a_run_twice(&base_paths, &new_paths)?;
    let read = |paths: &[&Path]| paths.iter().map(|path| Archive::read(path)?.with_records()).collect::<Result<Vec<_>, _>>();
    let (base, new) = (read(&base_paths)?, read(&new_paths)?);
    let correction = match args.correction {
        CorrectionArg::BenjaminiHochberg => Correction::BenjaminiHochberg,
        CorrectionArg::Holm => Correction::Holm,
    };
    let across = args.across.clone().unwrap_or_default();
    let comparison = compare_across(&base.iter().collect::<Vec<_>>(), &new.iter().collect::<Vec<_>>(), correction, &across)?;
    let name = |paths: &[&Path]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let files = match &args.out {
        Some(into) => render_comparison(&comparison, &name(&base_paths), &name(&new_paths), into)?.files,
        None => Vec::new(),
    };
    let regressions = args.fail_on_regression.map(|threshold| comparison.regressions(threshold));
    if args.json {
        let damaged: usize = base.iter().chain(&new).map(|archive| archive.damaged.len()).sum();
        let names = regressions.as_ref().map(|list| list.iter().map(|change| change.name()).collect::<Vec<_>>());
        println!("{}", json!({ "comparison": comparison, "regressions": names, "damaged_lines": damaged, "files": files }));
    } else {
        print!("{}", comparison_text(&comparison, terminal_width(), args.all));
        for archive in base.iter().chain(&new) {
            for damaged in &archive.damaged {
                println!("damaged: {}/{} line {}: {}", archive.directory.display(), damaged.file, damaged.line, damaged.why.escape_debug());
            }
        }
        if let (Some(threshold), Some(list)) = (args.fail_on_regression, &regressions) {
            println!("{}", judgement(&comparison, threshold, list.len()));
        }
        for file in &files {
            println!("{}", file.display());
        }
    }
    Ok(match regressions {
        Some(list) if !list.is_empty() => ExitCode::from(REGRESSION),
        Some(_) if args.fail_on_regression.is_some_and(|threshold| !comparison.can_see(threshold)) => ExitCode::from(CANNOT_JUDGE),
        _ => ExitCode::SUCCESS,
    })
}

/// A run that is given twice would count as two, and two runs that are one have no noise between them.
fn refuse_a_run_twice(base: &[&Path], new: &[&Path]) -> Result<(), CommandError> {
    if base.len().max(new.len()) < 2 {
        return Ok(());
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    for path in base.iter().chain(new) {
        // What cannot be resolved cannot be read either; reading it says so.
        let resolved = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if seen.contains(&resolved) {
            return Err(CommandError::new(format!("{}: given more than once; give each run once", path.display())));
        }
        seen.push(resolved);
    }
    Ok(())
}

fn judgement(comparison: &Comparison, threshold: Threshold, regressions: usize) -> String {
    let percent = methodology::units::percent(threshold.share());
    if !comparison.can_judge() {
        let remedy = match comparison.noise {
            NoiseOf::WithinARun => {
                "no result has repetitions on both sides, so a regression of {percent} % cannot be told from noise. Repeat with `linerate run --full`."
            }
            NoiseOf::BetweenRuns => {
                "no result is held by two runs of a side, so a regression of {percent} % cannot be told from noise. Give more runs."
            }
        };
        format!("Not judged: {}", remedy.replace("{percent}", &percent.to_string()))
    } else if regressions > 0 {
        format!("{regressions} regressions of {percent} % or more: the corrected 95 % interval of each change lies beyond that.")
    } else if !comparison.can_see(threshold) {
        format!(
            "Not judged: with this noise and so few repetitions no result could have shown a regression of {percent} %. Repeat more often, or ask for less."
        )
    } else {
        let open = match comparison.not_ruled_out(threshold) {
            0 => String::new(),
            some => format!(" For {some} results one of that size is not ruled out: their 95 % intervals reach it."),
        };
        format!("No result is shown to be worse by {percent} % or more.{open}")
    }
}
