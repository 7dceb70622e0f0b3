//! What `linerate tune` searched and found: `tune.json` of its run directory.

use methodology::bottleneck::Finding;
use methodology::tune::{Aim, Axis, Gain, Stage, StopReason, setting_in_words};
use serde::{Deserialize, Serialize};

use crate::amount::{Amount, Unit};
use crate::record::{Pair, Record, ShownParameter, Stack};

/// The file's name in a run directory.
pub const TUNE_FILE: &str = "tune.json";

/// The file of [`Scaling`] in a run directory.
pub const SCALING_FILE: &str = "scaling.json";

/// The key of a record's `parameters` that says which trial of a search it is.
pub const TUNE_KEY: &str = ShownParameter::TUNE.key();

/// A search: what was asked for, and what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuneRun {
    /// Between which endpoints.
    pub pair: Pair,
    /// What carried the traffic.
    pub stack: Stack,
    /// What the settings are compared by: `mrr`, `ndr`, `rtt-p99`, `cpu-per-rate`, `goodput`.
    pub goal: String,
    /// Whether more of it is better.
    pub aim: Aim,
    /// The unit of its values.
    pub unit: Unit,
    /// A difference of this share does not matter.
    pub within: f64,
    /// Seeds every choice of the search.
    pub seed: u64,
    /// How long it may take.
    pub budget: TuneBudget,
    /// Whether a trial counts if interruptions of the tester are all that makes it invalid.
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

impl TuneRun {
    /// A setting with the names of its axes: `burst 64, queues 2`.
    pub fn in_words(&self, setting: &[String]) -> String {
        setting_in_words(&self.axes, setting)
    }

    /// A result of the goal, with its unit.
    pub fn amount(&self, value: f64) -> Amount {
        Amount { unit: self.unit, value }
    }
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
    /// Trials that counted although the tester was interrupted.
    #[serde(default)]
    pub disturbed: usize,
    /// Settings that were tried and have no valid trial: nothing is known of them.
    #[serde(default)]
    pub unknown: Vec<SettingFailed>,
    /// Trials without a valid result.
    #[serde(default)]
    pub invalid: usize,
    /// Settings that were not tried.
    pub untried: usize,
    /// Every setting with a valid trial, the best first.
    pub settings: Vec<SettingFound>,
    /// Settings that do not work here.
    pub failed: Vec<SettingFailed>,
}

impl Found {
    /// What is known of this setting; none without a valid trial.
    pub fn of(&self, setting: &[String]) -> Option<&SettingFound> {
        self.settings.iter().find(|found| found.setting == setting)
    }
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

impl SettingFound {
    /// How many trials are behind its value: `1 trial`, `12 trials`.
    pub fn trials_in_words(&self) -> String {
        format!("{} trial{}", self.trials, if self.trials == 1 { "" } else { "s" })
    }
}

/// A setting without a result: it does not work, or every trial of it was invalid.
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
    /// The stage of the search.
    pub stage: Stage,
    /// A value of each axis.
    pub setting: Vec<String>,
    /// How many trials the budget allowed by the estimate of that moment. The decision depends on it, so a resumed search needs it.
    pub allowed: usize,
    /// Seconds that the search had taken before it.
    pub elapsed_s: f64,
}

impl TuneTrial {
    /// The trial of a record; none if it belongs to no search.
    pub fn of(record: &Record) -> Option<TuneTrial> {
        TuneTrial::deserialize(record.parameter(ShownParameter::TUNE)?).ok()
    }
}

/// How the rate grows with queues and cores: `scaling.json` of `linerate tune --scaling`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Between which endpoints.
    pub pair: Pair,
    /// The keys that all measurements share, as TOML.
    pub base: String,
    /// By queues, the fewest first.
    pub points: Vec<ScalingPoint>,
    /// Numbers of queues that were asked for and cannot be measured here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_measured: Vec<NotMeasured>,
    /// Numbers of queues that were measured without a trial that counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_valid_trial: Vec<NoValidTrial>,
    /// The frames a second that the link carries, where that is known.
    pub ceiling_pps: Option<f64>,
    /// Time of the generator for each frame on a port that drops it at once (net_null): the generator's share of the sender's time.
    pub generator_ns: Option<f64>,
}

/// One number of queues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalingPoint {
    /// Queues of the sender's port.
    pub sender_queues: u16,
    /// Queues of the receiver's port.
    pub receiver_queues: u16,
    /// Cores that poll, at both ends.
    pub cores: u32,
    /// Trials with a value.
    pub trials: usize,
    /// Trials without one.
    pub without_value: usize,
    /// Frames a second: the median of the trials.
    pub rate_pps: f64,
    /// The lowest and the highest trial.
    pub range_pps: (f64, f64),
    /// The rate over that of the first point times the queues: 1 is perfect scaling.
    pub of_perfect: f64,
    /// The rate over what the link carries.
    pub of_ceiling: Option<f64>,
    /// Time of the sender's poll loops for each frame, in ns.
    pub sender_ns: Option<f64>,
    /// Time of the receiver's poll loops for each frame, in ns.
    pub receiver_ns: Option<f64>,
    /// What limits the rate: the finding of most trials.
    pub limit: Finding,
    /// How many trials have that finding.
    pub agreeing: usize,
}

/// A number of queues that was measured, and none of its trials counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoValidTrial {
    /// How many.
    pub queues: String,
    /// Trials that were made.
    pub trials: usize,
    /// Why the last of them does not count.
    pub why: String,
}

/// A number of queues that was asked for and not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMeasured {
    /// How many.
    pub queues: String,
    /// Why.
    pub why: String,
}
