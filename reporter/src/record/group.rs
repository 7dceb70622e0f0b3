//! Pairs that were measured at the same time.

use std::fmt;

use methodology::units::{Goodput, L1Rate, L2Rate, PacketRate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Pair, ShownParameter, State, Values, Verdict};

/// The group that a record was measured in: several pairs sent at the same time, and each has a record of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairGroup {
    /// The same in the records of all members, and in no others of the run.
    pub id: String,
    /// The pairs that sent at the same time, that of this record included.
    pub members: Members,
    /// The share of the longest member's trial during which all members are known to have sent, from 0 to 1.
    pub overlap: f64,
    /// The rates of all members together, and no other value: only rates add up. Absent where a member has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Values>,
    /// Whether the sum can be trusted: only if every member's record can.
    pub verdict: Verdict,
}

/// The pairs of a group, in the order of the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Members(Vec<Pair>);

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

/// What the record of one member says.
#[derive(Debug, Clone, Copy)]
pub struct MemberResult<'r> {
    /// Between which endpoints.
    pub pair: &'r Pair,
    /// What came out.
    pub values: &'r Values,
    /// Whether to believe it.
    pub verdict: &'r Verdict,
}

/// The sum of the members' rates; none where one of them has no rate. A rate that not every member has is left out.
fn sum_of(members: &[MemberResult<'_>]) -> Option<Values> {
    let sum = |rate: fn(&Values) -> Option<f64>| members.iter().map(|member| rate(member.values)).sum::<Option<f64>>();
    let sum = Values {
        forwarding_pps: sum(|values| values.forwarding_pps.map(f64::from)).and_then(|pps| PacketRate::new(pps).ok()),
        l1_bps: sum(|values| values.l1_bps.map(f64::from)).and_then(|bps| L1Rate::new(bps).ok()),
        l2_bps: sum(|values| values.l2_bps.map(f64::from)).and_then(|bps| L2Rate::new(bps).ok()),
        goodput_bps: sum(|values| values.goodput_bps.map(f64::from)).and_then(|bps| Goodput::new(bps).ok()),
        ..Values::default()
    };
    (!members.is_empty() && (sum.forwarding_pps.is_some() || sum.goodput_bps.is_some())).then_some(sum)
}

impl PairGroup {
    /// The group of these members: their sum, and a verdict that is valid only if all of theirs are.
    pub fn of(id: String, overlap: f64, members: &[MemberResult<'_>]) -> PairGroup {
        let mut verdict = Verdict::valid();
        for MemberResult { pair, verdict: own, .. } in members.iter().filter(|member| member.verdict.state != State::Valid) {
            for reason in &own.reasons {
                verdict.invalidate(reason.kind, format!("{pair}: {}", reason.detail));
            }
            // A record without a reason is not valid all the same.
            verdict.state = State::Invalid;
        }
        let pairs = Members::new(members.iter().map(|member| member.pair.clone()).collect());
        PairGroup { id, members: pairs, overlap, sum: sum_of(members), verdict }
    }

    /// Notes it among the parameters of a record.
    pub fn note(&self, parameters: &mut Map<String, Value>) {
        ShownParameter::GROUP.note(parameters, json!(self));
    }
}

/// The group among the parameters of a record.
pub(super) fn of(parameters: &Map<String, Value>) -> Option<PairGroup> {
    PairGroup::deserialize(ShownParameter::GROUP.of(parameters)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ReasonKind;

    fn goodput(bps: Option<f64>) -> Values {
        Values { goodput_bps: bps.map(|bps| Goodput::new(bps).unwrap()), ..Values::default() }
    }

    fn group(first: (&Values, &Verdict), second: (&Values, &Verdict)) -> PairGroup {
        let pairs: [Pair; 2] = ["a:b".parse().unwrap(), "c:d".parse().unwrap()];
        let member = |place: usize, (values, verdict)| MemberResult { pair: &pairs[place], values, verdict };
        PairGroup::of("x".to_owned(), 0.9, &[member(0, first), member(1, second)])
    }

    #[test]
    fn the_sum_is_that_of_all_members_and_is_valid_only_if_all_are() {
        let (three, one, good) = (goodput(Some(3e9)), goodput(Some(1e9)), Verdict::valid());
        let valid = group((&three, &good), (&one, &good));
        assert_eq!((valid.sum.as_ref().unwrap().goodput_bps.unwrap().bps(), valid.verdict.state), (4e9, State::Valid));
        assert_eq!((valid.members.to_string(), valid.members.others_in_words(&"a:b".parse().unwrap())), ("a→b + c→d".into(), "c→d".into()));
        let mut bad = Verdict::valid();
        bad.invalidate(ReasonKind::Hiccup, "interrupted");
        let invalid = group((&three, &good), (&one, &bad));
        assert_eq!((invalid.verdict.state, invalid.verdict.reasons[0].detail.as_str()), (State::Invalid, "c→d: interrupted"));
        assert_eq!(group((&three, &good), (&goodput(None), &good)).sum, None, "a sum without a member is not the sum");
    }

    #[test]
    fn a_group_is_read_back_from_the_parameters() {
        let (three, good) = (goodput(Some(3e9)), Verdict::valid());
        let group = group((&three, &good), (&three, &good));
        let mut parameters = Map::new();
        assert_eq!(of(&parameters), None);
        group.note(&mut parameters);
        assert_eq!(of(&parameters), Some(group));
    }
    #[test]
    fn the_sum_is_written_with_these_keys_alone() {
        let values = |pps: f64| Values {
            forwarding_pps: PacketRate::new(pps).ok(),
            offered_pps: PacketRate::new(2.0 * pps).ok(),
            l1_bps: L1Rate::new(672.0 * pps).ok(),
            l2_bps: L2Rate::new(512.0 * pps).ok(),
            goodput_bps: Goodput::new(144.0 * pps).ok(),
            frames_sent: Some(9),
            transfer_s: Some(1.0),
            ..Values::default()
        };
        let (one, three, good) = (values(1e6), values(3e6), Verdict::valid());
        let written = serde_json::to_string(&group((&one, &good), (&three, &good))).unwrap();
        let expected = r#"{"id":"x","members":[{"from":"a","to":"b"},{"from":"c","to":"d"}],"overlap":0.9,"sum":{"forwarding_pps":4000000.0,"l1_bps":2688000000.0,"l2_bps":2048000000.0,"goodput_bps":576000000.0},"verdict":{"state":"valid","reasons":[]}}"#;
        assert_eq!(written, expected);
    }
}
