//! Pairs that were measured at the same time, beside the same pairs alone: what contention for the wire, the card or the processors costs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Cell, CellKey, Cells, Quantity, Sample};
use crate::record::{Members, Metric, Pair, PairGroup, Record, State, Values};

/// One measurement of a group.
#[derive(Debug, Clone, Serialize)]
pub struct Concurrent {
    /// What was measured: the key of the group's first member.
    pub key: CellKey,
    /// The pairs.
    pub members: Members,
    /// By which rate they are judged.
    pub quantity: Quantity,
    /// Each pair, in the order of the group.
    pub rates: Vec<MemberRate>,
    /// The smallest overlap among the repetitions that the rates are from; none where no repetition has a rate.
    pub overlap: Option<f64>,
    /// The sum of the rates at the same time: that of valid sums, otherwise marked as not trusted.
    pub sum: Option<Sample>,
    /// The sum of the rates alone; none where one of the pairs was not measured alone.
    pub sum_alone: Option<Sum>,
}

/// One pair of a group.
#[derive(Debug, Clone, Serialize)]
pub struct MemberRate {
    /// The pair.
    pub pair: Pair,
    /// Its rate alone, with the same settings.
    pub alone: Option<Sample>,
    /// Its rate beside the others.
    pub together: Option<Sample>,
    /// Records of it that are valid, invalid and failed.
    pub verdicts: [usize; 3],
}

/// A sum of mean rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sum {
    /// In base units.
    pub rate: f64,
    /// Whether all rates come from valid records.
    pub trusted: bool,
}

impl MemberRate {
    /// The rate beside the others over the rate alone.
    pub fn factor(&self) -> Option<f64> {
        let (together, alone) = (self.together.as_ref()?.centre(), self.alone.as_ref()?.centre());
        (alone > 0.0).then_some(together / alone)
    }
}

impl Concurrent {
    /// The sum at the same time over the sum of the rates alone: 1 where the pairs do not disturb each other.
    pub fn factor(&self) -> Option<f64> {
        let (together, alone) = (self.sum.as_ref()?.centre(), self.sum_alone?.rate);
        (alone > 0.0).then_some(together / alone)
    }

    /// Whether both sums come from valid records.
    pub fn is_trusted(&self) -> bool {
        self.sum.as_ref().is_some_and(|sum| sum.trusted) && self.sum_alone.is_none_or(|sum| sum.trusted)
    }
}

/// Every group of the records, in the order of stack, size and members.
pub fn concurrent(records: &[Record]) -> Vec<Concurrent> {
    if !records.iter().any(Record::is_concurrent) {
        return Vec::new();
    }
    let alone = Cells::of(records);
    let all = Cells::with_groups(records);
    let mut groups: BTreeMap<CellKey, Vec<&Cell<'_>>> = BTreeMap::new();
    for cell in all.iter().filter(|cell| cell.key.metric == Metric::Throughput) {
        let Some(first) = cell.key.group.as_ref().and_then(|members| members.pairs().first()) else { continue };
        groups.entry(CellKey { pair: first.clone(), ..measured(&cell.key) }).or_default().push(cell);
    }
    let mut found: Vec<Concurrent> = groups.into_iter().filter_map(|(key, cells)| of_group(key, &cells, &alone)).collect();
    let order = |group: &Concurrent| (group.key.stack, group.members.clone(), group.key.method.clone(), group.key.size);
    found.sort_by_key(order);
    found
}

/// What was measured. A record that failed has no load and no view; it stands beside the others of its group all the same.
fn measured(key: &CellKey) -> CellKey {
    CellKey { load: None, view: None, ..key.clone() }
}

fn of_group(key: CellKey, cells: &[&Cell<'_>], alone: &Cells<'_>) -> Option<Concurrent> {
    let members = key.group.clone()?;
    let quantity = *Quantity::headline(key.stack, key.metric).first()?;
    let rates: Vec<MemberRate> = members.pairs().iter().map(|pair| member(pair, quantity, &key, cells, alone)).collect();
    let groups: Vec<PairGroup> = first_records(cells).filter_map(Record::group).collect();
    let trusted = groups.iter().any(|group| group.verdict.state == State::Valid);
    let shown = || groups.iter().filter(|group| !trusted || group.verdict.state == State::Valid);
    let values: Vec<f64> = shown().filter_map(|group| of_sum(quantity, group.sum.as_ref()?)).collect();
    let sum_alone = rates.iter().map(|rate| rate.alone.as_ref()).collect::<Option<Vec<_>>>();
    Some(Concurrent {
        overlap: shown().map(|group| group.overlap).reduce(f64::min),
        sum: (!values.is_empty()).then_some(Sample { quantity, values, trusted }),
        sum_alone: sum_alone.map(|samples| Sum {
            rate: samples.iter().map(|sample| sample.centre()).sum(),
            trusted: samples.iter().all(|sample| sample.trusted),
        }),
        key,
        members,
        quantity,
        rates,
    })
}

fn member(pair: &Pair, quantity: Quantity, key: &CellKey, cells: &[&Cell<'_>], alone: &Cells<'_>) -> MemberRate {
    let own = || cells.iter().filter(|cell| cell.key.pair == *pair);
    let count = |of: fn(&Cell<'_>) -> usize| own().map(|cell| of(cell)).sum();
    let key_alone = CellKey { pair: pair.clone(), group: None, ..key.clone() };
    MemberRate {
        pair: pair.clone(),
        alone: rate_alone(&key_alone, own().all(|cell| cell.valid.is_empty() && cell.invalid.is_empty()), quantity, alone),
        together: own().find_map(|cell| cell.sample(quantity)),
        verdicts: [count(|cell| cell.valid.len()), count(|cell| cell.invalid.len()), count(|cell| cell.failed)],
    }
}

/// The rate of a pair alone. A record that failed does not have all of its settings: for a group without other records, `any_configuration`, it is the
/// rate with the only configuration that was measured alone.
fn rate_alone(key: &CellKey, any_configuration: bool, quantity: Quantity, alone: &Cells<'_>) -> Option<Sample> {
    let exact = alone.iter().filter(|cell| measured(&cell.key) == *key).find_map(|cell| cell.sample(quantity));
    let only = || {
        let mut similar = alone.iter().filter(|cell| measured(&cell.key).measurement() == key.measurement());
        similar.next().filter(|_| similar.next().is_none())?.sample(quantity)
    };
    exact.or_else(|| any_configuration.then(only).flatten())
}

/// One record of each measurement of the group: all have the same sum.
fn first_records<'c>(cells: &'c [&Cell<'_>]) -> impl Iterator<Item = &'c Record> {
    let most = cells.iter().max_by_key(|cell| cell.valid.len() + cell.invalid.len());
    most.into_iter().flat_map(|cell| cell.valid.iter().chain(&cell.invalid).copied())
}

fn of_sum(quantity: Quantity, sum: &Values) -> Option<f64> {
    match quantity {
        Quantity::ForwardingRate => sum.forwarding_pps.map(f64::from),
        Quantity::Goodput => sum.goodput_bps.map(f64::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::ReasonKind;

    fn record(id: &str, pair: &str, gbps: f64) -> Record {
        let (from, to) = pair.split_once(':').unwrap();
        let record = json!({
            "schema": 1, "id": id, "time": "2026-03-01T12:00:00Z", "pair": { "from": from, "to": to }, "stack": "kernel-tcp",
            "tool": { "name": "iperf3", "version": "3.12" }, "metric": "throughput", "method": "stream", "load": "max", "view": "application",
            "size": { "kind": "message", "bytes": 64 }, "values": { "goodput_bps": gbps * 1e9 }, "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    fn together(id: &str, overlap: f64, mut records: Vec<Record>) -> Vec<Record> {
        let members: Vec<_> = records.iter().map(Record::as_member).collect();
        let group = PairGroup::of(id.to_owned(), overlap, &members);
        records.iter_mut().for_each(|record| group.note(&mut record.parameters));
        records
    }

    #[test]
    fn each_pair_stands_beside_itself_alone_and_the_sum_beside_the_sum() {
        let mut records = vec![record("1", "a:b", 4.0), record("2", "c:d", 6.0)];
        records.extend(together("g", 0.9, vec![record("3", "a:b", 2.0), record("4", "c:d", 5.0)]));
        let [group] = &concurrent(&records)[..] else { panic!("one group") };
        let rates: Vec<_> = group.rates.iter().map(|rate| (rate.pair.to_string(), rate.factor().unwrap())).collect();
        assert_eq!(rates, [("a→b".to_owned(), 0.5), ("c→d".to_owned(), 5.0 / 6.0)]);
        assert_eq!((group.sum.as_ref().unwrap().centre(), group.sum_alone.unwrap().rate, group.factor()), (7e9, 10e9, Some(0.7)));
        assert!(group.is_trusted() && group.overlap == Some(0.9));
    }

    #[test]
    fn figures_of_pairs_alone_do_not_have_concurrent_records() {
        let mut records = vec![record("1", "a:b", 4.0)];
        records.extend(together("g", 0.9, vec![record("3", "a:b", 2.0), record("4", "c:d", 5.0)]));
        let cells = Cells::of(&records);
        assert_eq!(cells.iter().map(|cell| (cell.key.pair.to_string(), cell.valid.len())).collect::<Vec<_>>(), [("a→b".to_owned(), 1)]);
        assert_eq!(cells.iter().next().unwrap().sample(Quantity::Goodput).unwrap().values, [4e9]);
        assert_eq!(Cells::with_groups(&records).iter().count(), 3, "a comparison has them, each with its own identity");
        assert!(concurrent(&records[..1]).is_empty());
    }

    #[test]
    fn a_member_that_failed_stands_beside_the_others_although_its_record_says_less() {
        let mut failed = record("4", "c:d", 5.0);
        (failed.load, failed.view, failed.values) = (None, None, crate::record::Values::default());
        failed.verdict = crate::record::Verdict::failed(ReasonKind::ToolFailed, "no route");
        let [group] = &concurrent(&together("g", 0.0, vec![record("3", "a:b", 2.0), failed]))[..] else { panic!("one group") };
        assert_eq!(group.rates.iter().map(|rate| rate.verdicts).collect::<Vec<_>>(), [[1, 0, 0], [0, 0, 1]]);
        assert!(group.sum.is_none() && group.rates[1].together.is_none());
    }

    #[test]
    fn a_group_that_failed_stands_beside_the_only_rates_that_its_pairs_have_alone() {
        let with_streams = |id: &str, pair: &str, gbps: f64, streams: u32| {
            let mut record = record(id, pair, gbps);
            record.parameters.insert("streams".to_owned(), streams.into());
            record
        };
        let failed = |id: &str, pair: &str| {
            let mut failed = record(id, pair, 0.0);
            (failed.load, failed.view, failed.values) = (None, None, crate::record::Values::default());
            failed.verdict = crate::record::Verdict::failed(ReasonKind::TooFewCpus, "2 CPUs");
            failed
        };
        let mut records = vec![with_streams("1", "a:b", 4.0, 2), with_streams("2", "c:d", 6.0, 2), with_streams("3", "c:d", 7.0, 3)];
        records.extend(together("g", 0.0, vec![failed("4", "a:b"), failed("5", "c:d")]));
        let [group] = &concurrent(&records)[..] else { panic!("one group") };
        let alone: Vec<_> = group.rates.iter().map(|rate| rate.alone.as_ref().map(Sample::centre)).collect();
        assert_eq!(alone, [Some(4e9), None], "the second pair has two rates alone, and the record does not say which is meant");
        assert!(group.sum.is_none() && group.sum_alone.is_none());
    }

    #[test]
    fn a_faulty_member_leaves_the_sum_marked_and_the_other_rate_as_it_is() {
        let mut faulty = record("4", "c:d", 5.0);
        faulty.verdict.invalidate(ReasonKind::Hiccup, "interrupted");
        let [group] = &concurrent(&together("g", 0.9, vec![record("3", "a:b", 2.0), faulty]))[..] else { panic!("one group") };
        assert_eq!(group.rates[0].together.as_ref().map(|sample| sample.trusted), Some(true));
        assert_eq!(group.rates[1].verdicts, [0, 1, 0]);
        assert!(!group.is_trusted() && group.sum_alone.is_none() && group.factor().is_none());
        assert_eq!(serde_json::to_value(group).unwrap()["sum"]["trusted"], Value::Bool(false));
    }
}
