//! One `[[measure]]` in its file: where its keys are, and errors that name the line.

use std::ops::Range;
use std::path::Path;

use methodology::units::Seconds;

use super::key_problem::KeyProblem;
use super::measure::FileMeasure;
use crate::text_file::{FileProblem, wrong};

/// The keys that every measure has.
const OF_EVERY_MEASURE: [&str; 4] = ["stack", "method", "pairs", "sizes"];

/// The table of a measure in the file.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
    pub(super) table: Range<usize>,
    /// The keys that are written in it.
    pub(super) keys: Vec<String>,
}

impl Source<'_> {
    /// A problem at a place in the file; without a place, at the table of the measure.
    pub(super) fn wrong(&self, span: Option<Range<usize>>, message: impl Into<String>) -> FileProblem {
        wrong(self.text, self.path, span.or_else(|| Some(self.table.clone())), message)
    }

    /// A problem of a key.
    pub(super) fn wrong_key(&self, KeyProblem { key, why }: KeyProblem) -> FileProblem {
        self.wrong(self.span_of(key), why)
    }

    /// The keys that are written and that not every measure has.
    pub(super) fn own_keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str).filter(|key| !OF_EVERY_MEASURE.contains(key))
    }

    /// Refuses keys that a method does not have.
    pub(super) fn only(&self, measure: &FileMeasure, allowed: &[&str]) -> Result<(), FileProblem> {
        match self.own_keys().find(|key| !allowed.contains(key)) {
            Some(key) => {
                let message = format!("method \"{}\" has no key `{key}`; its keys are: {}", measure.method.get_ref(), allowed.join(", "));
                Err(self.wrong(self.span_of(key), message))
            }
            None => Ok(()),
        }
    }

    /// How long it is measured.
    pub(super) fn duration(&self, measure: &FileMeasure, default: f64) -> Result<Seconds, FileProblem> {
        match &measure.duration {
            None => Seconds::new(default).map_err(|error| self.wrong(None, error.to_string())),
            Some(duration) if duration.get_ref().is_zero() => {
                Err(self.wrong(Some(duration.span()), "a duration of 0 measures nothing: write a time such as \"1s\""))
            }
            Some(duration) => Ok(*duration.get_ref()),
        }
    }

    /// Where a key such as `goals[1].width` stands in this measure's table, as near as its last named part.
    pub(super) fn span_of(&self, key: &str) -> Option<Range<usize>> {
        // The span of a table is that of its header; its keys follow until the next table.
        let after = self.text.get(self.table.start..)?;
        let table = &after[..after[1..].find("\n[[").map_or(after.len(), |end| end + 1)];
        let names: Vec<&str> = key.split(['.', '[', ']']).filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
        let at = names.iter().rev().find_map(|name| {
            let assigned = |(at, _): &(usize, &str)| {
                let before = table[..*at].chars().next_back();
                table[at + name.len()..].trim_start().starts_with('=') && !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            table.match_indices(name).find(assigned).map(|(at, _)| at)
        })?;
        Some(self.table.start + at..self.table.start + at + 1)
    }
}
