//! `linerate compare`: what differs between two runs beyond noise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use reporter::archive::Archive;
use reporter::compare::{Comparison, Correction, Threshold, compare};
use reporter::render::{comparison_text, render_comparison};
use serde_json::json;

use super::{CommandError, terminal_width};

/// Where a regression of the threshold or more was found.
const REGRESSION: u8 = 1;
/// Where a threshold was given and nothing could be judged: a gate must not pass because it was blind.
const CANNOT_JUDGE: u8 = 3;

/// Compare two runs: which results differ beyond noise.
#[derive(Debug, Args)]
#[command(after_long_help = "\
THE TEST
  Each result that both runs hold is tested with a t-test of the logarithms of its repetitions, corrected for the
  number of comparisons. Its noise is learnt from all results of its kind (Smyth 2004), because three repetitions say
  little; with fewer than 20 of them, or very unequal repetitions, from itself (Welch). It takes at least two repetitions on each side: with one, noise cannot be judged, and no
  difference is called real. Differences of environment, plan, testbed, configuration and tools are printed before the
  numbers, and after them how large a shift had to be to be found: within noise rules out no smaller one.

EXIT CODES
  0   no regression, or no threshold given
  1   with --fail-on-regression: a result is worse beyond noise, by the threshold or more; or the runs could not be read
  3   with --fail-on-regression: no result could be judged (n = 1 everywhere, nothing valid, or nothing in common), or
      none could have shown a regression of that size: repeat more often, or ask for less

EXAMPLES
  linerate compare runs/before runs/after
  linerate compare runs/before runs/after --out compared
  linerate compare baseline/ runs/new --fail-on-regression 5%")]
pub struct CompareArgs {
    /// The run to compare with
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// The run to judge
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Exit with 1 where a result is worse beyond noise by this much or more, such as 5%
    #[arg(long, value_name = "SHARE")]
    fail_on_regression: Option<Threshold>,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CorrectionArg {
    /// At most 5 % of what is flagged is flagged wrongly
    BenjaminiHochberg,
    /// The chance of any false flag is at most 5 %; finds less
    Holm,
}

/// Runs the command.
pub fn run(args: &CompareArgs) -> Result<ExitCode, CommandError> {
    let (base, new) = (Archive::read(&args.base)?, Archive::read(&args.new)?);
    let correction = match args.correction {
        CorrectionArg::BenjaminiHochberg => Correction::BenjaminiHochberg,
        CorrectionArg::Holm => Correction::Holm,
    };
    let comparison = compare(&base, &new, correction);
    let name = |path: &Path| path.display().to_string();
    let files = match &args.out {
        Some(into) => render_comparison(&comparison, &name(&args.base), &name(&args.new), into)?.files,
        None => Vec::new(),
    };
    let regressions = args.fail_on_regression.map(|threshold| comparison.regressions(threshold));
    if args.json {
        let damaged = base.damaged.len() + new.damaged.len();
        let names = regressions.as_ref().map(|list| list.iter().map(|change| change.name()).collect::<Vec<_>>());
        println!("{}", json!({ "comparison": comparison, "regressions": names, "damaged_lines": damaged, "files": files }));
    } else {
        print!("{}", comparison_text(&comparison, terminal_width(), args.all));
        for archive in [&base, &new] {
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

fn judgement(comparison: &Comparison, threshold: Threshold, regressions: usize) -> String {
    let percent = methodology::units::percent(threshold.share());
    if !comparison.can_judge() {
        format!(
            "Not judged: no result has repetitions on both sides, so a regression of {percent} % cannot be told from noise. Repeat with `linerate run --full`."
        )
    } else if regressions > 0 {
        format!("{regressions} regressions of {percent} % or more.")
    } else if !comparison.can_see(threshold) {
        format!(
            "Not judged: with this noise and so few repetitions no result could have shown a regression of {percent} %. Repeat more often, or ask for less."
        )
    } else {
        let blind = match comparison.blind_to(threshold) {
            0 => String::new(),
            some => format!(" {some} results would have shown one of that size only in company of others."),
        };
        format!("No regression of {percent} % or more was found.{blind}")
    }
}
