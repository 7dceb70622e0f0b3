//! The knobs of a search: plan keys, the values to try, and the value that a plan has without the key.

use std::fmt;
use std::str::FromStr;

/// One knob and the values to try, such as `burst=16,32,64`. Values that hold commas are separated by semicolons:
/// `sender-devargs=txqs_min_inline=0;txqs_min_inline=8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knob {
    /// The plan key.
    pub key: String,
    /// As they are written; `default` leaves the key out.
    pub values: Vec<String>,
}

/// The value that leaves a key out of the plan: what linerate or the testbed chooses.
pub(super) const DEFAULT: &str = "default";

/// Keys, the value that a plan has without them if that is known, and whether the ports must be reopened to change it.
const KNOWN: [(&str, Option<&str>, bool); 13] = [
    ("queues", Some("1"), true),
    ("sender-queues", Some("1"), true),
    ("receiver-queues", Some("1"), true),
    ("reflector-queues", Some("1"), true),
    ("burst", None, false),
    ("flows", Some("1"), false),
    ("pacing", Some("software"), true),
    ("rx-descriptors", None, true),
    ("tx-descriptors", None, true),
    ("mempool-cache", Some("256"), true),
    ("fast-free", Some("true"), true),
    ("streams", Some("1"), false),
    ("sizes", None, false),
];

impl Knob {
    /// A knob with these values.
    pub fn new<V: ToString>(key: &str, values: impl IntoIterator<Item = V>) -> Self {
        Knob { key: key.to_owned(), values: values.into_iter().map(|value| value.to_string()).collect() }
    }

    /// The value that stands for the default: what a plan has without the key, or [`DEFAULT`].
    pub(super) fn default_value(&self) -> &'static str {
        let known = KNOWN.iter().find(|(key, ..)| *key == self.key);
        known.and_then(|(_, value, _)| *value).unwrap_or(DEFAULT)
    }

    /// Whether the ports must be reopened to change it. Of unknown keys this is assumed.
    pub(super) fn is_costly(&self) -> bool {
        KNOWN.iter().find(|(key, ..)| *key == self.key).is_none_or(|(_, _, costly)| *costly)
    }
}

/// A value as TOML: numbers and booleans as they are, everything else quoted.
pub(super) fn as_toml(key: &str, value: &str) -> String {
    let plain = value.parse::<i64>().is_ok() || matches!(value, "true" | "false");
    let literal = if plain { value.to_owned() } else { toml::Value::String(value.to_owned()).to_string() };
    if key == "sizes" { format!("[{literal}]") } else { literal }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = self.values.iter().any(|value| value.contains(','));
        write!(f, "{}={}", self.key, self.values.join(if comma { ";" } else { "," }))
    }
}

impl FromStr for Knob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, values) =
            text.split_once('=').ok_or_else(|| format!("`{text}` is not a knob: write KEY=VALUE,VALUE such as burst=16,32,64"))?;
        let separator = if values.contains(';') { ';' } else { ',' };
        let values: Vec<String> = values.split(separator).map(|value| value.trim().to_owned()).collect();
        if key.is_empty() || values.iter().any(String::is_empty) {
            return Err(format!("`{text}` has an empty key or value: write KEY=VALUE,VALUE such as burst=16,32,64"));
        }
        let key = key.trim();
        if !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("`{key}` in `{text}` is not a plan key: write a key of a measure, such as burst or rx-descriptors"));
        }
        Ok(Knob { key: key.to_owned(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_knob_reads_as_it_is_written() {
        for text in ["burst=16,32,64", "sender-devargs=default;txqs_min_inline=0,tx_pp=500"] {
            assert_eq!(text.parse::<Knob>().unwrap().to_string(), text);
        }
        let devargs: Knob = "sender-devargs=txqs_min_inline=0;txqs_min_inline=8".parse().unwrap();
        assert_eq!((devargs.values.len(), devargs.default_value(), devargs.is_costly()), (2, DEFAULT, true));
        assert!("burst".parse::<Knob>().unwrap_err().contains("KEY=VALUE"));
        assert!("burst=8,,9".parse::<Knob>().is_err());
        // A key in quotes would stand in the plan beside the same key without them.
        for text in ["\"burst\"=8", "bu rst=8", "burst.x=8"] {
            assert!(text.parse::<Knob>().unwrap_err().contains("is not a plan key"), "{text}");
        }
        assert_eq!(
            (as_toml("burst", "8"), as_toml("sizes", "64"), as_toml("pacing", "software")),
            ("8".into(), "[64]".into(), "\"software\"".into())
        );
    }
}
