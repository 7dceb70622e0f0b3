use crate::record::RttSummary;

/// Minimum, percentiles by nearest rank, maximum and mean of single samples; none where there are none.
///
/// A percentile is given only where at least one sample lies above it: p99.9 of 50 samples would be the maximum under another name.
pub(super) fn summarise(mut samples: Vec<f64>) -> Option<RttSummary> {
    samples.retain(|sample| sample.is_finite());
    samples.sort_by(f64::total_cmp);
    let (count, min, max) = (samples.len(), *samples.first()?, *samples.last()?);
    let percentile = |share: f64| {
        let rank = (share * count as f64).ceil() as usize;
        (rank < count).then(|| samples.get(rank.saturating_sub(1)).copied()).flatten()
    };
    Some(RttSummary {
        min: Some(min),
        p50: percentile(0.5),
        p90: percentile(0.9),
        p99: percentile(0.99),
        p999: percentile(0.999),
        p9999: percentile(0.9999),
        max: Some(max),
        mean: Some(samples.iter().sum::<f64>() / count as f64),
        count: u64::try_from(count).ok(),
        histogram: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let summary = summarise((1..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!((summary.min, summary.p50, summary.p90, summary.p99), (Some(1.0), Some(50.0), Some(90.0), Some(99.0)));
        assert_eq!((summary.p999, summary.max, summary.mean, summary.count), (None, Some(100.0), Some(50.5), Some(100)));
        assert_eq!(summarise(vec![f64::NAN]), None);
    }
}
