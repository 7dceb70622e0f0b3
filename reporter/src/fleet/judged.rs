use serde::Serialize;

/// What a value was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerNoise {
    /// How the values of the other testbeds vary.
    BetweenTestbeds,
    /// Too few testbeds: how repetitions vary within runs. Testbeds differ by more than that, so that a difference is real and may be usual.
    WithinRuns,
}

/// The answer for one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judged {
    /// Of the hypothesis that it belongs with the others.
    pub p: f64,
    /// Corrected for the number of values.
    pub p_corrected: f64,
    /// Whether it differs.
    pub differs: bool,
}
