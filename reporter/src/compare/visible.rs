use serde::Serialize;

use crate::analysis::LEVEL;
use crate::analysis::statistics::LogDifference;

/// How large a shift had to be to be found four times in five, with the noise and the repetitions that there are. "No difference" says nothing
/// about smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Visible {
    /// Where this result alone shifted: the correction then asks it for the strictest p of all.
    pub alone: f64,
    /// Where every result shifted: the correction then costs almost nothing. (Of Benjamini and Hochberg's; Holm's asks for more.)
    pub together: f64,
    #[serde(skip)]
    test: LogDifference,
}

impl Visible {
    pub(super) fn uncorrected(test: LogDifference) -> Self {
        Visible { alone: f64::NAN, together: f64::NAN, test }.among(1)
    }

    /// As one of several comparisons.
    pub(super) fn among(self, comparisons: usize) -> Self {
        let at = |level: f64| self.test.smallest_visible(level).unwrap_or(f64::INFINITY);
        Visible { alone: at(LEVEL / comparisons.max(1) as f64), together: at(LEVEL), test: self.test }
    }
}
