//! A history on the terminal, and as `history.html`, `history.md` and figures.

use std::path::Path;

use super::document::{Section, Table};
use super::figure_ids::number_equal_ids;
use super::formats::terminal_table::TerminalTable;
use super::overview::{self, Overview};
use super::write::{RenderError, Rendered};
use crate::figure;
use crate::history::{History, Trend};
use crate::render::format;

/// Results that have a figure of their own.
const DRAWN: usize = 8;
/// Rows of the terminal's table without `--all`.
const LISTED: usize = 20;

/// For a terminal of `width` columns: what changed, then the results that did, or all of them.
pub fn terminal_text(history: &History, width: u16, all: bool) -> String {
    let mut text = overview::terminal_head(&history.headline(), &history.basis(), &history.findings());
    let mut rows: Vec<&Trend> = history.trends.iter().filter(|trend| all || changed(trend)).collect();
    let left_out = if all { 0 } else { rows.len().saturating_sub(LISTED) };
    rows.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
    rows.truncate(rows.len() - left_out);
    if !rows.is_empty() {
        // Without the columns of runs and p, which a terminal has no room for.
        let narrow = |cells: Vec<String>| cells.into_iter().enumerate().filter(|(k, _)| ![1, 7].contains(k)).map(|(_, cell)| cell);
        let mut table = TerminalTable::new(width, &narrow(HEADER.map(str::to_owned).into()).collect::<Vec<_>>());
        rows.iter().for_each(|trend| {
            table.add_row(narrow(row(history, trend)).map(|cell| table.text_cell(&cell)).collect::<Vec<_>>());
        });
        text.push_str(&format!("\n{}\n", table.into_text()));
    }
    if left_out > 0 {
        text.push_str(&format!("{left_out} more changed: --all prints every result.\n"));
    }
    text + &overview::terminal_skipped(&history.skipped)
}

/// Writes `history.html`, `history.md` and the figures into a directory, which is made where it is missing.
pub fn render_history(history: &History, name: &str, into: &Path) -> Result<Rendered, RenderError> {
    let sections = sections(history);
    let overview = Overview {
        name,
        headline: history.headline(),
        basis: history.basis(),
        findings: history.findings(),
        sections: &sections,
        skipped: &history.skipped,
        footer: "Derived from the results.jsonl of each run. Runs are counted from 1 in the order of time.",
    };
    overview::write(&overview, "history", into)
}

fn sections(history: &History) -> Vec<Section> {
    let mut clearest: Vec<&Trend> = history.trends.iter().filter(|trend| changed(trend)).collect();
    clearest.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
    let mut results: Vec<_> = clearest.iter().take(DRAWN).map(|trend| figure::result_by_run(history, trend)).collect();
    number_equal_ids(results.iter_mut().map(|figure| &mut figure.id));
    let more = clearest.len().saturating_sub(DRAWN);
    let sections = [
        Section {
            id: "kinds",
            title: "All results, run by run",
            figures: figure::kinds_by_run(history).into_iter().collect(),
            method: history.method(),
            ..Section::default()
        },
        Section {
            id: "changes",
            title: "The results that changed most clearly",
            lead: (more > 0).then(|| format!("{more} more changed beyond noise; the table below has all.")).into_iter().collect(),
            figures: results,
            ..Section::default()
        },
        Section {
            id: "environment",
            title: "What changed beside the results",
            lead: environment_lead(history),
            tables: environment(history).captioned("Facts that differ from those of the run before").into_iter().collect(),
            ..Section::default()
        },
        Section {
            id: "results",
            title: "Every result",
            tables: Table::new(HEADER, history.trends.iter().map(|trend| row(history, trend)).collect())
                .captioned("Levels, changes and noise")
                .into_iter()
                .collect(),
            ..Section::default()
        },
        Section {
            id: "runs",
            title: "Every run",
            tables: runs(history).captioned("Runs in the order of time").into_iter().collect(),
            ..Section::default()
        },
    ];
    sections.into_iter().filter(|section| !section.is_empty()).collect()
}

fn changed(trend: &Trend) -> bool {
    !trend.shifts.is_empty() || trend.slope.is_some()
}

const HEADER: [&str; 8] = ["result", "runs", "first level", "newest level", "steps", "drift", "noise", "p corrected"];

fn row(history: &History, trend: &Trend) -> Vec<String> {
    let level =
        |level: Option<&crate::history::Stretch>| format::or_absent(level.map(|level| trend.quantity.amount(level.mean).to_string()));
    let steps: Vec<String> = trend
        .shifts
        .iter()
        .map(|shift| {
            let date = history.runs.get(shift.run).map(|run| run.started.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
            format!("{} at run {} ({date})", format::signed_percent(shift.ratio), shift.run + 1)
        })
        .collect();
    let newest = trend.levels.last().filter(|_| trend.levels.len() > 1);
    vec![
        trend.name(),
        trend.points.len().to_string(),
        level(trend.levels.first()),
        level(newest),
        format::or_absent((!steps.is_empty()).then(|| steps.join("; "))),
        format::or_absent(trend.slope.map(|slope| format::signed_percent(slope.ratio))),
        format::or_absent(trend.noise.map(format::percent)),
        trend.not_judged.map_or_else(|| format::or_absent(trend.p_corrected.map(format::p_in_table)), |why| why.words().to_owned()),
    ]
}

fn environment(history: &History) -> Table {
    let side = |value: &Option<String>| format::or_absent(value.clone());
    let rows = history.environment.iter().map(|change| {
        let when = history.runs.get(change.run).map(|run| run.when()).unwrap_or_default();
        vec![change.what.clone(), (change.run + 1).to_string(), when, side(&change.before), side(&change.after)]
    });
    Table::new(["fact", "run", "from", "before", "after"], rows.collect())
}

fn environment_lead(history: &History) -> Vec<String> {
    let restless = &history.restless;
    match restless.is_empty() {
        true => Vec::new(),
        false => vec![format!("Facts that change too often to explain anything are not listed: {}.", restless.join(", "))],
    }
}

fn runs(history: &History) -> Table {
    let rows = history.runs.iter().enumerate().map(|(place, run)| {
        let v = run.verdicts;
        let damaged = if run.damaged > 0 { run.damaged.to_string() } else { String::new() };
        vec![
            (place + 1).to_string(),
            run.when(),
            run.name.clone(),
            v.valid.to_string(),
            v.invalid.to_string(),
            v.failed.to_string(),
            damaged,
        ]
    });
    Table::new(["run", "when", "directory", "valid", "invalid", "failed", "damaged lines"], rows.collect())
}
