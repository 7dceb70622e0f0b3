//! A page about many runs: the answer first, then sections, then what was skipped. Histories and fleets are such pages.

use std::fmt::Write;
use std::path::Path;

use minijinja::{Value, context};

use super::document::Section;
use super::formats::{ExportError, FIGURE_FORMATS, escape, html, markdown};
use super::write::{self, RenderError, Rendered, write_exports};
use crate::runs::Skipped;

const TEMPLATE: &str = include_str!("../../assets/overview.html");

/// Findings on the first screen; the tables below have all.
const FIRST_SCREEN: usize = 6;

/// What such a page says.
pub(super) struct Overview<'a> {
    /// Which runs it is about.
    pub name: &'a str,
    /// The answer, without a full stop.
    pub headline: String,
    /// What it rests on.
    pub basis: String,
    /// What was found, the most important first.
    pub findings: Vec<String>,
    /// In reading order.
    pub sections: &'a [Section],
    /// Directories that are not in it.
    pub skipped: &'a [Skipped],
    /// Where the numbers come from.
    pub footer: &'a str,
}

/// Writes `FILE.html`, `FILE.md` and the figures into a directory, which is made where it is missing.
pub(super) fn write(overview: &Overview<'_>, file: &str, into: &Path) -> Result<Rendered, RenderError> {
    let (page, text) = (format!("{file}.html"), format!("{file}.md"));
    let html = html(overview).map_err(|source| RenderError::Export { file: page.clone(), source })?;
    let mut files = vec![write::write(into, &page, html.as_bytes())?, write::write(into, &text, markdown(overview).as_bytes())?];
    for figure in overview.sections.iter().flat_map(|section| &section.figures) {
        write_exports(into, FIGURE_FORMATS, figure, &mut files)?;
    }
    Ok(Rendered { files })
}

/// The answer, what it rests on, and the findings, for a terminal.
pub(super) fn terminal_head(headline: &str, basis: &str, findings: &[String]) -> String {
    let mut text = format!("{}.\n{}\n", escape::terminal(headline), escape::terminal(basis));
    for line in findings {
        let _ = writeln!(text, "  {}", escape::terminal(line));
    }
    text
}

/// The directories that were skipped, for a terminal.
pub(super) fn terminal_skipped(skipped: &[Skipped]) -> String {
    skipped.iter().map(|s| escape::terminal(&format!("skipped: {}: {}", s.directory.display(), s.why)) + "\n").collect()
}

/// As one file that needs no network, reads and prints without script.
fn html(overview: &Overview<'_>) -> Result<String, ExportError> {
    let content = context! {
        name => overview.name,
        headline => overview.headline.as_str(),
        basis => overview.basis.as_str(),
        findings => overview.findings.iter().take(FIRST_SCREEN).cloned().collect::<Vec<_>>(),
        hidden => overview.findings.len().saturating_sub(FIRST_SCREEN),
        sections => overview.sections.iter().map(html::section).collect::<Vec<_>>(),
        skipped => overview.skipped.iter().map(skipped).collect::<Vec<_>>(),
        footer => overview.footer,
    };
    Ok(html::fill(TEMPLATE, content)?)
}

fn skipped(skipped: &Skipped) -> Value {
    context! { directory => skipped.directory.display().to_string(), why => skipped.why.as_str() }
}

/// As text for places that show no HTML.
fn markdown(overview: &Overview<'_>) -> String {
    let text = escape::markdown;
    let mut md = format!("# {}\n\n{}\n\n", text(&overview.headline), text(&overview.basis));
    for line in &overview.findings {
        let _ = writeln!(md, "- {}", text(line));
    }
    for section in overview.sections {
        let _ = write!(md, "\n## {}\n\n", text(section.title));
        for line in &section.lead {
            let _ = write!(md, "{}\n\n", text(line));
        }
        for figure in &section.figures {
            let _ = write!(md, "![{}](figures/{}.svg)\n\n", text(&figure.title), figure.id);
        }
        for table in &section.tables {
            let _ = writeln!(md, "{}", markdown::table(&table.table));
        }
        if !section.method.is_empty() {
            let _ = writeln!(md, "{}", text(&section.method));
        }
    }
    if !overview.skipped.is_empty() {
        md.push_str("\n## Directories that were skipped\n\n");
        for skipped in overview.skipped {
            let _ = writeln!(md, "- {}: {}", text(&skipped.directory.display().to_string()), text(&skipped.why));
        }
    }
    md
}
