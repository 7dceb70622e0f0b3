//! Counts and changes as text, for sentences of the analysis and of the report.

use super::{Amount, Unit};

/// `1 trial`, `4 trials`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A ratio as a change: `+4.50 %`, `-4.50 %`.
pub(crate) fn signed_percent(ratio: f64) -> String {
    let value = (ratio - 1.0) * 100.0;
    format!("{}{}", if value > 0.0 { "+" } else { "" }, Amount { unit: Unit::Percent, value })
}
