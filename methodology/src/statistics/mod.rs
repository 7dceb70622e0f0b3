//! Statistics of repeated measurements. Pure and deterministic: nothing here draws random numbers.
//!
//! - `sample`: mean, median, variance and percentiles of one sample
//! - `interval`: an interval, and why one cannot be stated ([`NoInterval`])
//! - `log_difference`: t-tests of two samples' logarithms
//! - `confidence`: 95 % intervals of a geometric mean, a ratio and a median
//! - `summary`: the record of repeated measurements ([`RepetitionSummary`])
//! - `shared_noise`: the noise that results of one kind have in common
//! - `correction`: many tests at once
//! - `kind_effects`: what the kinds of sender and receiver explain
//! - `delays`: delay variation
//! - `odd_ones`: values that do not belong with the others
//! - `course`: steps, drifts and outliers of a result over many runs ([`Course`])

mod confidence;
mod correction;
mod course;
mod delays;
mod distribution;
mod interval;
mod kind_effects;
mod log_difference;
mod odd_ones;
mod sample;
mod shared_noise;
mod summary;

pub use confidence::{geometric_mean_interval, median_interval, ratio_interval};
pub use correction::{benjamini_hochberg, holm};
pub use course::{Course, Drift, Level, SHORTEST_LEVEL, Step};
pub use delays::{ipdv, pdv, summarise_delays};
pub(crate) use distribution::{lower_t, quantile_t};
pub use interval::{Interval, IntervalMethod, NoInterval};
pub use kind_effects::{KindEffect, KindEffects, NoEffectTest, NotEnoughPairs, PairObservation, kind_effects};
pub use log_difference::{LogDifference, LogSpread, POWER};
pub use odd_ones::{FEWEST_PEERS, p_of_odd_ones, p_of_so_many};
pub use sample::{geometric_mean, logs, mean, median, median_of_sorted, percentile_of_sorted, ratio_of_geometric_means, slope, variance};
pub use shared_noise::SharedNoise;
pub use summary::RepetitionSummary;
