use std::fmt;

use serde::Serialize;

use crate::analysis::statistics;

/// How p is corrected for the number of comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// Benjamini and Hochberg: at most 5 % of what is flagged is flagged wrongly. The default, because a run has hundreds of results
    /// with few repetitions each; with two runs that do not differ at all, the chance of any flag is 5 % as well.
    #[default]
    BenjaminiHochberg,
    /// Holm: the chance that anything at all is flagged wrongly is at most 5 %. Finds less.
    Holm,
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Correction::BenjaminiHochberg => "Benjamini-Hochberg",
            Correction::Holm => "Holm",
        })
    }
}

impl Correction {
    /// Adjusted p in the given order.
    pub(super) fn apply(self, p: &[f64]) -> Vec<f64> {
        match self {
            Correction::BenjaminiHochberg => statistics::benjamini_hochberg(p),
            Correction::Holm => statistics::holm(p),
        }
    }
}
