use std::path::Path;

use super::file::parse;
use super::model::Plan;
use crate::text_file::FileProblem;

/// A plan that needs no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltInPlan {
    /// Three sizes, short trials: under a minute.
    Quick,
    /// All seven sizes of RFC 2544 §9.1: under three minutes.
    Standard,
    /// One-second trials, three repetitions: under twenty minutes.
    Full,
}

impl BuiltInPlan {
    /// The plan's name.
    pub const fn name(self) -> &'static str {
        match self {
            BuiltInPlan::Quick => "quick",
            BuiltInPlan::Standard => "standard",
            BuiltInPlan::Full => "full",
        }
    }

    /// The plan as a file: what a person would write, and where to start from for a plan of one's own.
    pub const fn text(self) -> &'static str {
        match self {
            BuiltInPlan::Quick => include_str!("quick.toml"),
            BuiltInPlan::Standard => include_str!("standard.toml"),
            BuiltInPlan::Full => include_str!("full.toml"),
        }
    }
}

impl Plan {
    /// The plan that needs no file: every pair, kernel and bypass.
    pub fn built_in(plan: BuiltInPlan) -> Result<Plan, FileProblem> {
        parse(plan.text(), Path::new(plan.name()))
    }
}
