use std::fmt;

/// A line that could not be read, or that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedLine {
    /// Relative to the run directory.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for DamagedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}
