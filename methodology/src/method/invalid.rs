use thiserror::Error;

/// A method that cannot be carried out as it was asked for.
///
/// [`key`](Self::key) names the key of the plan the fault is in, so that a plan reader can give the line.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("`{key}`: {problem}: {remedy}")]
pub struct InvalidMethod {
    key: String,
    problem: String,
    remedy: String,
}

impl InvalidMethod {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        InvalidMethod { key: key.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// The key the fault is in, relative to the method's table: `min-load`, `goals[1].width`, `sizes`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to write instead.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}
