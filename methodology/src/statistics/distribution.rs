//! The two distributions that the tests need.

use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};

/// P(T ≤ t) of Student's distribution; none for degrees of freedom that are not above 0.
pub(crate) fn lower_t(t: f64, freedom: f64) -> Option<f64> {
    Some(StudentsT::new(0.0, 1.0, freedom).ok()?.cdf(t).clamp(0.0, 1.0))
}

/// The value that Student's distribution stays below with this probability.
pub(crate) fn quantile_t(share: f64, freedom: f64) -> Option<f64> {
    Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(share))
}

/// P(F ≥ f) of Fisher's distribution; none for degrees of freedom that are not above 0.
pub(super) fn upper_f(f: f64, between: f64, within: f64) -> Option<f64> {
    Some((1.0 - FisherSnedecor::new(between, within).ok()?.cdf(f.max(0.0))).clamp(0.0, 1.0))
}
