//! What a search is told, and what it decides.

use serde::{Deserialize, Serialize};

use super::outcome::Aim;
use super::space::Candidate;

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SearchOptions {
    /// Seeds every random choice.
    pub seed: u64,
    /// Which values are better.
    pub aim: Aim,
    /// A difference of this share does not matter (0.02 for 2 %).
    pub within: f64,
}

/// What a trial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The first look at many settings.
    Start,
    /// Settings that are close are measured again.
    Race,
    /// Winner against default.
    Confirmation,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// All others are worse than the winner.
    OneLeft,
    /// What is left is not better than the winner by more than what matters.
    AllEqual,
    /// The budget is used up.
    Budget,
    /// No setting works.
    NothingWorks,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Measure this, and give the outcome to [`Search::record`](super::Search::record).
    Measure {
        /// The setting.
        candidate: Candidate,
        /// Trials of one block follow each other.
        block: usize,
        /// What it is for.
        stage: Stage,
    },
    /// The search has ended.
    Done(StopReason),
}
