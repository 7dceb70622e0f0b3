//! The counters of a record from which [`bottleneck`](methodology::bottleneck::bottleneck) concludes what limits its rate.

use methodology::bottleneck::{End, Evidence, Loop};
use methodology::units::Seconds;
use reporter::record::{EndCost, QueueUse, Record};
use serde_json::Value;

/// Frames that the generator hands over at once if the plan sets no burst.
const USUAL_BURST: u32 = 64;

/// The evidence of a record of maximum load; none where it has no counters of both ends.
pub(super) fn evidence(record: &Record, generator_ns: Option<f64>) -> Option<Evidence> {
    let (values, cpu) = (&record.values, record.cpu.as_ref()?);
    let loss = values.loss?;
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let port = |end: &str, key: &str| number(record.parameters.get(end).and_then(|port| port.get(key))).unwrap_or(0);
    let duration = record.duration_s?;
    // A record has the interruptions of all poll loops of an end together.
    let interrupted_ns = |hiccups: &str| record.parameters.get(hiccups).and_then(|hiccups| hiccups.get("total_ns")?.as_f64()).unwrap_or(0.0);
    let end = |cost: &EndCost, hiccups: &str, descriptors: u32, frames: fn(&QueueUse) -> u64| {
        let interrupted = interrupted_ns(hiccups) / (1e9 * duration * cost.by_queue.len().max(1) as f64);
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
        burst: number(record.parameters.get("burst")).unwrap_or(USUAL_BURST),
        sender: end(cpu.sender.as_ref()?, "sender_hiccups", port("sender_port", "tx_descriptors"), |queue| queue.frames_sent),
        receiver: end(cpu.receiver.as_ref()?, "receiver_hiccups", port("receiver_port", "rx_descriptors"), |queue| queue.frames_received),
    })
}
