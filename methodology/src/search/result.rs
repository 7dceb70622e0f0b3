use serde::{Deserialize, Serialize};

use super::SearchGoal;
use crate::trial::TrialPath;
use crate::units::{LossRatio, PacketRate, Seconds};

/// What a search found, for every goal it was given. The trials themselves are in the method's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The path of its trials. Results of versions that recorded none were all searched one way.
    #[serde(default)]
    pub path: TrialPath,
    /// Min Load, per direction.
    #[serde(rename = "min_load_pps")]
    pub min_load: PacketRate,
    /// Max Load, per direction.
    #[serde(rename = "max_load_pps")]
    pub max_load: PacketRate,
    /// Whether Max Load is what the tester could offer rather than line rate or what was asked.
    pub max_load_calibrated: bool,
    /// In the order the goals were given.
    pub goals: Vec<GoalResult>,
    /// Trials the search used.
    pub trials: u32,
    /// Their durations together, waits not counted.
    #[serde(rename = "trial_time_s")]
    pub trial_time: Seconds,
}

/// What a search found for one goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoalResult {
    /// The goal with all its attributes.
    pub goal: SearchGoal,
    /// What was found.
    pub outcome: GoalOutcome,
}

/// A regular result, or something that must not be mistaken for one (MLRsearch draft §"Goal Result").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum GoalOutcome {
    /// Both relevant bounds exist and are no further apart than the goal's width.
    Regular {
        /// Relevant Lower Bound: the number the report must show.
        lower: Bound,
        /// Relevant Upper Bound.
        upper: Bound,
        /// Conditional Throughput at the lower bound: the number to compare by.
        #[serde(rename = "conditional_throughput_pps")]
        conditional_throughput: PacketRate,
    },
    /// Anything else.
    Irregular {
        /// What is wrong.
        #[serde(flatten)]
        why: Irregularity,
        /// The largest load that was shown to meet the goal, if any: "at least this".
        lower: Option<Bound>,
        /// The smallest load that was shown not to, if any: "less than this".
        upper: Option<Bound>,
    },
}

/// Why a goal has no regular result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Irregularity {
    /// Max Load meets the goal: the device does at least that.
    AtLeastMaxLoad,
    /// Even Min Load does not meet the goal.
    BelowMinLoad,
    /// The tester disturbed every trial at a load that had to be decided.
    TesterDisturbed,
    /// The limit on trials or trial time was reached first. Bounds that the goal's duration sum did not decide are reported as they were seen:
    /// the trials of each say what they rest on.
    OutOfTime,
}

/// A load that was classified.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// The load, per direction.
    #[serde(rename = "load_pps")]
    pub load: PacketRate,
    /// Trials at it.
    pub trials: u32,
    /// Their durations together.
    #[serde(rename = "trial_time_s")]
    pub trial_time: Seconds,
    /// The greatest loss among its trials.
    pub worst_loss: LossRatio,
    /// The least.
    pub best_loss: LossRatio,
    /// Who made it a bound.
    pub set_by: BoundSetBy,
}

/// Who made a load a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundSetBy {
    /// The device lost or forwarded frames.
    Device,
    /// The tester could not offer the load, or its reflector did not send all frames back: the device may do more.
    Tester,
}

impl GoalOutcome {
    /// Whether both bounds exist within the goal's width.
    pub fn is_regular(&self) -> bool {
        matches!(self, GoalOutcome::Regular { .. })
    }

    /// The relevant lower bound, where one was shown.
    pub fn lower(&self) -> Option<&Bound> {
        match self {
            GoalOutcome::Regular { lower, .. } => Some(lower),
            GoalOutcome::Irregular { lower, .. } => lower.as_ref(),
        }
    }

    /// The relevant upper bound, where one was shown.
    pub fn upper(&self) -> Option<&Bound> {
        match self {
            GoalOutcome::Regular { upper, .. } => Some(upper),
            GoalOutcome::Irregular { upper, .. } => upper.as_ref(),
        }
    }

    /// Conditional throughput, of regular results only: at Max Load it would look like the device's.
    pub fn conditional_throughput(&self) -> Option<PacketRate> {
        match self {
            GoalOutcome::Regular { conditional_throughput, .. } => Some(*conditional_throughput),
            GoalOutcome::Irregular { .. } => None,
        }
    }
}
