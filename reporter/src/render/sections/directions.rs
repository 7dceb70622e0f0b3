//! Both directions at once (RFC 2544 §14): each direction, and the sum.

use super::Input;
use crate::amount::{Amount, Unit};
use crate::record::{DirectionResult, Record};
use crate::render::document::{Section, Table};
use crate::render::format;

/// At most this many measurements; `results.jsonl` has all.
const MOST: usize = 40;

/// What each direction did, where both ends sent at once.
pub fn directions(input: &Input<'_>) -> Section {
    let mut measured = input.archive.records.iter().filter_map(of_record);
    let rows: Vec<Vec<String>> = measured.by_ref().take(MOST).flatten().collect();
    let unlisted = measured.count();
    Section {
        id: "directions",
        title: "Both directions at once",
        lead: unlisted_in_words(unlisted).into_iter().collect(),
        tables: Table::new(["measurement", "direction", "verdict", "sent", "received", "frames", "lost", "duplicates", "retransmits"], rows)
            .captioned("What each direction did in the trial that the record shows, and their sum")
            .into_iter()
            .collect(),
        method: "Both ends sent at the same time (RFC 2544 §14): poll loops with one loop an end that sends and receives, kernel tools with a stream each \
                 way. A kernel tool has a verdict for each direction. Loads and rates elsewhere in this report are those of one direction: the mean of the \
                 two. A loss ratio is that of the frames of both. Such results are never averaged with those of one direction."
            .to_owned(),
        ..Section::default()
    }
}

/// What the section says where it does not list all measurements.
fn unlisted_in_words(unlisted: usize) -> Option<String> {
    (unlisted > 0).then(|| format!("The first {MOST} of {} measurements are listed; results.jsonl has all.", MOST + unlisted))
}

/// A row for each direction, and one for both. None where one end sent, or where the parameter is not one of these.
fn of_record(record: &Record) -> Option<Vec<Vec<String>>> {
    let directions = record.directions();
    if directions.is_empty() {
        return None;
    }
    let name = format!("{} {} {} {}", record.pair, record.stack.label(), record.method, record.size);
    let all = record.verdict.state.to_string();
    let each = directions.iter().map(|one| {
        let end = |id: &Option<crate::record::EndpointId>| id.as_ref().map_or_else(String::new, ToString::to_string);
        let verdict = one.verdict.as_ref().map_or_else(|| all.clone(), |verdict| verdict.state.to_string());
        row(&name, format!("{} → {}", end(&one.from), end(&one.to)), verdict, std::slice::from_ref(one))
    });
    Some(each.chain([row(&name, "sum".to_owned(), all.clone(), &directions)]).collect())
}

/// What these directions did together.
fn row(name: &str, which: String, verdict: String, of: &[DirectionResult]) -> Vec<String> {
    let count = |value: fn(&DirectionResult) -> Option<u64>| format::or_absent(sum(of, value).map(|sum: u64| sum.to_string()));
    let lost = |one: &DirectionResult| Some(one.frames_sent?.saturating_sub(one.frames_received?));
    let loss_ratio = |one: &DirectionResult| one.loss_ratio.map(|loss| loss.ratio());
    // Datagrams are not counted in frames: their loss is a share.
    let share = sum(of, loss_ratio).map(|sum: f64| format::percent(sum / of.len() as f64));
    vec![
        name.to_owned(),
        which,
        verdict,
        rate(sum(of, |one| one.offered_pps.map(f64::from)), sum(of, |one| one.sent_bps)),
        rate(
            sum(of, |one| one.forwarding_pps.filter(|_| one.goodput_bps.is_none()).map(f64::from)),
            sum(of, |one| one.goodput_bps.map(f64::from)),
        ),
        count(|one| one.frames_sent),
        format::or_absent(sum(of, lost).map(|sum: u64| sum.to_string()).or(share)),
        count(|one| one.loss.as_ref().map(|loss| loss.duplicate)),
        count(|one| one.retransmits),
    ]
}

/// The sum over directions; none where one of them has no such value.
fn sum<T: std::iter::Sum<T>>(of: &[DirectionResult], value: impl Fn(&DirectionResult) -> Option<T>) -> Option<T> {
    of.iter().map(value).sum()
}

/// Frames a second of poll loops, or payload of kernel tools.
fn rate(pps: Option<f64>, bps: Option<f64>) -> String {
    let amount = |unit: Unit| move |value: f64| Amount { unit, value }.to_string();
    format::or_absent(pps.map(amount(Unit::PacketsPerSecond)).or_else(|| bps.map(amount(Unit::BitsPerSecond))))
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

    #[test]
    fn measurements_that_are_not_listed_are_counted() {
        assert_eq!(unlisted_in_words(0), None);
        assert_eq!(unlisted_in_words(3).unwrap(), "The first 40 of 43 measurements are listed; results.jsonl has all.");
    }

    #[test]
    fn a_kernel_tool_has_a_verdict_for_each_direction() {
        let direction = |direction: &str, gbps: f64, state: &str| {
            json!({ "direction": direction, "from": "a", "to": "b", "goodput_bps": gbps * 1e9, "sent_bps": 3e9, "retransmits": 2,
                    "verdict": { "state": state, "reasons": [] } })
        };
        let both = record(&json!({ "directions": [direction("forward", 2.0, "valid"), direction("reverse", 0.0, "invalid")] }));
        let rows = of_record(&both).unwrap();
        let told: Vec<_> = rows.iter().map(|row| [row[2].as_str(), &row[3], &row[4], &row[8]]).collect();
        assert_eq!(told[0], ["valid", "3.00 Gb/s", "2.00 Gb/s", "2"]);
        assert_eq!((told[1][0], told[2]), ("invalid", ["valid", "6.00 Gb/s", "2.00 Gb/s", "4"]));
    }
}
