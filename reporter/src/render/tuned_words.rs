//! What a search of `linerate tune` found, as sentences and rows.

use methodology::tune::StopReason;

use super::document::Table;
use super::format;
use crate::tuned::{Found, SettingFound, TuneRun};

/// Whether it is the default.
fn is_default(run: &TuneRun, values: &[String]) -> bool {
    run.axes.iter().zip(&run.default).zip(values).all(|((axis, &index), value)| axis.values.get(index) == Some(value))
}

/// What was found, how sure it is, and what was not tried.
pub fn sentences(run: &TuneRun, found: &Found) -> Vec<String> {
    let mut sentences = vec![choice(run, found)];
    let equal = found.settings.iter().filter(|setting| setting.equals_winner).count();
    if equal > 1 {
        let cheapest = match found.cheapest == found.chosen {
            true => "the chosen one takes the fewest cores of them".to_owned(),
            false => format!("the one with the fewest cores is {}", run.in_words(&found.cheapest)),
        };
        sentences.push(format!("{equal} settings are not shown to be worse than the best; {cheapest}."));
    }
    let noise = found.noise.map_or_else(String::new, |noise| format!(" The standard deviation of a trial is {}.", format::percent(noise)));
    sentences.push(format!(
        "Confidence that no measured setting is better than the chosen one by more than {}: {} (lower bound).{noise}",
        format::percent(run.within),
        format::share(found.confidence)
    ));
    if found.disturbed > 0 {
        sentences.push(format!(
            "{} trials count although the tester was interrupted: the values are those of a machine that did other work.",
            found.disturbed
        ));
    }
    if found.invalid > 0 {
        sentences.push(format!("{} of {} trials are invalid and do not count.", found.invalid, found.trials));
    }
    let unknown = if found.unknown.is_empty() { String::new() } else { format!(", {} have no valid trial", found.unknown.len()) };
    let untried = if found.untried > 0 { format!(", {} settings were not tried", found.untried) } else { String::new() };
    let failed = if found.failed.is_empty() { String::new() } else { format!(", {} do not work", found.failed.len()) };
    sentences.push(format!(
        "{} trials of {} settings{unknown}{untried}{failed}: {}.",
        found.trials,
        found.settings.len(),
        ended(found.stop)
    ));
    sentences
}

fn choice(run: &TuneRun, found: &Found) -> String {
    let chosen = run.in_words(&found.chosen);
    let amount = found
        .of(&found.chosen)
        .map_or_else(String::new, |chosen| format!(" ({} {}, {})", run.goal, run.amount(chosen.value), chosen.trials_in_words()));
    if found.unknown.iter().any(|unknown| unknown.setting == found.chosen) {
        return format!(
            "No comparison: the default ({chosen}) has no valid trial, so that no setting is shown to be better. The best of the others is {}.",
            run.in_words(&found.winner)
        );
    }
    let others = found.settings.iter().any(|setting| setting.setting != found.chosen);
    match (&found.gain, found.better_than_default) {
        (Some(gain), true) => format!(
            "Chosen: {chosen}{amount}, {:.3} times the default (95 %: {:.3} to {:.3}; {} pairs of trials after the choice).",
            gain.ratio, gain.interval.0, gain.interval.1, gain.pairs
        ),
        (None, true) => {
            format!("Chosen: {chosen}{amount}. It is ahead of the default by the trials of the search; the two were not compared in pairs.")
        }
        (Some(gain), false) => format!(
            "No difference: the default is kept ({chosen}{amount}). The best other setting, {}, has {:.3} times its value (95 %: {:.3} to {:.3}), which \
             is within noise.",
            run.in_words(&found.winner),
            gain.ratio,
            gain.interval.0,
            gain.interval.1
        ),
        (None, false) if found.winner == found.chosen => match others {
            true => format!("No difference: no setting with a valid trial is better than the default ({chosen}{amount})."),
            false => format!("No comparison: only the default ({chosen}{amount}) has a valid trial."),
        },
        (None, false) => format!(
            "No difference: the default is kept ({chosen}{amount}). {} is ahead, within noise; the two were not compared in pairs.",
            run.in_words(&found.winner)
        ),
    }
}

fn ended(stop: Option<StopReason>) -> &'static str {
    match stop {
        Some(StopReason::OneLeft) => "all others are worse than the best",
        Some(StopReason::AllEqual) => "no setting that is left is better than the best by more than what matters",
        Some(StopReason::Budget) => "the budget was used up",
        Some(StopReason::NothingWorks) => "no setting works",
        None => "interrupted",
    }
}

/// The settings, the best first.
pub fn table(run: &TuneRun, found: &Found) -> Table {
    let of_goal = ["95 % interval", "trials", "cores", "remark"].map(str::to_owned);
    let header = run.axes.iter().map(|axis| axis.name.clone()).chain([run.goal.clone()]).chain(of_goal).collect();
    let row = |measured: &SettingFound| {
        let interval = measured.interval.map(|(low, high)| format!("{} to {}", run.amount(low), run.amount(high)));
        let remarks = [
            (measured.setting == found.chosen, "chosen"),
            (is_default(run, &measured.setting), "default"),
            (measured.setting == found.cheapest, "fewest cores of the best"),
            (measured.equals_winner, "not shown to be worse than the best"),
        ];
        let remarks = remarks.iter().filter(|(is, _)| *is).map(|(_, remark)| *remark).collect::<Vec<_>>().join(", ");
        let cells = [
            run.amount(measured.value).to_string(),
            format::or_absent(interval),
            measured.trials.to_string(),
            format!("{:.2}", measured.cores),
            remarks,
        ];
        measured.setting.iter().cloned().chain(cells).collect()
    };
    Table { header, rows: found.settings.iter().map(row).collect() }
}

/// Settings that do not work, and what their drivers or tools said.
pub fn failures(run: &TuneRun, found: &Found) -> Vec<Vec<String>> {
    found.failed.iter().map(|failed| vec![run.in_words(&failed.setting), failed.why.clone()]).collect()
}
