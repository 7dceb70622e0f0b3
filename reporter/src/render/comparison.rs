//! Two runs compared: on the terminal, and as `compare.html`, `compare.md` and a figure.

use std::path::Path;

use comfy_table::{Cell, CellAlignment};
use minijinja::context;

use super::document::{Section, Table};
use super::formats::terminal_table::TerminalTable;
use super::formats::{FIGURE_FORMATS, escape, html, markdown};
use super::write::{RenderError, Rendered, write, write_exports};
use crate::amount::{Amount, Unit};
use crate::compare::{Change, Comparison, Judgement};
use crate::figure;
use crate::render::format;

const TEMPLATE: &str = include_str!("../../assets/compare.html");
const HEADER: [&str; 8] = ["result", "base", "new", "change", "95 % interval", "seen from", "p corrected", "finding"];
/// Before the sentences that say what could be seen.
const VISIBLE: &str =
    "What this comparison could see. Smaller shifts than these are not ruled out by \"within noise\"; these are found four times in five.";

/// For a terminal of `width` columns: differences of the environment first, then results that differ beyond noise, or all of them.
pub fn terminal_text(comparison: &Comparison, width: u16, all: bool) -> String {
    let mut text = String::new();
    if comparison.environment.is_empty() {
        text.push_str("Environment, plan, testbed and tools: no difference recorded.\n");
    } else {
        text.push_str("Before the numbers: the runs differ in more than the results.\n");
        let mut table = TerminalTable::new(width, &["fact", "base", "new"]);
        for difference in &comparison.environment {
            let side = |value: &Option<String>| escape::terminal(value.as_deref().unwrap_or(format::ABSENT));
            table.add_row([escape::terminal(&difference.what), side(&difference.base), side(&difference.new)]);
        }
        text.push_str(&format!("{}\n", table.into_text()));
    }
    if let Some(across) = comparison.across_in_words() {
        text.push_str(&format!("{across}\n"));
    }
    text.push('\n');
    let shown: Vec<&Change> = comparison.changes.iter().filter(|c| all || interesting(comparison, c)).collect();
    if !shown.is_empty() {
        let mut table = TerminalTable::new(width, &HEADER);
        for change in shown {
            let mut cells: Vec<Cell> = row(change).iter().map(|cell| table.text_cell(cell)).collect();
            for cell in cells.iter_mut().skip(1).take(6) {
                *cell = cell.clone().set_alignment(CellAlignment::Right);
            }
            table.add_row(cells);
        }
        text.push_str(&format!("{}\n\n", table.into_text()));
    }
    text.push_str(&format!("{}\n{}\n", comparison.summary(), method(comparison)));
    let visibility = comparison.visibility();
    if !visibility.is_empty() {
        text.push_str(&format!("{VISIBLE}\n  {}\n", visibility.join("\n  ")));
    }
    for (side, keys) in [("first", &comparison.only_in_base), ("second", &comparison.only_in_new)] {
        if !keys.is_empty() {
            text.push_str(&format!("{} measurements are on the {side} side only.\n", keys.len()));
        }
    }
    text
}

/// Beyond noise; where noise cannot be judged at all, everything.
fn interesting(comparison: &Comparison, change: &Change) -> bool {
    matches!(change.finding, Judgement::Better | Judgement::Worse) || !comparison.can_judge()
}

/// Writes `compare.html`, `compare.md` and the figure into a directory, which is made where it is missing.
pub fn render_comparison(comparison: &Comparison, base: &str, new: &str, into: &Path) -> Result<Rendered, RenderError> {
    let figure = figure::changes(comparison);
    let table = Table::new(HEADER, comparison.changes.iter().map(|c| row(c).into()).collect());
    let differences = comparison.environment.iter();
    let environment = Table::new(
        ["fact", "base", "new"],
        differences.map(|d| vec![d.what.clone(), format::or_absent(d.base.clone()), format::or_absent(d.new.clone())]).collect(),
    );
    let mut text = format!("# {} against {}\n\n", escape::markdown(new), escape::markdown(base));
    text.push_str("## What else differs\n\n");
    text.push_str(&if environment.rows.is_empty() { "Nothing that was recorded.\n".to_owned() } else { markdown::table(&environment) });
    text.push_str(&format!("\n## Results\n\n{}\n\n", escape::markdown(&comparison.summary())));
    if let Some(across) = comparison.across_in_words() {
        text.push_str(&format!("{}\n\n", escape::markdown(&across)));
    }
    text.push_str(&format!("{}\n{}\n", markdown::table(&table), escape::markdown(&method(comparison))));
    let visibility = comparison.visibility();
    if !visibility.is_empty() {
        text.push_str(&format!("\n{VISIBLE}\n\n"));
        text.extend(visibility.iter().map(|line| format!("- {}\n", escape::markdown(line))));
    }

    // The counts as the heading, what limits them below it.
    let summary = comparison.summary();
    let (headline, limits) = summary.split_once(". ").unwrap_or((&summary, ""));
    let section = Section { id: "changes", title: "What changed", figures: figure.iter().cloned().collect(), ..Section::default() };
    let page = html::fill(
        TEMPLATE,
        context! {
            base, new,
            environment => html::table(&environment),
            table => html::table(&table),
            headline => headline.trim_end_matches('.'),
            limits,
            across => comparison.across_in_words(),
            method => method(comparison),
            visible => VISIBLE,
            visibility,
            section => html::section(&section),
        },
    )
    .map_err(|error| RenderError::Export { file: "compare.html".to_owned(), source: error.into() })?;
    let mut files = vec![write(into, "compare.html", page.as_bytes())?, write(into, "compare.md", text.as_bytes())?];
    if let Some(figure) = &figure {
        write_exports(into, FIGURE_FORMATS, figure, &mut files)?;
    }
    Ok(Rendered { files })
}

fn method(comparison: &Comparison) -> String {
    format!(
        "{}, {} correction over {} comparisons, level {:.0} %.",
        comparison.test,
        comparison.correction,
        comparison.changes.iter().filter(|c| c.p.is_some()).count(),
        comparison.level * 100.0
    )
}

fn row(change: &Change) -> [String; 8] {
    let amount = |value: f64| change.quantity.amount(value).to_string();
    let side = |sample: &crate::analysis::Sample| format!("{} (n {})", amount(sample.geometric_mean()), sample.values.len());
    [
        change.name(),
        side(&change.base),
        side(&change.new),
        format::signed_percent(change.ratio),
        format::or_absent(change.interval.map(|i| format!("{} to {}", format::signed_percent(i.low), format::signed_percent(i.high)))),
        format::or_absent(change.visible.map(|v| format!("±{}", Amount { unit: Unit::Percent, value: v.alone * 100.0 }))),
        format::or_absent(change.p_corrected.map(format::p_in_table)),
        change.finding_in_words(),
    ]
}
