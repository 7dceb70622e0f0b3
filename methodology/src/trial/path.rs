use std::fmt;

use serde::{Deserialize, Serialize};

/// What the frames of a trial pass before they are counted. The two paths of one test setup carry different loads: a search and the trials that
/// depend on its result must use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialPath {
    /// From a generator to a sink.
    #[default]
    OneWay,
    /// From a generator to a reflector and back to the generator.
    RoundTrip,
}

impl fmt::Display for TrialPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrialPath::OneWay => "one way",
            TrialPath::RoundTrip => "round trips",
        })
    }
}
