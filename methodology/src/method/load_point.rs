//! The loads at which delays are measured, as a plan writes them: `at = ["idle", "50% of PDR", "throughput", "100kpps"]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::trial::TrialPath;
use crate::units::{Load, Share, UnitError};

/// A load at which something is measured. Written as text or as a table with `kind` and `value`; records have the table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value", from = "Written")]
pub enum LoadPoint {
    /// The throughput of that frame size (RFC 2544 §26.2).
    Throughput,
    /// A share of PDR (CSIT: 10, 50 and 90 %).
    OfPdr(Share),
    /// So few frames that none waits for another (CSIT's "0 %"): 9001 frames/s, or Min Load where that is more.
    Idle,
    /// A load as a person gives it.
    Load(Load),
}

impl LoadPoint {
    /// Its name in a result: a load that is relative to a search over round trips says so, because a search one way gives another load.
    pub fn searched_on(self, path: Option<TrialPath>) -> String {
        match (self, path) {
            (LoadPoint::Throughput | LoadPoint::OfPdr(_), Some(path @ TrialPath::RoundTrip)) => format!("{self} of {path}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for LoadPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadPoint::Throughput => f.write_str("throughput"),
            LoadPoint::OfPdr(share) => write!(f, "{share} of PDR"),
            LoadPoint::Idle => f.write_str("idle"),
            LoadPoint::Load(load) => load.fmt(f),
        }
    }
}

impl FromStr for LoadPoint {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let unreadable = || UnitError::Unreadable {
            text: text.to_owned(),
            what: "load to measure delays at",
            example: "idle, throughput, 50% of PDR, 100kpps, 10Gbps or 50% (of line rate)",
        };
        let words = text.trim();
        match words.to_ascii_lowercase().as_str() {
            "idle" => return Ok(LoadPoint::Idle),
            "throughput" => return Ok(LoadPoint::Throughput),
            _ => {}
        }
        let share_of_pdr = words.split_once('%').filter(|(_, rest)| {
            let rest: Vec<_> = rest.split_whitespace().collect();
            matches!(rest[..], [of, pdr] if of.eq_ignore_ascii_case("of") && pdr.eq_ignore_ascii_case("pdr"))
        });
        match share_of_pdr {
            Some((percent, _)) => {
                let percent: f64 = percent.trim().parse().map_err(|_| unreadable())?;
                Share::new(percent / 100.0).map(LoadPoint::OfPdr)
            }
            None => words.parse().map(LoadPoint::Load).map_err(|error| match error {
                UnitError::Unreadable { .. } => unreadable(),
                other => other,
            }),
        }
    }
}

/// Both forms of a load point.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a load such as \"idle\", \"throughput\", \"50% of PDR\" or \"100kpps\"")]
enum Written {
    Words(Words),
    Table(#[serde(with = "Table")] LoadPoint),
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Words(LoadPoint);

/// The table, as records have it.
#[derive(Deserialize)]
#[serde(remote = "LoadPoint", rename_all = "kebab-case", tag = "kind", content = "value")]
enum Table {
    Throughput,
    OfPdr(Share),
    Idle,
    Load(Load),
}

impl TryFrom<String> for Words {
    type Error = UnitError;

    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse().map(Words)
    }
}

impl From<Written> for LoadPoint {
    fn from(written: Written) -> Self {
        match written {
            Written::Words(Words(point)) | Written::Table(point) => point,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_table_are_the_same_load() {
        for (text, table) in [
            ("idle", r#"{"kind":"idle"}"#),
            ("throughput", r#"{"kind":"throughput"}"#),
            ("50% of PDR", r#"{"kind":"of-pdr","value":0.5}"#),
            ("12.5 % of pdr", r#"{"kind":"of-pdr","value":0.125}"#),
            ("100kpps", r#"{"kind":"load","value":"100kpps"}"#),
            ("50%", r#"{"kind":"load","value":"50%"}"#),
        ] {
            let [from_text, from_table]: [LoadPoint; 2] =
                [&serde_json::to_string(text).unwrap(), table].map(|json| serde_json::from_str(json).unwrap());
            assert_eq!(from_text, from_table, "{text}");
            assert_eq!(from_text.to_string().parse::<LoadPoint>().unwrap(), from_text, "{text}");
            let written = serde_json::to_value(from_text).unwrap();
            assert_eq!(serde_json::from_value::<LoadPoint>(written).unwrap(), from_text);
        }
    }

    #[test]
    fn a_load_relative_to_a_search_over_round_trips_says_so() {
        let named = |text: &str, path| text.parse::<LoadPoint>().unwrap().searched_on(path);
        assert_eq!(named("90% of PDR", Some(TrialPath::RoundTrip)), "90 % of PDR of round trips");
        assert_eq!(named("throughput", Some(TrialPath::RoundTrip)), "throughput of round trips");
        assert_eq!(named("idle", Some(TrialPath::RoundTrip)), "idle");
        assert_eq!([Some(TrialPath::OneWay), None].map(|path| named("90% of PDR", path)), ["90 % of PDR", "90 % of PDR"]);
    }

    #[test]
    fn what_is_no_load_is_refused_with_the_forms_that_are() {
        for text in ["", "busy", "50% of NDR", "x% of PDR", "-1kpps"] {
            let error = text.parse::<LoadPoint>().unwrap_err().to_string();
            assert!(error.contains("50% of PDR") || error.contains("above 0"), "{text}: {error}");
        }
        let error = serde_json::from_str::<LoadPoint>("5").unwrap_err().to_string();
        assert!(error.contains("\"idle\""), "{error}");
    }
}
