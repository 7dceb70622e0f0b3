//! Both directions at once (RFC 2544 §14): each direction, and the sum.

use methodology::trial::LossDomains;
use methodology::units::PacketRate;
use serde::Deserialize;

use super::Input;
use crate::record::Record;
use crate::render::document::{Section, Table};
use crate::render::format;

/// At most this many measurements; `results.jsonl` has all.
const MOST: usize = 40;

/// One of the two directions of a record, as its parameter `directions` has it.
#[derive(Debug, Deserialize)]
struct Direction {
    from: String,
    to: String,
    offered_pps: PacketRate,
    forwarding_pps: PacketRate,
    frames_sent: u64,
    frames_received: u64,
    loss: LossDomains,
}

/// What each direction did, where both ends sent at once.
pub fn directions(input: &Input<'_>) -> Section {
    let rows: Vec<Vec<String>> = input.archive.records.iter().filter_map(of_record).take(MOST).flatten().collect();
    Section {
        id: "directions",
        title: "Both directions at once",
        tables: Table::new(["measurement", "direction", "verdict", "offered", "forwarding rate", "frames", "lost", "duplicates"], rows)
            .captioned("What each direction did in the trial that the record shows, and their sum")
            .into_iter()
            .collect(),
        method: "Both ends sent test frames at the same time, each with one poll loop that sends and receives (RFC 2544 §14). Loads and rates \
                 elsewhere in this report are those of one direction: the mean of the two. A loss ratio is that of the frames of both. Such \
                 results are never averaged with those of one direction."
            .to_owned(),
        ..Section::default()
    }
}

/// A row for each direction, and one for both. None where one end sent, or where the parameter is not one of these.
fn of_record(record: &Record) -> Option<Vec<Vec<String>>> {
    let directions = Vec::<Direction>::deserialize(record.parameters.get("directions")?).ok()?;
    let name = format!("{} {} {} {}", record.pair, record.stack.label(), record.method, record.size);
    let row = |which: String, offered: f64, forwarded: f64, sent: u64, lost: u64, duplicate: u64| {
        let rate = |pps: f64| format::or_absent(PacketRate::new(pps).ok().map(|rate| rate.to_string()));
        let verdict = record.verdict.state.to_string();
        vec![name.clone(), which, verdict, rate(offered), rate(forwarded), sent.to_string(), lost.to_string(), duplicate.to_string()]
    };
    let lost = |one: &Direction| one.frames_sent.saturating_sub(one.frames_received);
    let each = directions.iter().map(|one| {
        let which = format!("{} → {}", one.from, one.to);
        row(which, one.offered_pps.pps(), one.forwarding_pps.pps(), one.frames_sent, lost(one), one.loss.duplicate)
    });
    let sum = |of: &dyn Fn(&Direction) -> u64| directions.iter().map(of).sum::<u64>();
    let rates = |of: &dyn Fn(&Direction) -> PacketRate| directions.iter().map(|one| of(one).pps()).sum::<f64>();
    let both = row(
        "sum".to_owned(),
        rates(&|one| one.offered_pps),
        rates(&|one| one.forwarding_pps),
        sum(&|one| one.frames_sent),
        sum(&lost),
        sum(&|one| one.loss.duplicate),
    );
    Some(each.chain([both]).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(parameters: &Value) -> Record {
        let record = json!({
            "schema": 1, "id": "x", "time": "2026-03-01T12:00:00Z", "pair": { "from": "a", "to": "b" }, "stack": "dpdk",
            "tool": { "name": "linerate", "version": "1" }, "metric": "throughput", "method": "mrr", "size": { "kind": "frame", "bytes": 64 },
            "parameters": parameters, "values": {}, "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn rfc2544_14_each_direction_has_a_row_with_its_own_loss_and_both_have_a_sum() {
        let direction = |from: &str, to: &str, received: u64, duplicate: u64| {
            json!({ "direction": "forward", "from": from, "to": to, "offered_pps": 1000.0, "forwarding_pps": received, "frames_sent": 1000,
                    "frames_received": received, "loss": { "duplicate": duplicate }, "hiccups": { "count": 0, "longest_s": 0.0 } })
        };
        let rows = of_record(&record(&json!({ "directions": [direction("a", "b", 1000, 0), direction("b", "a", 400, 3)] }))).unwrap();
        let told: Vec<_> = rows.iter().map(|row| [row[1].as_str(), &row[5], &row[6], &row[7]]).collect();
        assert_eq!(told, [["a → b", "1000", "0", "0"], ["b → a", "1000", "600", "3"], ["sum", "2000", "600", "3"]]);
        assert_eq!(of_record(&record(&json!({ "bidirectional": true }))), None);
    }
}
