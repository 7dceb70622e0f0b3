//! `report.md`: the report for places that show no HTML.

use std::fmt::Write;
use std::io;

use crate::archive::Archive;
use crate::record::State;

use super::escape::markdown as text;
use super::figure_numbers::numbers;
use super::{ExportError, Exporter, Report};
use crate::render::document::{Page, Table};
use crate::render::sentences;

/// Trials that are not valid and stand in the file; the rest is in results.csv.
const LISTED: usize = 200;

/// The report as text.
pub struct Markdown;

impl Exporter<Report<'_>> for Markdown {
    fn name(&self, _: &Report<'_>) -> String {
        "report".to_owned()
    }

    fn extension(&self) -> &'static str {
        "md"
    }

    fn export(&self, report: &Report<'_>, into: &mut (dyn io::Write + Send)) -> Result<(), ExportError> {
        Ok(into.write_all(text_of(report.archive, report.page).as_bytes())?)
    }
}

/// A table in Markdown.
pub fn table(table: &Table) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.iter().map(|c| text(c)).collect::<Vec<_>>().join(" | "));
    let rule = format!("|---|{}\n", "---:|".repeat(table.header.len().saturating_sub(1)));
    format!("{}{rule}{}", line(&table.header), table.rows.iter().map(|row| line(row)).collect::<String>())
}

fn text_of(archive: &Archive, page: &Page) -> String {
    let overview = &page.analysis.overview;
    let mut md = format!("# {}\n\n", text(&overview.headline));
    let mut paragraph = |line: &str| {
        if !line.is_empty() {
            let _ = write!(md, "{}\n\n", text(line));
        }
    };
    paragraph(&overview.basis);
    paragraph(&sentences::environment_note(archive).unwrap_or_default());
    let v = overview.verdicts;
    paragraph(&format!("{} measurements: {} valid, {} invalid, {} failed.", v.total(), v.valid, v.invalid, v.failed));
    paragraph(sentences::repetitions(&page.analysis));
    sentences::choices(&page.analysis.configurations).iter().for_each(|line| paragraph(line));
    paragraph(&sentences::environment(archive));
    if v.invalid > 0 {
        paragraph("A value with ! comes from trials that are not valid.");
    }
    for section in &page.sections {
        let _ = write!(md, "## {}\n\n", text(section.title));
        for lead in &section.lead {
            let _ = write!(md, "{}\n\n", text(lead));
        }
        if let Some(figure) = section.figures.first() {
            let _ = write!(md, "{}\n\n", text(&figure.caption));
        }
        for figure in &section.figures {
            let _ = write!(md, "### {}\n\n![{}](figures/{}.svg)\n\n", text(&figure.title), text(&figure.title), figure.id);
            let _ = writeln!(md, "{}", table(&numbers(figure)));
        }
        for captioned in &section.tables {
            let _ = write!(md, "### {}\n\n{}\n", text(&captioned.caption), table(&captioned.table));
        }
        if !section.method.is_empty() {
            let _ = write!(md, "{}\n\n", text(&section.method));
        }
    }
    doubtful(archive, &mut md);
    md
}

fn doubtful(archive: &Archive, md: &mut String) {
    let doubtful: Vec<_> = archive.records.iter().filter(|r| r.verdict.state != State::Valid).collect();
    if !doubtful.is_empty() {
        md.push_str("## Trials that are not valid\n\n| id | pair | stack | size | verdict | why |\n|---|---|---|---|---|---|\n");
        for record in doubtful.iter().take(LISTED) {
            let why = record.verdict.reasons_in_words();
            let cells = [
                record.id.to_string(),
                record.pair.to_string(),
                record.stack.to_string(),
                record.size.to_string(),
                record.verdict.state.to_string(),
                why,
            ];
            let _ = writeln!(md, "| {} |", cells.map(|c| text(&c)).join(" | "));
        }
        if doubtful.len() > LISTED {
            let _ = write!(md, "\n{} more are in results.csv.\n", doubtful.len() - LISTED);
        }
        md.push('\n');
    }
    if !archive.damaged.is_empty() {
        md.push_str("## Lines that could not be read\n\n");
        for line in &archive.damaged {
            let _ = writeln!(md, "- {} line {}: {}", text(&line.file), line.line, text(&line.why));
        }
    }
}
