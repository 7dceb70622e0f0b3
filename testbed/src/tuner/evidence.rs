//! The counters of a record from which [`bottleneck`](methodology::bottleneck::bottleneck) concludes what limits its rate.

use methodology::bottleneck::{End, Evidence, Loop};
use methodology::units::Seconds;
use reporter::record::{EndCost, QueueUse, Record};
use serde_json::Value;

/// The most frames that the generator hands over at once if the plan sets no burst.
const USUAL_BURST: u32 = 64;

/// The evidence of a record of maximum load; none where it has no counters of both ends.
pub(super) fn evidence(record: &Record, generator_ns: Option<f64>) -> Option<Evidence> {
    let (values, cpu) = (&record.values, record.cpu.as_ref()?);
    let loss = values.loss?;
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let port = |end: &str, key: &str| number(record.parameters.get(end).and_then(|port| port.get(key))).unwrap_or(0);
    let duration = record.duration_s?;
    let burst = number(record.parameters.get("burst")).unwrap_or(USUAL_BURST);
    // A record has the interruptions of all poll loops of an end together.
    let end = |cost: &EndCost, hiccups: &str, descriptors: u32, frames: fn(&QueueUse) -> u64| {
        let slowest = cost.by_queue.iter().filter_map(|queue| queue.ns_per_frame).fold(0.0, f64::max);
        let interrupted_ns = record.parameters.get(hiccups).map_or(0.0, |hiccups| interrupted_ns(hiccups, slowest * f64::from(burst)));
        let interrupted = interrupted_ns / (1e9 * seconds_of_loops(cost).unwrap_or(duration * cost.by_queue.len().max(1) as f64));
        let poll_loop = |queue: &QueueUse| Loop { frames: frames(queue), ns_per_frame: queue.ns_per_frame, interrupted };
        End { descriptors, loops: cost.by_queue.iter().map(poll_loop).collect() }
    };
    Some(Evidence {
        duration: Seconds::new(duration).ok()?,
        sent: values.frames_sent?,
        refused: loss.unsent,
        received: values.frames_received?,
        missed: loss.no_descriptor,
        discarded: loss.nic_discard + loss.no_mbuf,
        ceiling_pps: record.ceiling.as_ref().and_then(|ceiling| ceiling.pps),
        generator_ns,
        burst,
        sender: end(cpu.sender.as_ref()?, "sender_hiccups", port("sender_port", "tx_descriptors"), |queue| queue.frames_sent),
        receiver: end(cpu.receiver.as_ref()?, "receiver_hiccups", port("receiver_port", "rx_descriptors"), |queue| queue.frames_received),
    })
}

/// For how long the poll loops of an end ran, together. A receiver runs before the first frame of a trial and after the last, and its interruptions are
/// counted from its beginning to its end.
fn seconds_of_loops(cost: &EndCost) -> Option<f64> {
    let seconds = cost.total_cycles? as f64 / cost.cycles_hz? as f64;
    (seconds > 0.0 && seconds.is_finite()).then_some(seconds)
}

/// Shorter iterations of a poll loop than this are no interruptions here: with a small ring, hiccups also count iterations of two microseconds, which
/// a burst may take.
const SHORTEST_NS: f64 = 26_000.0;

/// The time of interruptions, from the histogram of a record's hiccups. A burst takes `burst_ns`: iterations of up to twice that are no interruptions.
fn interrupted_ns(hiccups: &Value, burst_ns: f64) -> f64 {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let buckets = hiccups.get("histogram").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let long = buckets.iter().filter(|bucket| number(bucket, "below_ns") > SHORTEST_NS.max(2.0 * burst_ns));
    // A bucket has its upper bound.
    long.map(|bucket| number(bucket, "below_ns") * number(bucket, "count")).sum::<f64>().min(number(hiccups, "total_ns"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_time_of_interruptions_is_compared_with_that_of_the_poll_loop() {
        // A receiver that ran for 0.25 s around a trial of 50 ms.
        let cost = EndCost { total_cycles: Some(650_000_000), cycles_hz: Some(2_600_000_000), ..EndCost::default() };
        assert_eq!(seconds_of_loops(&cost), Some(0.25));
        assert_eq!(seconds_of_loops(&EndCost { total_cycles: Some(0), ..cost.clone() }), None);
        assert_eq!(seconds_of_loops(&EndCost { cycles_hz: None, ..cost }), None);
    }

    #[test]
    fn iterations_that_a_burst_explains_are_no_interruptions() {
        // A poll loop of a ring of 64: each burst takes 3 µs, and one iteration took 4 ms.
        let buckets = json!([{ "below_ns": 3155, "count": 30_000 }, { "below_ns": 4_846_810, "count": 1 }]);
        let hiccups = json!({ "total_ns": 100_000_000, "histogram": buckets });
        assert_eq!(interrupted_ns(&hiccups, 3_000.0), 4_846_810.0);
        // AF_PACKET sends 64 frames in 60 µs, and was never interrupted.
        let hiccups = json!({ "total_ns": 90_000_000, "histogram": [{ "below_ns": 75_731, "count": 1200 }] });
        assert_eq!((interrupted_ns(&hiccups, 60_000.0), interrupted_ns(&hiccups, 3_000.0)), (0.0, 90_000_000.0));
        assert_eq!(interrupted_ns(&json!({}), 1.0), 0.0);
    }
}
