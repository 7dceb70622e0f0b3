use super::percentile_of_sorted;
use crate::trial::{DelayDefinition, DelaySummary, IpdvSummary};
use crate::units::Nanoseconds;

/// PDV(i) = D(i) − Dmin (RFC 5481 §4.2).
pub fn pdv(delays: &[Nanoseconds]) -> Vec<Nanoseconds> {
    let min = delays.iter().map(|d| d.ns()).min().unwrap_or(0);
    delays.iter().map(|d| Nanoseconds::new(d.ns() - min)).collect()
}

/// IPDV(i) = D(i) − D(i−1) in ns, in sending order; the first frame has none (RFC 5481 §4.1, RFC 3393).
pub fn ipdv(delays: &[Nanoseconds]) -> Vec<i64> {
    delays.windows(2).map(|pair| pair[1].ns().cast_signed() - pair[0].ns().cast_signed()).collect()
}

/// The summary of delays in sending order; nothing of no delays.
pub fn summarise_delays(definition: DelayDefinition, delays: &[Nanoseconds]) -> Option<DelaySummary> {
    let mut sorted = delays.to_vec();
    sorted.sort_unstable();
    let mut steps = ipdv(delays);
    steps.sort_unstable();
    let total: u128 = sorted.iter().map(|d| u128::from(d.ns())).sum();
    let mean = u64::try_from(total / sorted.len().max(1) as u128).unwrap_or(u64::MAX);
    Some(DelaySummary {
        definition,
        count: sorted.len() as u64,
        min: *sorted.first()?,
        mean: Nanoseconds::new(mean),
        p50: percentile_of_sorted(&sorted, 50.0)?,
        p90: percentile_of_sorted(&sorted, 90.0)?,
        p99: percentile_of_sorted(&sorted, 99.0)?,
        p999: percentile_of_sorted(&sorted, 99.9)?,
        p9999: percentile_of_sorted(&sorted, 99.99)?,
        max: *sorted.last()?,
        ipdv: steps.first().zip(percentile_of_sorted(&steps, 50.0)).zip(steps.last()).map(|((&min_ns, median_ns), &max_ns)| IpdvSummary {
            min_ns,
            median_ns,
            max_ns,
        }),
        histogram: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: &[u64]) -> Vec<Nanoseconds> {
        values.iter().map(|ms| Nanoseconds::new(ms * 1_000_000)).collect()
    }

    /// RFC 5481 §4.4 prints delays 20, 10, 20, 25, 20 ms with IPDV U, −10, 10, 5, −5 and PDV 10, 0, 10, 15, 10.
    #[test]
    fn rfc5481_4_4_k11_worked_example() {
        let delays = millis(&[20, 10, 20, 25, 20]);
        assert_eq!(ipdv(&delays), [-10_000_000, 10_000_000, 5_000_000, -5_000_000]);
        assert_eq!(pdv(&delays), millis(&[10, 0, 10, 15, 10]));
    }

    /// RFC 8219 §7.3.2: IPDV is reported as minimum, median and maximum; RFC 3393: it is signed.
    #[test]
    fn rfc8219_7_3_2_ipdv_has_min_median_and_max() {
        let summary = summarise_delays(DelayDefinition::OneWay, &millis(&[20, 10, 20, 25, 20])).unwrap();
        let ipdv = summary.ipdv.unwrap();
        assert_eq!((ipdv.min_ns, ipdv.median_ns, ipdv.max_ns), (-10_000_000, -5_000_000, 10_000_000));
        assert_eq!(
            (summary.min.ns(), summary.p50.ns(), summary.max.ns(), summary.mean.ns()),
            (10_000_000, 20_000_000, 25_000_000, 19_000_000)
        );
    }

    /// RFC 3393 §1.1: a constant offset between two clocks cancels.
    #[test]
    fn rfc3393_ipdv_needs_no_common_clock() {
        let delays = millis(&[20, 10, 20, 25, 20]);
        let shifted: Vec<_> = delays.iter().map(|d| Nanoseconds::new(d.ns() + 987_654_321)).collect();
        assert_eq!(ipdv(&delays), ipdv(&shifted));
    }

    #[test]
    fn no_delays_have_no_summary_and_one_has_no_ipdv() {
        assert_eq!(summarise_delays(DelayDefinition::OneWay, &[]), None);
        assert_eq!(summarise_delays(DelayDefinition::OneWay, &millis(&[5])).unwrap().ipdv, None);
    }
}
