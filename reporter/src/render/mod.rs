//! A run made readable: the report's files, its figures, the comparison of two runs, and the terminal's table.
//!
//! Layers, each of which uses only those above it:
//!
//! - `format`: numbers to text
//! - `sentences`: analysis results to sentences
//! - `document`: the types of a report: page, section, table
//! - `sections`: one function a section
//! - `compose`: which sections there are, in which order
//! - `formats`: one file a format
//! - `write`: files on disk

mod comparison;
mod compose;
mod document;
mod figure_ids;
mod fleet;
mod format;
mod formats;
mod gate;
mod history;
mod kernel_search_words;
mod overview;
mod scaling;
mod scaling_words;
mod sections;
mod sentences;
#[cfg(test)]
mod stack_views;
mod tuned;
mod tuned_words;
mod write;

use std::path::Path;

use crate::archive::Archive;

pub use comparison::{render_comparison, terminal_text as comparison_text};
pub use fleet::{render_fleet, terminal_text as fleet_text};
pub use formats::{Export, ExportError, terminal};
pub use gate::{junit as gate_junit, terminal_text as gate_text};
pub use history::{render_history, terminal_text as history_text};
pub use scaling::terminal_text as scaling_text;
pub use tuned::terminal_text as tuned_text;
pub use write::{RenderError, Rendered};

use formats::{FIGURE_FORMATS, REPORT_FORMATS, RESULTS_FORMATS, Report};
use write::write_exports;

/// Writes `report.html`, `report.md`, `results.csv`, `results.parquet`, `results.prom` and `figures/*` into a directory, which is made where it is missing.
///
/// All of it is derived from the archive: the same archive gives the same files, byte for byte.
pub fn render_run(archive: &Archive, into: &Path) -> Result<Rendered, RenderError> {
    render_run_with(archive, &[], into)
}

/// The same with exports for other projects.
pub fn render_run_with(archive: &Archive, exports: &[Export], into: &Path) -> Result<Rendered, RenderError> {
    render_run_beside(archive, &[], exports, into)
}

/// The same beside other runs: what each kind of endpoint costs is shown with the results of all.
pub fn render_run_beside(archive: &Archive, beside: &[Archive], exports: &[Export], into: &Path) -> Result<Rendered, RenderError> {
    let page = compose::compose(archive, beside);
    let mut files = Vec::new();
    let report = Report { archive, page: &page };
    // The report first: the results of a large run can fill the disk.
    write_exports(into, REPORT_FORMATS, &report, &mut files)?;
    write_exports(into, RESULTS_FORMATS, &report, &mut files)?;
    let exports: Vec<_> = exports.iter().map(|export| export.exporter()).collect();
    write_exports(into, &exports, &report, &mut files)?;
    for figure in page.figures() {
        write_exports(into, FIGURE_FORMATS, figure, &mut files)?;
    }
    Ok(Rendered { files })
}
