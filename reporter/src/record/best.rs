//! What a search for the fastest combination of settings says of its result.

use methodology::units::Goodput;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Record, ShownParameter};

/// The method of records that a search made.
pub const BEST: &str = "best";

/// The search behind a record of the method `best`. The record itself is the middle one of the valid trials of the chosen combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestOf {
    /// The plan keys that were searched.
    pub searched: Vec<String>,
    /// How many combinations of their values there are.
    pub combinations: usize,
    /// The chosen combination, in words; absent where no trial was valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<CombinationRate>,
    /// Trials of all combinations, without those that do not count.
    pub valid_trials: usize,
    /// Trials that do not count: invalid and failed ones.
    pub invalid_trials: usize,
    /// At least this is the probability that no combination that was measured is faster than the chosen one by more than `within`; absent where no
    /// trial was repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// A difference of this share does not matter.
    pub within: f64,
    /// Relative standard deviation of a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Combinations that cannot be told apart from the chosen one, the fastest first.
    pub not_distinguished: Vec<CombinationRate>,
    /// Combinations that are slower beyond noise, the fastest first.
    pub slower: Vec<CombinationRate>,
    /// Combinations that were tried and have no valid trial.
    pub without_valid_trial: Vec<CombinationWithout>,
    /// Combinations that the search did not try.
    pub untried: Vec<String>,
}

impl BestOf {
    /// Whether the size of the messages was searched, and is not that of the measurement.
    pub fn searched_sizes(&self) -> bool {
        self.searched.iter().any(|key| key == "message")
    }
}

/// The rate of a combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CombinationRate {
    /// Its settings, in words.
    pub setting: String,
    /// Payload received, free of the drift of the machine and of outliers.
    pub goodput_bps: Goodput,
    /// The 95 % interval of that; absent where no trial was repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_bps: Option<(Goodput, Goodput)>,
    /// Valid trials behind it.
    pub trials: usize,
}

/// A combination of which nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CombinationWithout {
    /// Its settings, in words.
    pub setting: String,
    /// What its last trial said.
    pub why: String,
}

impl Record {
    /// The search that it is the result of; none for other records.
    pub fn best_of(&self) -> Option<BestOf> {
        serde_json::from_value(self.parameter(ShownParameter::BEST)?.clone()).ok()
    }

    /// Makes it the result of a search.
    pub fn set_best_of(&mut self, best: &BestOf) {
        self.method = BEST.to_owned();
        ShownParameter::BEST.note(&mut self.parameters, json!(best));
    }
}
