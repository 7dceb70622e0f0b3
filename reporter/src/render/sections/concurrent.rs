//! Pairs at the same time: the rate of each alone and beside the others, and their sum.

use super::Input;
use crate::analysis::{Concurrent, Configuration, MemberRate};
use crate::record::{Record, Size, State};
use crate::render::document::{Section, Table};
use crate::render::format;

/// What pairs reach beside each other.
pub fn concurrent(input: &Input<'_>) -> Section {
    Section {
        id: "concurrent",
        title: "Pairs at the same time",
        lead: input
            .analysis
            .concurrent
            .iter()
            .filter_map(|group| in_words(group).or_else(|| without_sum_in_words(group, &input.archive.records)))
            .collect(),
        tables: table(&input.analysis.concurrent).captioned("Each pair alone and beside the others of its group, and their sum").into_iter().collect(),
        method: "The pairs of a group start together. Overlap is the share of the longest trial during which all of them are known to have sent; a \
                 group below 80 % is invalid. A sum is valid only if the record of every pair is. The factor is the rate beside the others over \
                 the rate alone: 1 where pairs do not disturb each other. Pairs on one machine also share its processors, and not only the wire. \
                 Every other section of this report shows pairs that were measured alone."
            .to_owned(),
        ..Section::default()
    }
}

/// The sum in one sentence, where it can be trusted and compared.
fn in_words(group: &Concurrent) -> Option<String> {
    let (sum, factor) = (group.sum.as_ref()?, group.factor()?);
    group.is_trusted().then(|| {
        let (stack, size) = (group.key.stack.label(), Size { kind: group.key.size.kind, bytes: group.key.size.bytes });
        let rate = format::sample(Some(sum.clone()));
        format!("{} over {stack} with {size}s: {rate} together, {} the sum of each alone.", group.members, format::ratio(factor))
    })
}

/// Why a group has no sum: the first reason of a record of it that is not valid.
fn without_sum_in_words(group: &Concurrent, records: &[Record]) -> Option<String> {
    if group.sum.is_some() {
        return None;
    }
    let is_of_group = |record: &&Record| {
        record.stack == group.key.stack
            && record.method == group.key.method
            && (record.size.kind, record.size.bytes) == (group.key.size.kind, group.key.size.bytes)
            && record.metric == group.key.metric
            && record.verdict.state != State::Valid
            && Configuration::of(record) == group.key.configuration
            && record.group().is_some_and(|of| of.members == group.members)
    };
    let record = records.iter().filter(is_of_group).find(|record| !record.verdict.reasons.is_empty())?;
    let (stack, size) = (group.key.stack.label(), record.size);
    Some(format!("{} over {stack} with {size}s has no sum. {}: {}.", group.members, record.pair, record.verdict.reasons_in_words()))
}

/// The table of groups; the terminal has the same.
pub fn table(groups: &[Concurrent]) -> Table {
    Table::new(["group", "pair", "alone", "at the same time", "factor", "overlap", "verdict"], groups.iter().flat_map(rows).collect())
}

fn rows(group: &Concurrent) -> Vec<Vec<String>> {
    let setup = group.key.configuration.settings_in_words().map(|settings| format!(", {settings}")).unwrap_or_default();
    let name = format!("{} {} {}{setup}", group.key.stack.label(), group.key.method, group.key.size);
    let mut rows: Vec<Vec<String>> = group.rates.iter().map(|rate| row(&name, rate)).collect();
    let sum_alone = group.sum_alone.map(|sum| format::marked(group.quantity.amount(sum.rate), sum.trusted));
    rows.push(vec![
        name,
        "sum".to_owned(),
        format::or_absent(sum_alone),
        format::sample(group.sum.clone()),
        format::or_absent(group.factor().map(|factor| format::marked(format::ratio(factor), group.is_trusted()))),
        format::or_absent(group.overlap.map(format::percent)),
        match &group.sum {
            Some(sum) if sum.trusted => "valid",
            Some(_) => "invalid",
            None => "no sum",
        }
        .to_owned(),
    ]);
    rows
}

fn row(name: &str, rate: &MemberRate) -> Vec<String> {
    let trusted = [&rate.alone, &rate.together].into_iter().flatten().all(|sample| sample.trusted);
    let counts = rate.verdicts.iter().zip(["valid", "invalid", "failed"]).filter(|(count, _)| **count > 0);
    let states: Vec<String> =
        counts.map(|(count, state)| if *count == 1 { state.to_owned() } else { format!("{count} {state}") }).collect();
    vec![
        name.to_owned(),
        rate.pair.to_string(),
        format::sample(rate.alone.clone()),
        format::sample(rate.together.clone()),
        format::or_absent(rate.factor().map(|factor| format::marked(format::ratio(factor), trusted))),
        String::new(),
        states.join(", "),
    ]
}
