use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Fault, TrialInput, TrialOutcome};
use crate::units::{LossRatio, Seconds};

/// One trial as it is kept: what was asked, what happened, and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Counts from 1 within one run of a method.
    pub number: u32,
    /// Counts from 1: above 1 where the tester disturbed the one before.
    pub attempt: u32,
    /// Why it was done.
    pub purpose: TrialPurpose,
    /// What was asked.
    pub input: TrialInput,
    /// What happened.
    pub outcome: TrialOutcome,
    /// Its verdict.
    pub verdict: TrialVerdict,
    /// The loss a search judges: frames lost or, beyond the tolerance, not offered, over frames intended.
    pub loss_ratio: LossRatio,
}

/// Why a trial was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialPurpose {
    /// To learn what the tester can offer; it is not judged.
    Calibration,
    /// A step of a search.
    Search,
    /// A measurement the procedure reports.
    Measurement,
}

/// Whether a trial is valid, and the reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialVerdict {
    /// Valid or not.
    pub state: TrialState,
    /// Everything that was noticed; may be non-empty on a valid trial too.
    pub reasons: Vec<TrialReason>,
}

/// Whether a trial is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialState {
    /// It says something about the device.
    Valid,
    /// It says something about the tester. It is never the device's loss.
    Invalid,
}

/// What was noticed about a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TrialReason {
    /// The tester's poll loop was interrupted while frames were lost or delays measured.
    Hiccup {
        /// How often.
        count: u64,
        /// The longest absence.
        longest: Seconds,
    },
    /// Fewer frames were offered than intended, beyond the tolerance. What is missing counts as loss, so that the load is not
    /// claimed, but the bound it makes is the tester's.
    OfferedShort {
        /// Frames intended.
        intended: u64,
        /// Frames offered.
        sent: u64,
    },
    /// More distinct frames came than were sent: the tags of another run, or counters read too early.
    MoreReceivedThanSent {
        /// Frames sent.
        sent: u64,
        /// Frames received.
        received: u64,
    },
    /// No frame could be sent at all.
    NothingSent,
    /// The measurer saw it.
    Fault {
        /// What.
        fault: Fault,
    },
}

impl TrialVerdict {
    /// Whether the trial says something about the device.
    pub fn is_valid(&self) -> bool {
        self.state == TrialState::Valid
    }
}

impl fmt::Display for TrialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrialReason::Hiccup { count, longest } => {
                write!(f, "the tester's poll loop was interrupted {count} times, for up to {longest}")
            }
            TrialReason::OfferedShort { intended, sent } => write!(f, "the tester offered {sent} of {intended} frames"),
            TrialReason::MoreReceivedThanSent { sent, received } => {
                write!(f, "{received} frames were received, but only {sent} were sent")
            }
            TrialReason::NothingSent => f.write_str("no frame was sent"),
            TrialReason::Fault { fault } => fault.fmt(f),
        }
    }
}
