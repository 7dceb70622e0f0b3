use methodology::units::Seconds;
use reporter::archive::{RunDirectory, read_kept};
use reporter::record::{Pair, Stack};
use reporter::tuned::TuneBudget;
use serde::{Deserialize, Serialize};
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
    /// Whether the rate by queues is measured, and nothing is searched.
    #[serde(default)]
    scaling: bool,
}

/// The file of [`Request`] in the run directory.
pub(in crate::commands) const REQUEST_FILE: &str = "tune-request.json";

impl Request {
    /// What was asked for: now, or when the search that is resumed was started.
    pub(super) fn of(args: &TuneArgs) -> Result<Request, CommandError> {
        if let Some(directory) = &args.resume {
            let bytes = read_kept(directory, REQUEST_FILE)
                .map_err(|error| CommandError::new(format!("{}: no search was started there", CommandError::from(error))))?;
            let kept: Request = serde_json::from_slice(&bytes)
                .map_err(|error| CommandError::new(format!("{}: {error}", directory.join(REQUEST_FILE).display())))?;
            if kept.scaling {
                let why = "it has the rate by queues (--scaling), which is not continued: measure it again in another directory";
                return Err(CommandError::new(format!("{}: {why}", directory.display())));
            }
            return Ok(kept);
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
            scaling: args.scaling,
        })
    }

    /// Keeps it in the run directory.
    pub(super) fn keep(&self, directory: &RunDirectory) -> Result<(), CommandError> {
        Ok(directory.replace(REQUEST_FILE, &serde_json::to_vec_pretty(self)?)?)
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
