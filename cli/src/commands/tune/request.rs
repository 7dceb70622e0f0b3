use methodology::units::Seconds;
use reporter::archive::{RunDirectory, TESTBED_FILE};
use reporter::record::{Pair, Stack};
use reporter::tuned::TuneBudget;
use serde::{Deserialize, Serialize};
use testbed::topology::Testbed;
use testbed::tuner::{Knob, TuneRequest};

use super::args::TuneArgs;
use crate::commands::CommandError;

/// What is asked for. It is kept in the run directory, so that an interrupted search can be resumed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Request {
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

/// The file of [`Request`] in the run directory.
const REQUEST_FILE: &str = "tune-request.json";

impl Request {
    /// What was asked for: now, or when the search that is resumed was started.
    pub(super) fn of(args: &TuneArgs) -> Result<Request, CommandError> {
        if let Some(directory) = &args.resume {
            let path = directory.join(REQUEST_FILE);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| CommandError::new(format!("{}: {error}: no search was started there", path.display())))?;
            return serde_json::from_str(&text).map_err(|error| CommandError::new(format!("{}: {error}", path.display())));
        }
        if args.trials == Some(0) || args.budget.is_zero() {
            return Err(CommandError::new("a budget of 0 measures nothing: write --trials 60 or --budget 2m"));
        }
        let budget = args.trials.map_or(TuneBudget::Seconds(args.budget.seconds()), TuneBudget::Trials);
        Ok(Request {
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

    /// Keeps it in the run directory.
    pub(super) fn keep(&self, directory: &RunDirectory) -> Result<(), CommandError> {
        Ok(std::fs::write(directory.path().join(REQUEST_FILE), serde_json::to_vec_pretty(self)?)?)
    }

    /// As the search takes it.
    pub(super) fn parsed(&self) -> Result<TuneRequest, CommandError> {
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

/// The testbed of `--testbed`; for a resumed search, the testbed that it started on. `None` is the built-in lab.
pub(super) fn given_testbed(args: &TuneArgs) -> Result<Option<Testbed>, CommandError> {
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
