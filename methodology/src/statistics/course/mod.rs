//! The course of a result over many runs: levels, the steps between them, a drift, and single runs that stand out.
//!
//! Values are logarithms, so that steps and drifts are factors. Noise is taken to be independent from run to run and equal in all runs.
//!
//! - `outliers`: runs that stand out from their neighbours; they are named and left out
//! - `scan`: the chance that the best of all splits of a flat series looks as good as this
//! - `segmentation`: where the levels begin, each step tested
//! - `model`: steps, a drift, or both: the shortest description (Bayesian information criterion, Schwarz 1978), built of parts that
//!   are each shown beyond noise

mod model;
mod outliers;
mod scan;
mod segmentation;
mod shortest_level;

pub use model::{Course, Drift, Level, Step};
pub use shortest_level::SHORTEST_LEVEL;
