//! Pairs that were measured at the same time.

use std::fmt;

use methodology::units::{Goodput, L1Rate, L2Rate, PacketRate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Pair, Record, State, Verdict};

/// Where the parameters of a record hold its group.
pub(super) const KEY: &str = "group";

/// The group that a record was measured in: several pairs sent at the same time, and each has a record of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairGroup {
    /// The same in the records of all members, and in no others of the run.
    pub id: String,
    /// The pairs that sent at the same time, that of this record included.
    pub members: Members,
    /// The share of the longest member's trial during which all members are known to have sent, from 0 to 1.
    pub overlap: f64,
    /// The rates of all members together; absent where a member has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<GroupSum>,
    /// Whether the sum can be trusted: only if every member's record can.
    pub verdict: Verdict,
}

/// The pairs of a group, in the order of the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Members(Vec<Pair>);

/// Rates that add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupSum {
    /// Frames a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub forwarding_pps: Option<PacketRate>,
    /// On the wire, with preamble and gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub l1_bps: Option<L1Rate>,
    /// Frames, with FCS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub l2_bps: Option<L2Rate>,
    /// Payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub goodput_bps: Option<Goodput>,
}

impl Members {
    /// These pairs.
    pub fn new(pairs: Vec<Pair>) -> Self {
        Members(pairs)
    }

    /// The pairs.
    pub fn pairs(&self) -> &[Pair] {
        &self.0
    }

    /// The pairs other than this one, in words; empty where there is none.
    pub fn others_in_words(&self, pair: &Pair) -> String {
        joined(self.0.iter().filter(|other| *other != pair))
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&joined(self.0.iter()))
    }
}

fn joined<'p>(pairs: impl Iterator<Item = &'p Pair>) -> String {
    pairs.map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

impl GroupSum {
    /// The sum over the members; none where one of them has no rate. A rate that not every member has is left out.
    pub fn of(records: &[Record]) -> Option<GroupSum> {
        let sum = |rate: fn(&Record) -> Option<f64>| records.iter().map(rate).sum::<Option<f64>>();
        let sum = GroupSum {
            forwarding_pps: sum(|record| record.values.forwarding_pps.map(f64::from)).and_then(|pps| PacketRate::new(pps).ok()),
            l1_bps: sum(|record| record.values.l1_bps.map(f64::from)).and_then(|bps| L1Rate::new(bps).ok()),
            l2_bps: sum(|record| record.values.l2_bps.map(f64::from)).and_then(|bps| L2Rate::new(bps).ok()),
            goodput_bps: sum(|record| record.values.goodput_bps.map(f64::from)).and_then(|bps| Goodput::new(bps).ok()),
        };
        (!records.is_empty() && (sum.forwarding_pps.is_some() || sum.goodput_bps.is_some())).then_some(sum)
    }
}

impl PairGroup {
    /// The group of these records, one for each member: their sum, and a verdict that is valid only if all of theirs are.
    pub fn of(id: String, members: Members, overlap: f64, records: &[Record]) -> PairGroup {
        let mut verdict = Verdict::valid();
        for record in records.iter().filter(|record| record.verdict.state != State::Valid) {
            for reason in &record.verdict.reasons {
                verdict.invalidate(reason.kind, format!("{}: {}", record.pair, reason.detail));
            }
            // A record without a reason is not valid all the same.
            verdict.state = State::Invalid;
        }
        PairGroup { id, members, overlap, sum: GroupSum::of(records), verdict }
    }

    /// Notes it among the parameters of a record.
    pub fn note(&self, parameters: &mut Map<String, Value>) {
        parameters.insert(KEY.to_owned(), json!(self));
    }
}

/// The group among the parameters of a record.
pub(super) fn of(parameters: &Map<String, Value>) -> Option<PairGroup> {
    PairGroup::deserialize(parameters.get(KEY)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ReasonKind;

    fn record(pair: &str, goodput: Option<f64>) -> Record {
        let (from, to) = pair.split_once(':').unwrap();
        let record = json!({
            "schema": 1, "id": pair, "time": "2026-03-01T12:00:00Z", "pair": { "from": from, "to": to }, "stack": "kernel-tcp",
            "tool": { "name": "iperf3", "version": "3.12" }, "metric": "throughput", "method": "stream",
            "size": { "kind": "message", "bytes": 64 }, "values": { "goodput_bps": goodput }, "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    fn group(records: &[Record]) -> PairGroup {
        PairGroup::of("x".to_owned(), Members::new(records.iter().map(|record| record.pair.clone()).collect()), 0.9, records)
    }

    #[test]
    fn the_sum_is_that_of_all_members_and_is_valid_only_if_all_are() {
        let mut records = [record("a:b", Some(3e9)), record("c:d", Some(1e9))];
        let valid = group(&records);
        assert_eq!((valid.sum.unwrap().goodput_bps.unwrap().bps(), valid.verdict.state), (4e9, State::Valid));
        assert_eq!((valid.members.to_string(), valid.members.others_in_words(&records[0].pair)), ("a→b + c→d".into(), "c→d".into()));
        records[1].verdict.invalidate(ReasonKind::Hiccup, "interrupted");
        let invalid = group(&records);
        assert_eq!((invalid.verdict.state, invalid.verdict.reasons[0].detail.as_str()), (State::Invalid, "c→d: interrupted"));
        assert_eq!(records[0].verdict.state, State::Valid, "the other record is not touched");
        assert_eq!(group(&[record("a:b", Some(3e9)), record("c:d", None)]).sum, None, "a sum without a member is not the sum");
    }

    #[test]
    fn a_record_has_its_group_and_reads_it_back() {
        let mut one = record("a:b", Some(3e9));
        assert_eq!(one.group(), None);
        let group = group(&[one.clone(), record("c:d", Some(1e9))]);
        group.note(&mut one.parameters);
        assert_eq!(one.group(), Some(group));
    }
}
