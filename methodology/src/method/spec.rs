use serde::{Deserialize, Serialize};

use super::{
    Algorithm, InvalidMethod, IpVersion, LoadPoint, Method, MethodName, PhaseChanges, Preset, Procedure, TesterChanges, preset_values,
    validate,
};
use crate::search::SearchGoal;
use crate::trial::ResetKind;
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
    /// Waits of each trial: those that are given, the others are the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<PhaseChanges>,
    /// What is done about the tester's own faults: what is given, the rest is the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tester: Option<TesterChanges>,
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
        let mut method = preset_values::method(self.name, self.preset.unwrap_or_else(|| preset_values::default_preset(self.name)));
        let mut faults = self.change_search(&mut method);
        method.phases = self.phases.unwrap_or_default().applied_to(method.phases);
        method.tester = self.tester.unwrap_or_default().applied_to(method.tester);
        faults.extend(self.change_procedure(&mut method.procedure));
        faults.extend(validate::faults(&method, sizes, ip));
        if faults.is_empty() { Ok(method) } else { Err(faults) }
    }

    /// Puts the values of the search in; one that has no effect on the method is a fault and is left out.
    fn change_search(&self, method: &mut Method) -> Vec<InvalidMethod> {
        // Why the method has no such value.
        let no_search = (!method.procedure.searches()).then_some("it does not search for a load");
        let (no_min, no_max) = match method.procedure {
            Procedure::Mrr { .. } => (Some("it sends at maximum rate"), Some("it sends at maximum rate")),
            // RFC 9004 §6.1. The buffer time would be computed with a rate that was not sent.
            Procedure::BackToBack { .. } => (None, Some("it sends its bursts as fast as the port takes frames (RFC 9004 §6.1)")),
            _ => (None, None),
        };
        let mut faults = Vec::new();
        let mut change = |key: &str, given: bool, refused: Option<&str>, apply: &mut dyn FnMut()| match refused {
            Some(why) if given => faults.push(self.no_such_value(key, why)),
            Some(_) => {}
            None => apply(),
        };
        let search = &mut method.search;
        change("goals", self.goals.is_some(), no_search, &mut || replace(&mut search.goals, self.goals.clone()));
        change("algorithm", self.algorithm.is_some(), no_search, &mut || replace(&mut search.algorithm, self.algorithm));
        change("min-load", self.min_load.is_some(), no_min, &mut || replace(&mut search.min_load, self.min_load));
        change("max-load", self.max_load.is_some(), no_max, &mut || replace(&mut search.max_load, self.max_load));
        change("time-limit", self.time_limit.is_some(), no_search, &mut || replace(&mut search.time_limit, self.time_limit));
        faults
    }

    fn no_such_value(&self, key: &str, why: &str) -> InvalidMethod {
        InvalidMethod::new(key, format!("`{}` has no such value: {why}", self.name), "leave the key out")
    }

    /// Puts the procedure's own values in; a value the method does not have is a fault, not a silence.
    fn change_procedure(&self, procedure: &mut Procedure) -> Vec<InvalidMethod> {
        let mut left = (self.duration, self.repetitions, self.at.clone(), self.step, self.event);
        match procedure {
            Procedure::Throughput | Procedure::NdrPdr => {}
            Procedure::Latency { at, duration, repetitions, .. } | Procedure::Pdv { at, duration, repetitions } => {
                replace(at, left.2.take());
                replace(duration, left.0.take());
                replace(repetitions, left.1.take());
            }
            Procedure::FrameLoss { step, duration } => {
                replace(step, left.3.take());
                replace(duration, left.0.take());
            }
            Procedure::BackToBack { repetitions, max_burst, .. } => {
                replace(max_burst, left.0.take());
                replace(repetitions, left.1.take());
            }
            Procedure::SystemRecovery { overload, reduced, repetitions } => {
                replace(overload, left.0);
                replace(reduced, left.0.take());
                replace(repetitions, left.1.take());
            }
            Procedure::Reset { event, duration, repetitions, .. } => {
                replace(event, left.4.take());
                replace(duration, left.0.take());
                replace(repetitions, left.1.take());
            }
            Procedure::Mrr { trials, duration } => {
                replace(duration, left.0.take());
                replace(trials, left.1.take());
            }
            Procedure::Overload { duration, .. } | Procedure::Soak { duration, .. } => replace(duration, left.0.take()),
        }
        let unused = [
            ("duration", left.0.is_some(), "its trials are those of its goals"),
            ("repetitions", left.1.is_some(), "it is done once"),
            ("at", left.2.is_some(), "only latency and pdv are measured at given loads"),
            ("step", left.3.is_some(), "only frame-loss goes in steps"),
            ("event", left.4.is_some(), "only reset has one"),
        ];
        unused.into_iter().filter(|(_, given, _)| *given).map(|(key, _, why)| self.no_such_value(key, why)).collect()
    }
}

fn replace<T>(value: &mut T, with: Option<T>) {
    if let Some(with) = with {
        *value = with;
    }
}
