use serde::Serialize;

/// Which noise a difference is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseOf {
    /// One run a side: how the repetitions of a run vary. What changes from run to run (placement of memory, the scheduler's choices, what
    /// else the machine did that hour) is not in it.
    WithinARun,
    /// Several runs on a side: how runs vary.
    BetweenRuns,
}
