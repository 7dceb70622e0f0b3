//! Mean, median, variance, percentiles of one sample, and the slope of a line.

/// Arithmetic mean; none of no values.
pub fn mean(sample: &[f64]) -> Option<f64> {
    if sample.is_empty() { None } else { Some(sample.iter().sum::<f64>() / sample.len() as f64) }
}

/// Middle value, or the mean of the two middle ones; none of no values.
pub fn median(sample: &[f64]) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

/// The median of sorted values: the middle one, or the mean of the two in the middle.
pub fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(sorted[middle - 1].midpoint(sorted[middle])),
    }
}

/// Unbiased sample variance; none of fewer than two values.
pub fn variance(sample: &[f64]) -> Option<f64> {
    if sample.len() < 2 {
        return None;
    }
    let centre = mean(sample)?;
    Some(sample.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (sample.len() - 1) as f64)
}

/// Natural logarithms; none where a value is not above 0.
pub fn logs(sample: &[f64]) -> Option<Vec<f64>> {
    sample.iter().map(|&x| (x > 0.0 && x.is_finite()).then(|| x.ln())).collect()
}

/// Geometric mean; none of no values, or where one is below 0 or not finite. A value of 0 makes it 0.
pub fn geometric_mean(sample: &[f64]) -> Option<f64> {
    let usable = sample.iter().all(|x| *x >= 0.0 && x.is_finite());
    match logs(sample) {
        Some(logs) => mean(&logs).map(f64::exp),
        None => usable.then_some(0.0),
    }
}

/// The ratio of two samples' geometric means; none where it is not finite. Computed from logarithms as [`ratio_interval`](super::ratio_interval)
/// is, so that it lies within that interval to the last bit.
pub fn ratio_of_geometric_means(numerator: &[f64], denominator: &[f64]) -> Option<f64> {
    let ratio = match (logs(numerator), logs(denominator)) {
        (Some(above), Some(below)) => (mean(&above)? - mean(&below)?).exp(),
        _ => geometric_mean(numerator)? / geometric_mean(denominator)?,
    };
    ratio.is_finite().then_some(ratio)
}

/// The nearest-rank percentile of sorted values: the smallest value that `percent` % of them are not above. A value that was really seen.
pub fn percentile_of_sorted<T: Copy>(sorted: &[T], percent: f64) -> Option<T> {
    // 99.9 % of 1000 is rank 999, not 1000: take off what the multiplication adds.
    let rank = (percent / 100.0 * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

/// Slope of the least-squares line through (x, y); nothing from fewer than two different x.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let squares: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    (squares > 0.0).then(|| points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum::<f64>() / squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometric_means_are_of_values_that_are_not_negative() {
        assert!((geometric_mean(&[1.0, 4.0]).unwrap() - 2.0).abs() < 1e-12);
        assert_eq!((geometric_mean(&[0.0, 4.0]), geometric_mean(&[-1.0, 4.0]), geometric_mean(&[])), (Some(0.0), None, None));
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<u64> = (1..=1000).collect();
        assert_eq!(percentile_of_sorted(&values, 50.0), Some(500));
        assert_eq!(percentile_of_sorted(&values, 99.9), Some(999));
        assert_eq!(percentile_of_sorted(&values, 100.0), Some(1000));
        assert_eq!(percentile_of_sorted(&values, 0.0), Some(1));
        assert_eq!(percentile_of_sorted::<u64>(&[], 50.0), None);
    }

    #[test]
    fn a_line_has_its_slope_and_a_point_has_none() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(slope(&[(1.0, 3.0)]), None);
        assert_eq!(slope(&[]), None);
    }
}
