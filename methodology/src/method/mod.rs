//! What can be asked for: methods, presets, and everything that can be changed about them.
//!
//! A plan writes a [`MethodSpec`]; [`MethodSpec::resolve`] refuses the impossible and gives a [`Method`] with every
//! value filled in, which [`crate::procedures::run`] carries out and every report repeats.

mod algorithm;
mod changes;
mod deviations;
mod invalid;
mod ip_version;
mod load_point;
mod preset;
pub(crate) mod preset_values;
mod spec;
mod validate;

use serde::{Deserialize, Serialize};

pub use algorithm::Algorithm;
pub use changes::{PhaseChanges, TesterChanges};
pub use invalid::InvalidMethod;
pub use ip_version::IpVersion;
pub use load_point::LoadPoint;
pub use preset::{MethodName, Preset};
pub use spec::MethodSpec;

use crate::search::SearchGoal;
use crate::trial::{ResetKind, TrialPhases};

pub use crate::trial::TesterRule;
use crate::units::{Load, Seconds, Share};

/// A method with every value filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Method {
    /// Which one.
    pub name: MethodName,
    /// Where its values come from.
    pub preset: Preset,
    /// The waits of each trial.
    pub phases: TrialPhases,
    /// What is done about the tester's own faults.
    pub tester: TesterRule,
    /// The search, for methods that need one (all but MRR and frame loss).
    pub search: SearchPlan,
    /// What is particular to the method.
    pub procedure: Procedure,
}

/// How a search is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SearchPlan {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What is sought.
    pub goals: Vec<SearchGoal>,
    /// Min Load, per direction; above zero.
    pub min_load: Load,
    /// Max Load, per direction; `max` is line rate where the link's speed is known, and what a calibration trial offers otherwise.
    pub max_load: Load,
    /// Trial time after which the search gives up.
    pub time_limit: Seconds,
}

/// What is particular to each method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", rename_all_fields = "kebab-case")]
pub enum Procedure {
    /// RFC 2544 §26.1: nothing but the search.
    Throughput,
    /// Several goals at once: nothing but the search.
    NdrPdr,
    /// RFC 2544 §26.2 as RFC 8219 §7.2 defines it, and CSIT's load points.
    Latency {
        /// Loads at which delays are measured.
        at: Vec<LoadPoint>,
        /// Length of each trial (RFC 8219: at least 120 s).
        duration: Seconds,
        /// Frames sent earlier are not in the summary (RFC 8219: 60 s).
        tagged_after: Seconds,
        /// Trials at each load (RFC 8219: at least 20).
        repetitions: u32,
    },
    /// RFC 8219 §7.3: PDV and IPDV.
    Pdv {
        /// Loads at which delays are measured.
        at: Vec<LoadPoint>,
        /// Length of each trial (RFC 8219: at least 60 s).
        duration: Seconds,
        /// Trials at each load (RFC 8219: at least 20).
        repetitions: u32,
    },
    /// RFC 2544 §26.3.
    FrameLoss {
        /// From 100 % down in steps of this (RFC 2544: 10 % or finer).
        step: Share,
        /// Length of each trial.
        duration: Seconds,
    },
    /// RFC 2544 §26.4 as RFC 9004 replaces it.
    BackToBack {
        /// Independent searches (RFC 2544: at least 50).
        repetitions: u32,
        /// The longest burst, as time (RFC 9004 §6.2: up to 30 s).
        max_burst: Seconds,
        /// Smallest step of burst length in frames.
        min_step: u64,
        /// max(r) of the search with loss verification; 1 is plain bisection.
        max_trials: u32,
    },
    /// RFC 2544 §26.5.
    SystemRecovery {
        /// How long the overload lasts (RFC 2544: at least 60 s).
        overload: Seconds,
        /// How long the reduced load lasts.
        reduced: Seconds,
        /// Trials.
        repetitions: u32,
    },
    /// RFC 2544 §26.6 (terms of RFC 6201).
    Reset {
        /// What is reset.
        event: ResetKind,
        /// Length of each trial.
        duration: Seconds,
        /// When in the trial.
        after: Seconds,
        /// Trials.
        repetitions: u32,
    },
    /// CSIT's Maximum Receive Rate.
    Mrr {
        /// Trials (CSIT: 10).
        trials: u32,
        /// Length of each (CSIT: 1 s).
        duration: Seconds,
    },
    /// From NDR to a multiple of it: does the device forward less when offered more?
    Overload {
        /// Up to this multiple of NDR (2 for 200 %), or max load.
        up_to: f64,
        /// Points, NDR and the last included.
        points: u32,
        /// Length of each trial.
        duration: Seconds,
    },
    /// The relevant lower bound, held for long.
    Soak {
        /// Length in all (CSIT: 30 min).
        duration: Seconds,
        /// Length of each interval that is counted on its own.
        interval: Seconds,
    },
}

impl Procedure {
    /// Length of one trial, where the method has one length that can be changed.
    pub fn duration(&self) -> Option<Seconds> {
        match *self {
            Procedure::Throughput | Procedure::NdrPdr => None,
            Procedure::Latency { duration, .. }
            | Procedure::Pdv { duration, .. }
            | Procedure::FrameLoss { duration, .. }
            | Procedure::Reset { duration, .. }
            | Procedure::Mrr { duration, .. }
            | Procedure::Overload { duration, .. }
            | Procedure::Soak { duration, .. } => Some(duration),
            Procedure::BackToBack { max_burst, .. } => Some(max_burst),
            Procedure::SystemRecovery { overload, .. } => Some(overload),
        }
    }

    /// How often the method is repeated, where it is.
    pub fn repetitions(&self) -> Option<u32> {
        match *self {
            Procedure::Latency { repetitions, .. }
            | Procedure::Pdv { repetitions, .. }
            | Procedure::BackToBack { repetitions, .. }
            | Procedure::SystemRecovery { repetitions, .. }
            | Procedure::Reset { repetitions, .. } => Some(repetitions),
            Procedure::Mrr { trials, .. } => Some(trials),
            Procedure::Throughput
            | Procedure::NdrPdr
            | Procedure::FrameLoss { .. }
            | Procedure::Overload { .. }
            | Procedure::Soak { .. } => None,
        }
    }
}
