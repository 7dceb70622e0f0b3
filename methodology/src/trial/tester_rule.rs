use serde::{Deserialize, Serialize};

use crate::units::Seconds;

/// What is done about the tester's own faults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TesterRule {
    /// How often a trial that the tester disturbed is repeated before it is kept as invalid.
    pub repeats: u32,
    /// How much sending time may be missing from the intended load (CSIT: 10 µs); what is missing beyond it counts as loss.
    pub offered_slack: Seconds,
    /// Length of the trial that finds out what the tester can offer; zero for none.
    pub calibration: Seconds,
}
