//! The records of pairs that were measured at the same time: their overlap, their sum, and what both say against them.

use reporter::record::{PairGroup, ReasonKind, Record, State};

use super::start_line::{Span, overlap};

/// A group whose members were together for less of the longest trial is invalid: for the rest of it, a rate is that of fewer pairs.
const LEAST_OVERLAP: f64 = 0.8;

/// A member's record, and when its traffic ran; no time where it did not run.
pub(super) struct MemberRecord {
    pub(super) record: Record,
    pub(super) ran: Option<Span>,
}

/// The records of a group, each with the group and its sum.
///
/// A fault of one member makes the sum invalid and leaves the records of the others as they are. If a member did not run, the others were not measured
/// beside it: their records are kept, and invalid.
pub(super) fn judged(id: &str, members: Vec<MemberRecord>) -> Vec<Record> {
    let absent: Vec<String> = members.iter().filter(|member| member.ran.is_none()).map(|member| member.record.pair.to_string()).collect();
    let spans: Option<Vec<Span>> = members.iter().map(|member| member.ran).collect();
    let overlap = spans.map_or(0.0, |spans| overlap(&spans));
    let mut records: Vec<Record> = members.into_iter().map(|member| member.record).collect();
    if overlap < LEAST_OVERLAP {
        for record in records.iter_mut().filter(|record| record.verdict.state != State::Failed) {
            record.verdict.invalidate(ReasonKind::NotConcurrent, not_concurrent(&absent, overlap));
        }
    }
    let group = PairGroup::of(id.to_owned(), overlap, &records.iter().map(Record::as_member).collect::<Vec<_>>());
    records.iter_mut().for_each(|record| group.note(&mut record.parameters));
    records
}

fn not_concurrent(absent: &[String], overlap: f64) -> String {
    match absent {
        [] => format!(
            "the pairs of the group are known to have sent together for {:.0} % of the longest trial, and {:.0} % are needed: use a longer `duration`",
            overlap * 100.0,
            LEAST_OVERLAP * 100.0
        ),
        absent => format!("{} did not run, so that this rate is not one beside it", absent.join(" and ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use reporter::record::Verdict;
    use serde_json::json;

    use super::*;

    fn member(pair: &str, began_ms: Option<u64>, zero: Instant) -> MemberRecord {
        let (from, to) = pair.split_once(':').unwrap();
        let record = json!({
            "schema": 1, "id": pair, "time": "2026-03-01T12:00:00Z", "pair": { "from": from, "to": to }, "stack": "kernel-tcp",
            "tool": { "name": "iperf3", "version": "3.12" }, "metric": "throughput", "method": "stream",
            "size": { "kind": "message", "bytes": 64 }, "values": { "goodput_bps": 1e9 }, "verdict": { "state": "valid", "reasons": [] }
        });
        let at = |ms| zero + Duration::from_millis(ms);
        let ran = began_ms.map(|began| Span { began: at(began), ended: at(began + 1000), length: Duration::from_secs(1) });
        MemberRecord { record: serde_json::from_value(record).unwrap(), ran }
    }

    #[test]
    fn members_that_ran_together_are_valid_and_have_one_group_and_one_sum() {
        let zero = Instant::now();
        let records = judged("g", vec![member("a:b", Some(0), zero), member("c:d", Some(100), zero)]);
        let group = records[0].group().unwrap();
        assert_eq!(Some(&group), records[1].group().as_ref());
        assert_eq!((group.sum.unwrap().goodput_bps.unwrap().bps(), group.verdict.state), (2e9, State::Valid));
        assert!((group.overlap - 0.9).abs() < 1e-9 && records.iter().all(|record| record.verdict.state == State::Valid));
    }

    #[test]
    fn members_that_did_not_overlap_are_invalid_with_the_overlap() {
        let zero = Instant::now();
        let records = judged("g", vec![member("a:b", Some(0), zero), member("c:d", Some(500), zero)]);
        for record in &records {
            assert_eq!((record.verdict.state, record.verdict.reasons[0].kind), (State::Invalid, ReasonKind::NotConcurrent));
            assert!(record.verdict.reasons[0].detail.contains("50 %"), "{}", record.verdict.reasons[0]);
        }
        assert_eq!(records[0].group().unwrap().verdict.state, State::Invalid);
    }

    #[test]
    fn a_member_that_failed_leaves_the_other_record_with_its_figure_and_the_reason() {
        let zero = Instant::now();
        let mut failed = member("c:d", None, zero);
        failed.record.verdict = Verdict::failed(ReasonKind::ToolFailed, "no route");
        failed.record.values = reporter::record::Values::default();
        let records = judged("g", vec![member("a:b", Some(0), zero), failed]);
        assert_eq!((records[0].verdict.state, records[1].verdict.state), (State::Invalid, State::Failed));
        assert!(records[0].verdict.reasons[0].detail.contains("c→d did not run"), "{}", records[0].verdict.reasons[0]);
        assert_eq!(records[0].values.goodput_bps.unwrap().bps(), 1e9, "the figure is kept");
        assert_eq!(records[0].group().unwrap().sum, None);
    }

    #[test]
    fn an_invalid_member_that_ran_leaves_the_other_valid() {
        let zero = Instant::now();
        let mut faulty = member("c:d", Some(0), zero);
        faulty.record.verdict.invalidate(ReasonKind::Hiccup, "interrupted");
        let records = judged("g", vec![member("a:b", Some(0), zero), faulty]);
        assert_eq!(records[0].verdict.state, State::Valid);
        assert_eq!(records[0].group().unwrap().verdict.state, State::Invalid);
    }
}
