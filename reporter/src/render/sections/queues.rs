use super::Input;
use crate::record::{QueueUse, Record};
use crate::render::document::{Section, Table};
use crate::render::format;

/// At most this many measurements; `results.jsonl` has all.
const MOST: usize = 40;

/// How the frames were spread over the queues of each end, and what each poll loop needed.
pub fn queues(input: &Input<'_>) -> Section {
    let rows: Vec<Vec<String>> =
        input.archive.records.iter().filter(|record| !record.is_concurrent()).flat_map(of_record).take(MOST).collect();
    Section {
        id: "queues",
        title: "Queues",
        tables: Table::new(["measurement", "end", "CPUs", "frames", "missed", "busy time a frame", "interruptions"], rows)
            .captioned("What each queue did in the last trial, in the order of the queues")
            .into_iter()
            .collect(),
        method: "Each queue has a poll loop on a CPU of its own. The rate is limited by the queue with the most frames: an uneven spread is a remark \
                 of the record. A driver that does not count missed frames for each queue has none here; the loss by domain has those of the port."
            .to_owned(),
        ..Section::default()
    }
}

/// A row for each end that has several queues.
fn of_record(record: &Record) -> Vec<Vec<String>> {
    let Some(cpu) = &record.cpu else { return Vec::new() };
    let ends = [("sender", cpu.sender.as_ref()), ("receiver", cpu.receiver.as_ref())];
    let named = ends.into_iter().filter_map(|(name, end)| Some((name, &end?.by_queue)));
    named.filter(|(_, queues)| queues.len() > 1).map(|(name, queues)| row(record, name, queues)).collect()
}

fn row(record: &Record, end: &str, queues: &[QueueUse]) -> Vec<String> {
    let each = |text: &dyn Fn(&QueueUse) -> String| queues.iter().map(text).collect::<Vec<_>>().join(", ");
    let frames = |queue: &QueueUse| if end == "sender" { queue.frames_sent } else { queue.frames_received };
    let all = queues.iter().map(frames).sum::<u64>().max(1) as f64;
    vec![
        format!("{} {} {} {}", record.pair, record.stack.label(), record.method, record.size),
        end.to_owned(),
        each(&|queue| format::or_absent(queue.core.map(|core| core.to_string()))),
        each(&|queue| format::percent(frames(queue) as f64 / all)),
        each(&|queue| format::or_absent(queue.missed.map(|missed| missed.to_string()))),
        each(&|queue| format::or_absent(queue.ns_per_frame.map(|ns| format!("{ns:.0} ns")))),
        each(&|queue| queue.hiccups.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(queues: &[u64]) -> Record {
        let by_queue: Vec<_> = queues
            .iter()
            .zip(0..)
            .map(|(frames, queue)| json!({ "queue": queue, "core": 4 + queue, "frames_received": frames, "frames_sent": 0, "ns_per_frame": 52.4, "hiccups": 1, "longest_hiccup_ns": 9 }))
            .collect();
        let record = json!({
            "schema": 1, "id": "x", "time": "2026-03-01T12:00:00Z", "pair": { "from": "a", "to": "b" }, "stack": "dpdk",
            "tool": { "name": "linerate", "version": "1" }, "metric": "throughput", "method": "mrr", "size": { "kind": "frame", "bytes": 64 },
            "values": {}, "cpu": { "receiver": { "by_queue": by_queue } }, "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn each_end_with_several_queues_has_a_row_with_the_shares_of_its_queues() {
        let rows = of_record(&record(&[20, 20, 19, 41]));
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(row[1..4], ["receiver", "4, 5, 6, 7", "20.0 %, 20.0 %, 19.0 %, 41.0 %"]);
        assert_eq!(row[4..], ["–, –, –, –", "52 ns, 52 ns, 52 ns, 52 ns", "1, 1, 1, 1"]);
        assert!(of_record(&record(&[100])).is_empty());
    }
}
