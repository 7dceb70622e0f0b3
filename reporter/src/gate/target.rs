//! What a result is compared with.

use std::path::PathBuf;

/// Where a target comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A value in base units.
    Absolute(f64),
    /// A share of the line rate that the record names.
    LineRate(f64),
    /// The same result of another run.
    Baseline(PathBuf),
    /// The newest level of the same result in the runs of a directory.
    History(PathBuf),
}
