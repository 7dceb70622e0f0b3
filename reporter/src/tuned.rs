//! What `linerate tune` searched and found: `tune.json` of its run directory.

use methodology::tune::{Aim, Axis, Gain, Stage, StopReason};
use serde::{Deserialize, Serialize};

use crate::amount::Unit;
use crate::record::{Pair, Record, Stack};

/// The file's name in a run directory.
pub const TUNE_FILE: &str = "tune.json";

/// The key of a record's `parameters` that says which trial of a search it is.
pub const TUNE_KEY: &str = "tune";

/// A search: what was asked for, and what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuneRun {
    /// Between which endpoints.
    pub pair: Pair,
    /// What carried the traffic.
    pub stack: Stack,
    /// What was to be made best: `mrr`, `ndr`, `rtt-p99`, `cpu-per-rate`, `goodput`.
    pub goal: String,
    /// Whether more of it is better.
    pub aim: Aim,
    /// What it is counted in.
    pub unit: Unit,
    /// A difference of this share does not matter.
    pub within: f64,
    /// Seeds every choice of the search.
    pub seed: u64,
    /// How long it may take.
    pub budget: TuneBudget,
    /// Whether trials count in which only the tester was interrupted.
    #[serde(default)]
    pub accept_disturbed: bool,
    /// The keys that all settings share, as TOML: stack, method, size, duration.
    pub base: String,
    /// What was varied, and through which values.
    pub axes: Vec<Axis>,
    /// The default: an index into each axis.
    pub default: Vec<usize>,
    /// Combinations that cannot be measured, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What was found; none before the first trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

/// The budget of a search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TuneBudget {
    /// A number of trials.
    Trials(usize),
    /// Seconds.
    Seconds(f64),
}

/// Combinations that share a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many.
    pub settings: usize,
    /// The reason of the first of them.
    pub why: String,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Why it ended; none where the user ended it.
    pub stop: Option<StopReason>,
    /// The setting to use: a value of each axis.
    pub chosen: Vec<String>,
    /// The setting with the best mean.
    pub winner: Vec<String>,
    /// Whether the winner is better than the default beyond noise.
    pub better_than_default: bool,
    /// Winner against default, from trials that chose neither.
    pub gain: Option<Gain>,
    /// The setting that takes the fewest cores of those that equal the winner.
    pub cheapest: Vec<String>,
    /// At least this is the probability that no measured setting is better than the chosen one by more than `within`.
    pub confidence: f64,
    /// Relative standard deviation of a trial.
    pub noise: Option<f64>,
    /// Trials, those without a value included.
    pub trials: usize,
    /// Trials in which the tester was interrupted, and which counted all the same.
    #[serde(default)]
    pub disturbed: usize,
    /// Settings that were not tried.
    pub untried: usize,
    /// Every setting with a valid trial, the best first.
    pub settings: Vec<SettingFound>,
    /// Settings that do not work here.
    pub failed: Vec<SettingFailed>,
}

/// What is known of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingFound {
    /// A value of each axis.
    pub setting: Vec<String>,
    /// Its result, free of drift and outliers.
    pub value: f64,
    /// The 95 % interval of that.
    pub interval: Option<(f64, f64)>,
    /// Valid trials behind it.
    pub trials: usize,
    /// Cores that it takes.
    pub cores: f64,
    /// Whether it is not shown to be worse than the winner.
    pub equals_winner: bool,
}

/// A setting that does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingFailed {
    /// A value of each axis.
    pub setting: Vec<String>,
    /// What its last record says.
    pub why: String,
}

/// Which trial of a search a record is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuneTrial {
    /// Its number, from 1.
    pub trial: usize,
    /// Trials of one block follow each other.
    pub block: usize,
    /// What it was for.
    pub stage: Stage,
    /// A value of each axis.
    pub setting: Vec<String>,
    /// The trials that the budget seemed to allow: a decision depends on it, so a resumed search needs it.
    pub allowed: usize,
    /// Seconds that the search had taken before it.
    pub elapsed_s: f64,
}

impl TuneTrial {
    /// What a record says of itself.
    pub fn of(record: &Record) -> Option<TuneTrial> {
        TuneTrial::deserialize(record.parameters.get(TUNE_KEY)?).ok()
    }
}
