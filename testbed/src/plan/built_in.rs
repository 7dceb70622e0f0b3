use std::path::Path;

use super::file::parse;
use super::model::Plan;
use crate::text_file::FileProblem;

/// How much of the built-in plan is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Three sizes, short trials: under a minute.
    Quick,
    /// All seven sizes of RFC 2544 §9.1: under three minutes.
    Standard,
    /// One-second trials, three repetitions: under twenty minutes.
    Full,
}

impl Extent {
    /// The plan's name.
    pub const fn name(self) -> &'static str {
        match self {
            Extent::Quick => "quick",
            Extent::Standard => "standard",
            Extent::Full => "full",
        }
    }

    /// The plan as a file: what a person would write, and where to start from for a plan of one's own.
    pub const fn text(self) -> &'static str {
        match self {
            Extent::Quick => include_str!("quick.toml"),
            Extent::Standard => include_str!("standard.toml"),
            Extent::Full => include_str!("full.toml"),
        }
    }
}

impl Plan {
    /// The plan that needs no file: every pair, kernel and bypass.
    pub fn built_in(extent: Extent) -> Result<Plan, FileProblem> {
        parse(extent.text(), Path::new(extent.name()))
    }
}
