//! What a search for the kernel's fastest settings found, as sentences and rows.

use methodology::units::Goodput;

use super::document::Table;
use super::format;
use crate::amount::{Amount, Unit};
use crate::analysis::Quantity;
use crate::record::{BestOf, CombinationRate, Record, State};

fn rate(goodput: Goodput) -> Amount {
    Quantity::Goodput.amount(goodput.bps())
}

/// Each search of a run in one sentence, in the order of the records.
pub fn searches(records: &[Record]) -> Vec<String> {
    records.iter().filter_map(|record| Some(outcome(record, &record.best_of()?))).collect()
}

/// What was searched, so that several searches of a run are told apart: pair, stack, repetition, and the size where it was not searched.
pub fn subject(record: &Record, best: &BestOf) -> String {
    let size = match best.searched_sizes() {
        true => String::new(),
        false => format!(" with {}s", record.size),
    };
    format!("{}, {}{size}, repetition {}", record.pair, record.stack.label(), record.repetition)
}

fn outcome(record: &Record, best: &BestOf) -> String {
    let subject = subject(record, best);
    let Some(chosen) = best.chosen.as_ref() else {
        return format!("{subject}: at its best: no combination has a valid trial. {}.", record.verdict.reasons_in_words());
    };
    let goodput = format::marked(rate(chosen.goodput_bps), record.verdict.state == State::Valid);
    format!("{subject}: at its best with {}, {goodput}, {}.", chosen.setting, found(best, 1, 1))
}

/// How many combinations a search chose from, and how sure it is. `chosen_by` of `searches` chose the same combination.
pub fn found(best: &BestOf, chosen_by: usize, searches: usize) -> String {
    let trials = best.valid_trials;
    let mut text =
        format!("found by a search among {} combinations of {} in {trials} valid trials", best.combinations, best.searched.join(", "));
    if searches > 1 {
        text.push_str(&format!("; {chosen_by} of {searches} searches chose it, and what follows is of the first of them"));
    }
    if let Some((low, high)) = best.chosen.as_ref().and_then(|chosen| chosen.interval_bps) {
        text.push_str(&format!("; 95 % interval of its rate: {} to {}", rate(low), rate(high)));
    }
    let share = Amount { unit: Unit::Percent, value: best.within * 100.0 };
    match best.confidence {
        Some(confidence) => {
            text.push_str(&format!("; confidence that none that was tried is faster by more than {share}: {confidence:.2}"))
        }
        None => text.push_str("; nothing was repeated, so that its confidence is not known"),
    }
    let others: Vec<&str> = best.not_distinguished.iter().map(|rate| rate.setting.as_str()).collect();
    if !others.is_empty() {
        text.push_str(&format!("; not distinguished from it: {}", others.join("; ")));
    }
    let without = best.without_valid_trial.len();
    if without > 0 {
        text.push_str(&format!("; {without} have no valid trial"));
    }
    if !best.untried.is_empty() {
        text.push_str(&format!("; {} were not tried", best.untried.len()));
    }
    text
}

/// Every combination of a search, the chosen one first.
pub fn combinations(best: &BestOf) -> Table {
    let measured = |outcome: &str, of: &CombinationRate| {
        let interval = of.interval_bps.map(|(low, high)| format!("{} to {}", rate(low), rate(high)));
        vec![of.setting.clone(), rate(of.goodput_bps).to_string(), format::or_absent(interval), of.trials.to_string(), outcome.to_owned()]
    };
    let unknown = |outcome: String, setting: &str| {
        vec![setting.to_owned(), format::or_absent(None), format::or_absent(None), "0".to_owned(), outcome]
    };
    let chosen = best.chosen.iter().map(|of| measured("chosen", of));
    let equal = best.not_distinguished.iter().map(|of| measured("not distinguished from it", of));
    let slower = best.slower.iter().map(|of| measured("slower", of));
    let without = best.without_valid_trial.iter().map(|of| unknown(format!("no valid trial: {}", of.why), &of.setting));
    let untried = best.untried.iter().map(|setting| unknown("not tried".to_owned(), setting));
    Table::new(
        ["combination", "goodput", "95 % interval", "valid trials", "outcome"],
        chosen.chain(equal).chain(slower).chain(without).chain(untried).collect(),
    )
}
