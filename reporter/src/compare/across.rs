//! What a comparison leaves out of a result's identity, so that a default stands beside a tuned setting.

use std::str::FromStr;

use serde::Serialize;

use crate::analysis::{CellKey, Setting, SettingValue, SizeKey};

/// The keys of a plan whose values may differ between two results that are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Across {
    parts: Vec<Part>,
}

/// A part of a result's identity that a plan key sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Size,
    Load,
    Setting(Setting),
}

/// A key that is not part of a result's identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("results cannot be compared across `{key}`: use one or more of {}", Across::keys_in_words())]
pub struct NotAcross {
    /// As it was written.
    pub key: String,
}

/// Two results of one side that are one without the keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "across {keys}, two results of the {side} side fall together: {one} and {other}; give runs with one value of each of these keys, or remove keys \
     from --across"
)]
pub struct FallTogether {
    /// `base` or `new`.
    pub side: &'static str,
    /// The keys, as they are written.
    pub keys: String,
    /// A result.
    pub one: String,
    /// Another result.
    pub other: String,
}

/// The values of a plan key on both sides, where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcrossValue {
    /// The plan key.
    pub key: String,
    /// On the first side.
    pub base: String,
    /// On the second side.
    pub new: String,
}

impl Part {
    fn all() -> impl Iterator<Item = Part> {
        [Part::Size, Part::Load].into_iter().chain(Setting::all().map(Part::Setting))
    }

    fn key(self) -> String {
        match self {
            Part::Size => "sizes".to_owned(),
            Part::Load => "rate".to_owned(),
            Part::Setting(setting) => setting.plan_key(),
        }
    }

    /// Its value, as a plan has it.
    fn value(self, key: &CellKey) -> String {
        match self {
            Part::Size => key.size.bytes.to_string(),
            Part::Load => key.load.clone().unwrap_or_else(|| "max".to_owned()),
            Part::Setting(setting) => match key.configuration.settings.get(&setting) {
                Some(value) => value.to_string(),
                None => setting.plain().as_ref().map_or_else(|| "default".to_owned(), SettingValue::to_string),
            },
        }
    }
}

impl Across {
    /// The plan keys.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.parts.iter().map(|part| part.key()).collect();
        keys.dedup();
        keys
    }

    /// Whether there is none, so that only results with the same identity are compared.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Leaves out the parts that a plan key sets: `queues` sets those of both ends.
    fn add(&mut self, key: &str) -> Result<(), NotAcross> {
        let both = ["sender-queues", "receiver-queues"];
        // A kernel measure has its sizes under either key.
        let key = if key == "message" { "sizes" } else { key };
        let named = |part: &Part| part.key() == key || (key == "queues" && both.contains(&part.key().as_str()));
        let parts: Vec<Part> = Part::all().filter(named).collect();
        if parts.is_empty() {
            return Err(NotAcross { key: key.to_owned() });
        }
        for part in parts {
            if !self.parts.contains(&part) {
                self.parts.push(part);
            }
        }
        Ok(())
    }

    /// The keys of a list that are part of a result's identity. The others make no difference to it.
    pub fn of_known<'k>(keys: impl IntoIterator<Item = &'k str>) -> Across {
        let mut across = Across::default();
        for key in keys {
            // A key that is not known changes no identity.
            let _ = across.add(key);
        }
        across
    }

    /// A key without the parts that are left out. It is compared, and never shown.
    pub(super) fn without(&self, key: &CellKey) -> CellKey {
        let mut key = key.clone();
        for part in &self.parts {
            match part {
                Part::Size => key.size = SizeKey { bytes: 0, ..key.size },
                Part::Load => key.load = None,
                Part::Setting(setting) => drop(key.configuration.settings.remove(setting)),
            }
        }
        key
    }

    /// The values that differ between two keys.
    pub(super) fn values(&self, base: &CellKey, new: &CellKey) -> Vec<AcrossValue> {
        let of = |part: &Part| AcrossValue { key: part.key(), base: part.value(base), new: part.value(new) };
        self.parts.iter().map(of).filter(|value| value.base != value.new).collect()
    }

    /// The further keys without which measurements of the two sides would be the same.
    pub(super) fn others_between(&self, base: &[CellKey], new: &[CellKey]) -> Across {
        let same = |one: &CellKey, other: &CellKey| {
            (&one.pair, one.stack, one.metric, &one.method) == (&other.pair, other.stack, other.metric, &other.method)
        };
        let pairs = base.iter().flat_map(|one| new.iter().filter(move |other| same(one, other)).map(move |other| (one, other)));
        let mut parts: Vec<Part> = Vec::new();
        for (one, other) in pairs {
            let differ = Part::all().filter(|part| !self.parts.contains(part) && part.value(one) != part.value(other));
            parts.extend(differ.filter(|part| !parts.contains(part)).collect::<Vec<_>>());
        }
        Across { parts }
    }

    fn keys_in_words() -> String {
        let mut keys = vec!["queues".to_owned()];
        keys.extend(Part::all().map(Part::key));
        keys.dedup();
        keys.join(", ")
    }
}

impl FromStr for Across {
    type Err = NotAcross;

    /// Reads `streams,sizes`.
    fn from_str(text: &str) -> Result<Self, NotAcross> {
        let mut across = Across::default();
        text.split(',').map(str::trim).try_for_each(|key| across.add(key))?;
        Ok(across)
    }
}

/// The name of a result whose values of some keys differ: `a-cpu→b-cpu kernel-tcp goodput (streams 1 → 8, sizes 1460 → 16000)`.
pub(super) fn name(base: &CellKey, quantity: crate::analysis::Quantity, values: &[AcrossValue]) -> String {
    let differs = |key: &str| values.iter().any(|value| value.key == key);
    let size = if differs("sizes") { String::new() } else { format!(" {}", base.size) };
    let load = base.load.as_ref().filter(|load| *load != "max" && !differs("rate")).map(|load| format!(" at {load}")).unwrap_or_default();
    let mut shared = base.configuration.clone();
    shared.settings.retain(|setting, _| !differs(&setting.plan_key()));
    let words = values.iter().map(|value| format!("{} {} → {}", value.key, value.base, value.new));
    let setup: Vec<String> = shared.settings_in_words().into_iter().chain(words).collect();
    format!("{} {}{size} {quantity}{load} ({})", base.pair, base.stack, setup.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_a_plan() {
        let across: Across = "streams, sizes,queues".parse().unwrap();
        assert_eq!(across.keys(), ["streams", "sizes", "sender-queues", "receiver-queues"]);
        let unknown = "bursts".parse::<Across>().unwrap_err().to_string();
        assert!(unknown.contains("`bursts`") && unknown.contains("burst, ") && unknown.contains("sizes"), "{unknown}");
        assert!("".parse::<Across>().is_err());
        assert_eq!(Across::of_known(["duration", "burst", "message"]).keys(), ["burst", "sizes"]);
    }

    #[test]
    fn every_setting_has_a_key_of_its_own() {
        let mut keys: Vec<String> = Setting::all().map(Setting::plan_key).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
