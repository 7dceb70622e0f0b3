use serde::{Deserialize, Serialize};

use super::{Algorithm, InvalidMethod, LoadPoint, Method, MethodName, Preset, TesterRule};
use crate::search::SearchGoal;
use crate::trial::{ResetKind, TrialPhases};
use crate::units::{Frames, Load, Seconds, Share};

/// A method as a plan writes it: a name, a preset, and what is to differ from the preset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MethodSpec {
    /// Which method.
    pub name: MethodName,
    /// Where all other values come from; each method has its own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Search goals instead of the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goals: Option<Vec<SearchGoal>>,
    /// The search instead of the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// Min Load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_load: Option<Load>,
    /// Max Load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_load: Option<Load>,
    /// Trial time after which a search gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Seconds>,
    /// Waits of each trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<TrialPhases>,
    /// What is done about the tester's own faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tester: Option<TesterRule>,
    /// Length of each trial of the procedure (not of its search).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Seconds>,
    /// Repetitions of the procedure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetitions: Option<u32>,
    /// Loads at which `latency` and `pdv` measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Vec<LoadPoint>>,
    /// Step of `frame-loss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Share>,
    /// What `reset` resets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<ResetKind>,
}

/// Which Internet protocol the test frames carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpVersion {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

impl MethodSpec {
    /// A method with its default preset and nothing changed.
    pub fn new(name: MethodName) -> Self {
        MethodSpec {
            name,
            preset: None,
            goals: None,
            algorithm: None,
            min_load: None,
            max_load: None,
            time_limit: None,
            phases: None,
            tester: None,
            duration: None,
            repetitions: None,
            at: None,
            step: None,
            event: None,
        }
    }

    /// The same with this preset.
    pub fn with_preset(mut self, preset: Preset) -> Self {
        self.preset = Some(preset);
        self
    }

    /// Fills in every value, or says everything that cannot be: the method's own values, and whether it can be done with these frames.
    ///
    /// # Errors
    /// Each fault found, with the key it is in.
    pub fn resolve(&self, sizes: &[Frames], ip: IpVersion) -> Result<Method, Vec<InvalidMethod>> {
        let _ = (sizes, ip);
        unimplemented!("comes with the presets")
    }
}
