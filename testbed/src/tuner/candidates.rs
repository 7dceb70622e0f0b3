//! The settings of a search as plans, and the refusal of a space that cannot be measured.

use std::collections::BTreeMap;
use std::path::Path;

use methodology::tune::{Axis, Candidate, Space};
use reporter::record::{Pair, Stack};
use reporter::tuned::LeftOut;

use super::TuneError;
use super::knob::{DEFAULT, Knob, as_toml};
use crate::FileProblem;
use crate::conductor;
use crate::plan::{Measure, Plan};
use crate::topology::Testbed;

/// The settings of a search: each is a plan with one measure of one size.
#[derive(Debug, Clone)]
pub struct Candidates {
    /// The settings that can be measured.
    pub space: Space,
    /// Combinations that cannot.
    pub left_out: Vec<LeftOut>,
    /// The lines that all have in common.
    pub base: Base,
    /// By setting.
    measures: Vec<Measure>,
}

/// What all settings of a search share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Between which endpoints.
    pub pair: Pair,
    /// What carries the traffic.
    pub stack: Stack,
    /// The size, if no knob varies it.
    pub size: u32,
    /// Keys of the measure and their values as TOML.
    pub keys: Vec<(String, String)>,
}

/// The values of a setting, each as a list of one with its key: what [`Base::plan`] takes.
pub(super) fn with_keys<'a>(axes: &'a [Axis], values: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, Vec<&'a str>)> {
    axes.iter().zip(values).map(|(axis, value)| (axis.name.as_str(), vec![value])).collect()
}

impl Base {
    /// The plan of one setting, or of several: an axis with several values is a list. What `tune.toml` holds.
    pub(super) fn plan(&self, name: &str, repetitions: u32, settings: &[(&str, Vec<&str>)]) -> String {
        let mut text = format!("name = \"{name}\"\npairs = [\"{}:{}\"]\nrepetitions = {repetitions}\n", self.pair.from, self.pair.to);
        text.push_str("\n[[measure]]\n");
        text.push_str(&self.measure(settings));
        text
    }

    /// The measure of one setting, or why it cannot be measured. No port is opened.
    pub(super) fn checked(&self, setting: &[(&str, Vec<&str>)], testbed: &Testbed) -> Result<Measure, String> {
        let plan = Plan::reread(&self.plan("tune", 1, setting), Path::new("setting")).map_err(|error| match error {
            FileProblem::Wrong { message, .. } => message,
            other => other.to_string(),
        })?;
        match &plan.measures[..] {
            [measure] if measure.sizes.len() == 1 => {
                conductor::count(&plan, testbed).map(|_| measure.clone()).map_err(|error| error.to_string())
            }
            _ => Err("a setting has one value of each key".to_owned()),
        }
    }

    /// Why a setting cannot be measured, with the key that is to blame: the one without which it can be measured.
    pub(super) fn refusal(&self, setting: &[(&str, Vec<&str>)], testbed: &Testbed, why: &str) -> String {
        let without = |key: &str| Base { keys: self.keys.iter().filter(|(other, _)| other != key).cloned().collect(), ..self.clone() };
        let blamed = self.keys.iter().find(|(key, _)| without(key).checked(setting, testbed).is_ok());
        match blamed {
            Some((key, value)) => format!("with {key} = {value}: {}", in_words(key, value, why)),
            None => why.to_owned(),
        }
    }

    /// The lines of the measure.
    pub(super) fn measure(&self, settings: &[(&str, Vec<&str>)]) -> String {
        let mut text = format!("stack = \"{}\"\n", self.stack);
        let is_set = |key: &str| settings.iter().any(|(set, values)| *set == key && *values != [DEFAULT]);
        // A plan has the sizes of its messages under either key.
        if !is_set("sizes") && !is_set("message") && !self.keys.iter().any(|(key, _)| key == "message") {
            text.push_str(&format!("sizes = [{}]\n", self.size));
        }
        for (key, value) in self.keys.iter().filter(|(key, _)| !is_set(key)) {
            text.push_str(&format!("{key} = {value}\n"));
        }
        for (key, values) in settings {
            match values[..] {
                [DEFAULT] => {}
                [value] => text.push_str(&format!("{key} = {}\n", as_toml(key, value))),
                _ if *key == "sizes" => text.push_str(&format!("sizes = [{}]\n", values.join(", "))),
                _ => {
                    let values: Vec<String> = values.iter().filter(|value| **value != DEFAULT).map(|value| as_toml(key, value)).collect();
                    text.push_str(&format!("{key} = [{}]\n", values.join(", ")));
                }
            }
        }
        text
    }
}

impl Candidates {
    /// All combinations of the knobs' values that can be measured. The default is one of them; its value is added to a knob that lacks it.
    ///
    /// # Errors
    /// The default cannot be measured, or a value of a knob cannot be measured in any combination: more queues than there are CPUs.
    pub fn new(base: Base, knobs: &[Knob], testbed: &Testbed) -> Result<Candidates, TuneError> {
        let mut axes = Vec::new();
        let mut default = Vec::new();
        for knob in knobs {
            if axes.iter().any(|axis: &Axis| axis.name == knob.key) {
                return Err(TuneError::Refused(format!("knob `{}` is given twice: give all its values at once", knob.key)));
            }
            let size = base.size.to_string();
            let wanted = if knob.key == "sizes" { size.as_str() } else { knob.default_value() };
            let fixed = base.keys.iter().find(|(key, _)| *key == knob.key).map(|(_, value)| value.trim_matches('"'));
            let wanted = fixed.unwrap_or(wanted);
            let mut values = knob.values.clone();
            if !values.iter().any(|value| value == wanted) {
                values.insert(0, wanted.to_owned());
            }
            default.push(values.iter().position(|value| value == wanted).unwrap_or(0));
            axes.push(Axis { name: knob.key.clone(), values, costly: knob.is_costly() });
        }
        let mut refusals: BTreeMap<Vec<usize>, String> = BTreeMap::new();
        let mut allowed: BTreeMap<Vec<usize>, Measure> = BTreeMap::new();
        // The number of settings and repeated values are checked first: parsing up to a hundred thousand plans takes seconds.
        let all = Space::new(axes.clone(), &default, |_| Some(1))?;
        for candidate in all.candidates() {
            let setting = all.setting(candidate);
            match base.checked(&with_keys(&axes, all.values(candidate)), testbed) {
                Ok(measure) => {
                    allowed.insert(setting.to_vec(), measure);
                }
                Err(why) => {
                    refusals.insert(setting.to_vec(), why);
                }
            }
        }
        if let Some(why) = refusals.get(&default) {
            let why = base.refusal(&with_keys(&axes, all.values(all.default_setting())), testbed, why);
            return Err(TuneError::Refused(format!("the default setting cannot be measured: {why}")));
        }
        for (place, axis) in axes.iter().enumerate() {
            for (index, value) in axis.values.iter().enumerate() {
                if !allowed.keys().any(|setting| setting[place] == index) {
                    // The last refusal, which has the last values of the other axes. With the first ones another reason may apply as well: two queues
                    // also need more flows than the first value of `flows`.
                    let why = refusals.iter().rev().find(|(setting, _)| setting[place] == index).map_or("", |(_, why)| why.as_str());
                    let why = in_words(&axis.name, value, why);
                    return Err(TuneError::Refused(format!(
                        "knob {} {value} cannot be measured here: {why}; remove this value",
                        axis.name
                    )));
                }
            }
        }
        let mut left_out: Vec<LeftOut> = Vec::new();
        for why in refusals.into_values() {
            match left_out.iter_mut().find(|left_out| left_out.why == why) {
                Some(left_out) => left_out.settings += 1,
                None => left_out.push(LeftOut { settings: 1, why }),
            }
        }
        let space = Space::new(axes, &default, |setting| allowed.get(setting).map(cores))?;
        let measures = space.candidates().filter_map(|candidate| allowed.remove(space.setting(candidate))).collect();
        Ok(Candidates { space, left_out, base, measures })
    }

    /// What measures one setting.
    pub fn measure(&self, candidate: Candidate) -> &Measure {
        &self.measures[candidate.index()]
    }

    /// The grid: one plan with every value of every knob.
    pub fn grid(&self) -> String {
        let all = self.space.axes().iter().map(|axis| (axis.name.as_str(), axis.values.iter().map(String::as_str).collect::<Vec<_>>()));
        self.base.plan("tune", 1, &all.collect::<Vec<_>>())
    }
}

/// What the plan says of a value, in the words of a knob: the plan's reader says what may stand in a file, and not which key is wrong.
fn in_words(key: &str, value: &str, why: &str) -> String {
    if why.contains(&format!("unknown field `{key}`")) {
        return format!("`{key}` is not a key of a measure (docs/plan.md has the keys)");
    }
    if why.contains("expected one value, or a list") {
        return format!("{value} is not a value of `{key}` (docs/plan.md has its values)");
    }
    why.to_owned()
}

/// The CPU cores that a measure takes; those of kernel stacks are known only when it was measured.
pub(super) fn cores(measure: &Measure) -> u32 {
    let queues = measure.tuning.queues;
    // Each queue has a poll loop with a core of its own.
    if measure.kind.is_kernel() { 0 } else { u32::from(queues.sender.get()) + u32::from(queues.receiver.get()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(stack: Stack, keys: &[(&str, &str)]) -> Base {
        let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Base { pair: "a-cpu:b-cpu".parse().unwrap(), stack, size: 64, keys }
    }

    fn mrr() -> Base {
        base(Stack::Dpdk, &[("method", "\"mrr\""), ("preset", "\"quick\""), ("duration", "\"100ms\"")])
    }

    fn lab() -> Testbed {
        Testbed::of_planned_lab(Path::new("/nonexistent/linerate"))
    }

    fn nics(cpus: &str) -> Testbed {
        let endpoint = |id: &str, port: &str, cpus: &str| format!("[[endpoint]]\nid = \"{id}\"\nport = \"{port}\"\ncpu = {cpus}\n");
        let text = format!("name = \"x\"\n{}{}", endpoint("a-cpu", "03:00.0", cpus), endpoint("b-cpu", "04:00.0", "[11, 12, 13, 14]"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("testbed.toml");
        std::fs::write(&file, text).unwrap();
        Testbed::read(&file).unwrap()
    }

    fn knobs(texts: &[&str]) -> Vec<Knob> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn every_setting_is_a_plan_and_the_default_is_what_a_plan_has_without_the_keys() {
        let texts = ["burst=16,32", "rx-descriptors=512,1024", "mempool-cache=0,64,256", "fast-free=true,false"];
        let found = Candidates::new(mrr(), &knobs(&texts), &lab()).unwrap();
        assert_eq!(found.space.len(), 3 * 3 * 3 * 2);
        assert_eq!(found.space.values(found.space.default_setting()), [DEFAULT, DEFAULT, "256", "true"]);
        for candidate in found.space.candidates() {
            let text = found.base.plan("setting", 1, &with_keys(found.space.axes(), found.space.values(candidate)));
            assert_eq!(Plan::reread(&text, Path::new("setting")).unwrap().measures.len(), 1);
        }
        assert!(Plan::reread(&found.grid(), Path::new("grid")).is_ok());
    }

    #[test]
    fn a_value_that_cannot_be_measured_is_refused_and_a_combination_that_cannot_is_left_out() {
        let refused = |texts: &[&str], testbed: &Testbed| Candidates::new(mrr(), &knobs(texts), testbed).unwrap_err().to_string();
        let few = refused(&["queues=1,4", "flows=1024"], &nics("[1, 2]"));
        assert!(few.contains("queues 4 cannot be measured here") && few.contains("has 2 CPUs"), "{few}");
        let burst = refused(&["burst=32,1000"], &lab());
        assert!(burst.contains("burst 1000") && burst.contains("1 to 256"), "{burst}");
        let unknown = refused(&["bursts=32"], &lab());
        assert!(unknown.contains("`bursts` is not a key of a measure"), "{unknown}");
        for (knob, named) in [("burst=16,many", "many is not a value of `burst`"), ("queues=1,99999", "99999 is not a value of `queues`")] {
            let wrong = refused(&[knob], &lab());
            assert!(wrong.contains(named), "{wrong}");
        }
        assert!(refused(&["burst=8", "burst=16"], &lab()).contains("twice"));
        // Two queues need 128 flows: with one flow they are left out.
        let found = Candidates::new(mrr(), &knobs(&["queues=1,2", "flows=1,128"]), &nics("[1, 2]")).unwrap();
        assert_eq!((found.space.len(), found.left_out[0].settings), (3, 1));
        assert!(found.left_out[0].why.contains("at least 128 flows"), "{:?}", found.left_out);
    }

    #[test]
    fn a_fixed_key_that_cannot_be_measured_is_named() {
        for (value, why) in [("1000", "with burst = 1000: a burst has 1 to 256 frames"), ("\"many\"", "\"many\" is not a value of `burst`")]
        {
            let fixed = base(Stack::Dpdk, &[("method", "\"mrr\""), ("preset", "\"quick\""), ("duration", "\"100ms\""), ("burst", value)]);
            let refused = Candidates::new(fixed, &knobs(&["rx-descriptors=512,1024"]), &lab()).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn a_knob_is_any_key_of_a_plan() {
        let base = base(Stack::KernelTcp, &[("method", "\"stream\"")]);
        let setting = [("congestion-control", vec!["bbr"]), ("mtu", vec!["9000"]), ("zero-copy", vec!["true"]), ("gro", vec![DEFAULT])];
        let text = base.measure(&setting);
        assert!(text.ends_with("congestion-control = \"bbr\"\nmtu = 9000\nzero-copy = true\n") && text.contains("sizes = [64]"), "{text}");
        // The size of a message takes the place of sizes.
        let text = base.measure(&[("message", vec!["64K"])]);
        assert!(text.contains("message = \"64K\"") && !text.contains("sizes"), "{text}");
        assert!(base.measure(&[("message", vec![DEFAULT])]).contains("sizes = [64]"));
        // What the plan does not have, it refuses itself.
        let knob: Knob = "no-such-key=1,2".parse().unwrap();
        assert!(Candidates::new(base, &[knob], &lab()).unwrap_err().to_string().contains("no-such-key"));
    }

    #[test]
    fn a_kernel_stream_has_streams_and_message_sizes() {
        let base = base(Stack::KernelTcp, &[("method", "\"stream\"")]);
        let found = Candidates::new(base, &knobs(&["streams=1,2,4", "sizes=64,1460"]), &lab()).unwrap();
        assert_eq!((found.space.len(), found.space.values(found.space.default_setting())), (6, vec!["1", "64"]));
        let measure = found.measure(found.space.find(&[2, 1]).unwrap());
        assert_eq!((measure.kind.kernel_tuning().unwrap().streams.get(), measure.sizes[0].bytes()), (4, 1460));
    }
}
