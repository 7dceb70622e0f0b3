use reporter::environment::{Finding, Severity};
use serde::Serialize;

/// How much a check's result matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckLevel {
    /// As it should be.
    Ok,
    /// Worth knowing when the figures are read.
    Note,
    /// The figures will be lower, or vary more, than they could.
    Warning,
    /// Something cannot be measured at all.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a word or two, unique but for the port's name.
    pub subject: String,
    /// How much the result matters.
    pub severity: CheckLevel,
    /// What was seen.
    pub seen: String,
    /// Why it matters; empty where all is well.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub why: &'static str,
    /// The command that fixes it, where there is one.
    #[serde(rename = "mend", skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    pub(super) fn ok(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Check { subject: subject.into(), severity: CheckLevel::Ok, seen: seen.into(), why: "", fix: None }
    }

    pub(super) fn found(severity: CheckLevel, subject: impl Into<String>, seen: impl Into<String>, why: &'static str) -> Self {
        Check { subject: subject.into(), severity, seen: seen.into(), why, fix: None }
    }

    pub(super) fn fixed_by(self, command: impl Into<String>) -> Self {
        Check { fix: Some(command.into()), ..self }
    }

    /// The check as `environment.json` keeps it; nothing where all is well.
    pub fn finding(&self) -> Option<Finding> {
        let severity = match self.severity {
            CheckLevel::Ok => return None,
            CheckLevel::Note => Severity::Note,
            CheckLevel::Warning => Severity::Warning,
            CheckLevel::Problem => Severity::Error,
        };
        Some(Finding { severity, what: format!("{}: {}; {}", self.subject, self.seen, self.why), fix: self.fix.clone() })
    }
}
