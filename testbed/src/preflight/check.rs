use std::borrow::Cow;

use reporter::environment::{Finding, Severity};
use serde::{Deserialize, Serialize};

/// How much a check's result matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at, in a word or two, unique but for the port's name.
    pub subject: String,
    /// How much the result matters.
    pub severity: CheckLevel,
    /// What was seen.
    pub seen: String,
    /// Why it matters; empty where all is well.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub why: Cow<'static, str>,
    /// The command that fixes it, where there is one.
    #[serde(rename = "mend", default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    /// All is well.
    pub fn ok(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Check { subject: subject.into(), severity: CheckLevel::Ok, seen: seen.into(), why: Cow::Borrowed(""), fix: None }
    }

    /// Something that matters.
    pub fn found(severity: CheckLevel, subject: impl Into<String>, seen: impl Into<String>, why: impl Into<Cow<'static, str>>) -> Self {
        Check { subject: subject.into(), severity, seen: seen.into(), why: why.into(), fix: None }
    }

    /// The same with the command that fixes it.
    pub fn fixed_by(self, command: impl Into<String>) -> Self {
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
