//! What a plan changes of a preset's waits and of its rule for the tester: key by key, the rest stays as the preset has it.

use serde::{Deserialize, Serialize};

use super::TesterRule;
use crate::trial::TrialPhases;
use crate::units::Seconds;

/// Waits of each trial that are to differ from the preset's.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PhaseChanges {
    /// RFC 2544 §23 a): after a routing update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_wait: Option<Seconds>,
    /// §23 b): after the learning frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_wait: Option<Seconds>,
    /// §23 d): for frames still under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_wait: Option<Seconds>,
    /// §23 e): for the device to settle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_wait: Option<Seconds>,
}

/// What is to be done otherwise about the tester's own faults than the preset does.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TesterChanges {
    /// How often a trial that the tester disturbed is repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
    /// How much sending time may be missing from the intended load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered_slack: Option<Seconds>,
    /// Length of the trial that finds out what the tester can offer; zero for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Seconds>,
}

impl PhaseChanges {
    pub(super) fn applied_to(self, preset: TrialPhases) -> TrialPhases {
        TrialPhases {
            routing_wait: self.routing_wait.unwrap_or(preset.routing_wait),
            learning_wait: self.learning_wait.unwrap_or(preset.learning_wait),
            drain_wait: self.drain_wait.unwrap_or(preset.drain_wait),
            settle_wait: self.settle_wait.unwrap_or(preset.settle_wait),
        }
    }
}

impl TesterChanges {
    pub(super) fn applied_to(self, preset: TesterRule) -> TesterRule {
        TesterRule {
            repeats: self.repeats.unwrap_or(preset.repeats),
            offered_slack: self.offered_slack.unwrap_or(preset.offered_slack),
            calibration: self.calibration.unwrap_or(preset.calibration),
        }
    }
}
