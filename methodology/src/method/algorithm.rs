//! Which search a method uses, and how a plan writes it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Which search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", rename_all_fields = "kebab-case", try_from = "WrittenAlgorithm")]
pub enum Algorithm {
    /// draft-ietf-bmwg-mlrsearch-15.
    Mlrsearch,
    /// Plain bisection: one final-length trial decides a load (ETSI GS NFV-TST 009 clause 12.3.2).
    Binary,
    /// Bisection with loss verification (ETSI GS NFV-TST 009 clause 12.3.3).
    Bslv {
        /// max(r): trials at most at one load.
        max_trials: u32,
        /// z: a trial that loses more frames than this fails its load at once. Nothing: no such limit.
        max_loss: Option<u64>,
    },
}

/// The keys of an algorithm as written: a key that it does not have is an error and not a limit that is silently missing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table such as { kind = \"binary\" }")]
struct WrittenAlgorithm {
    kind: Kind,
    max_trials: Option<u32>,
    max_loss: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Mlrsearch,
    Binary,
    Bslv,
}

/// The keys do not make an algorithm.
#[derive(Debug, Error)]
enum NotAnAlgorithm {
    #[error("only algorithm \"bslv\" has `max-trials` and `max-loss`: remove them, or use kind = \"bslv\"")]
    OnlyBslv,
    #[error("algorithm \"bslv\" needs `max-trials`: the most trials at one load")]
    NoMaxTrials,
}

impl TryFrom<WrittenAlgorithm> for Algorithm {
    type Error = NotAnAlgorithm;

    fn try_from(written: WrittenAlgorithm) -> Result<Algorithm, NotAnAlgorithm> {
        let WrittenAlgorithm { kind, max_trials, max_loss } = written;
        match kind {
            Kind::Bslv => Ok(Algorithm::Bslv { max_trials: max_trials.ok_or(NotAnAlgorithm::NoMaxTrials)?, max_loss }),
            _ if max_trials.is_some() || max_loss.is_some() => Err(NotAnAlgorithm::OnlyBslv),
            Kind::Mlrsearch => Ok(Algorithm::Mlrsearch),
            Kind::Binary => Ok(Algorithm::Binary),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Algorithm, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_again_and_a_key_that_an_algorithm_lacks_is_refused() {
        for algorithm in [Algorithm::Mlrsearch, Algorithm::Binary, Algorithm::Bslv { max_trials: 2, max_loss: Some(10) }] {
            assert_eq!(read(&serde_json::to_string(&algorithm).unwrap()), Ok(algorithm));
        }
        let refused = |json: &str, word: &str| {
            let said = read(json).unwrap_err();
            assert!(said.contains(word), "{json}: {said}");
        };
        refused(r#"{"kind":"bslv","max-trials":2,"max-los":10}"#, "max-los");
        refused(r#"{"kind":"mlrsearch","max-trials":2}"#, "only algorithm");
        refused(r#"{"kind":"binary","max-loss":2}"#, "only algorithm");
        refused(r#"{"kind":"bslv"}"#, "max-trials");
        refused(r#"{"kind":"linear"}"#, "binary");
        refused(r#""binary""#, "a table such as");
    }
}
