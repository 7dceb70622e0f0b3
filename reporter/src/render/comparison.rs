//! Two runs compared: on the terminal, and as `compare.html`, `compare.md` and a figure.

use std::path::Path;

use comfy_table::{Cell, CellAlignment};
use minijinja::context;

use super::exporter::{CsvTable, Exporter};
use super::page::Section;
use super::svg::SvgFile;
use super::table::Table;
use super::{RenderError, Rendered, escape, html, terminal, write};
use crate::analysis::{Amount, Unit};
use crate::compare::{Change, Comparison, Finding};
use crate::figure;

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
        let mut table = terminal::ruled(width, &["fact", "base", "new"]);
        for difference in &comparison.environment {
            let side = |value: &Option<String>| escape::terminal(value.as_deref().unwrap_or("–"));
            table.add_row([escape::terminal(&difference.what), side(&difference.base), side(&difference.new)]);
        }
        text.push_str(&format!("{table}\n"));
    }
    text.push('\n');
    let shown: Vec<&Change> = comparison.changes.iter().filter(|c| all || interesting(comparison, c)).collect();
    if !shown.is_empty() {
        let mut table = terminal::ruled(width, &HEADER);
        for change in shown {
            let mut cells: Vec<Cell> = row(change).iter().map(|c| Cell::new(escape::terminal(c))).collect();
            for cell in cells.iter_mut().skip(1).take(6) {
                *cell = cell.clone().set_alignment(CellAlignment::Right);
            }
            table.add_row(cells);
        }
        text.push_str(&format!("{table}\n\n"));
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
    matches!(change.finding, Finding::Better | Finding::Worse) || !comparison.can_judge()
}

/// Writes `compare.html`, `compare.md` and the figure into a directory, which is made where it is missing.
pub fn render_comparison(comparison: &Comparison, base: &str, new: &str, into: &Path) -> Result<Rendered, RenderError> {
    let figure = figure::changes(comparison);
    let table = Table { header: HEADER.map(str::to_owned).into(), rows: comparison.changes.iter().map(|c| row(c).into()).collect() };
    let environment = Table {
        header: ["fact", "base", "new"].map(str::to_owned).into(),
        rows: comparison
            .environment
            .iter()
            .map(|d| {
                vec![d.what.clone(), d.base.clone().unwrap_or_else(|| "–".to_owned()), d.new.clone().unwrap_or_else(|| "–".to_owned())]
            })
            .collect(),
    };
    let mut markdown = format!("# {} against {}\n\n", escape::markdown(new), escape::markdown(base));
    markdown.push_str("## What else differs\n\n");
    markdown.push_str(&if environment.rows.is_empty() { "Nothing that was recorded.\n".to_owned() } else { environment.markdown() });
    markdown.push_str(&format!("\n## Results\n\n{}\n\n", escape::markdown(&comparison.summary())));
    markdown.push_str(&format!("{}\n{}\n", table.markdown(), escape::markdown(&method(comparison))));
    let visibility = comparison.visibility();
    if !visibility.is_empty() {
        markdown.push_str(&format!("\n{VISIBLE}\n\n"));
        markdown.extend(visibility.iter().map(|line| format!("- {}\n", escape::markdown(line))));
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
            method => method(comparison),
            visible => VISIBLE,
            visibility,
            section => html::section(&section),
        },
    )?;
    let mut files = vec![write(into, "compare.html", &page)?, write(into, "compare.md", &markdown)?];
    if let Some(figure) = &figure {
        for exporter in [&SvgFile as &dyn Exporter, &CsvTable] {
            files.push(write(into, &format!("figures/{}.{}", figure.id, exporter.extension()), &exporter.export(figure))?);
        }
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
    let percent = |ratio: f64| {
        let value = (ratio - 1.0) * 100.0;
        format!("{}{}", if value > 0.0 { "+" } else { "" }, Amount { unit: Unit::Percent, value })
    };
    [
        change.name(),
        side(&change.base),
        side(&change.new),
        percent(change.ratio),
        change.interval.map_or_else(|| "–".to_owned(), |i| format!("{} to {}", percent(i.low), percent(i.high))),
        change.visible.map_or_else(|| "–".to_owned(), |v| format!("±{}", Amount { unit: Unit::Percent, value: v.alone * 100.0 })),
        change.p_corrected.map_or_else(|| "–".to_owned(), |p| if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }),
        change.finding_in_words(),
    ]
}
