use dataplane::RttReport;
use methodology::units::Nanoseconds;
use reporter::record::RttSummary;

/// A distribution as records hold it; the histogram itself is a raw file, where it is kept.
pub(super) fn rtt_summary(rtt: &RttReport) -> RttSummary {
    let ns = |value: Nanoseconds| Some(value.ns() as f64);
    RttSummary {
        min: ns(rtt.min),
        p50: ns(rtt.p50),
        p90: ns(rtt.p90),
        p99: ns(rtt.p99),
        p999: ns(rtt.p999),
        p9999: ns(rtt.p9999),
        max: ns(rtt.max),
        mean: Some(rtt.mean),
        count: Some(rtt.count),
        histogram: None,
    }
}
