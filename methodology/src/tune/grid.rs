//! What a full grid needs, as the measure of what a search saves.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// The repetitions of each of `settings` settings that a grid with equal repetitions needs, so that the setting with the greatest mean is within
/// a share `within` of the best with probability `confidence`, whatever the values are; `noise` is the relative standard deviation of a trial,
/// which the grid is taken to know.
///
/// This is the single-stage procedure for the least favourable values: one setting is best, all others are worse by exactly `within`
/// (Bechhofer 1954, Annals of Mathematical Statistics 25:16): n = (h σ / δ)², where h solves ∫ Φ(x + h)^(k−1) φ(x) dx = confidence.
pub fn grid_repetitions(settings: usize, noise: f64, within: f64, confidence: f64) -> u32 {
    if settings < 2 || noise <= 0.0 {
        return 1;
    }
    let (mut low, mut high) = (0.0, 20.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if chance_of_the_best(middle, settings) < confidence { low = middle } else { high = middle }
    }
    ((high * noise / within.ln_1p()).powi(2).ceil() as u32).max(1)
}

/// The probability that the best of `settings` has the greatest mean, where it leads by `h` standard errors of a mean.
fn chance_of_the_best(h: f64, settings: usize) -> f64 {
    let Ok(normal) = Normal::new(0.0, 1.0) else { return 0.0 };
    // The trapezium rule from -8 to 8 in steps of 0.02: the integrand is smooth and negligible outside.
    let step = 0.02;
    (0..=800).map(|place| -8.0 + step * f64::from(place)).map(|x| normal.cdf(x + h).powi(settings as i32 - 1) * normal.pdf(x) * step).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_those_of_bechhofer_s_table() {
        // Two settings: P(Z < h/√2) = 0.95, h = 2.326. Ten at 95 %: h = 3.4182 (Bechhofer 1954, table I).
        assert!((chance_of_the_best(2.326_2, 2) - 0.95).abs() < 1e-4);
        assert!((chance_of_the_best(3.418_2, 10) - 0.95).abs() < 1e-4);
        assert_eq!(grid_repetitions(10, 0.05, 0.02, 0.95), (3.418_2 * 0.05 / 1.02_f64.ln()).powi(2).ceil() as u32);
        assert_eq!(grid_repetitions(1, 0.05, 0.02, 0.95), 1);
    }
}
