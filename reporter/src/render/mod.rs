//! A run made readable: `report.html`, `report.md`, `results.csv`, figures as SVG, and the terminal's table.

mod comparison;
mod csv;
mod escape;
pub mod exporter;
mod html;
mod markdown;
mod page;
mod procedures;
mod round_trips;
pub mod svg;
mod table;
pub mod terminal;
mod words;

pub use comparison::{render_comparison, terminal_text as comparison_text};

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::archive::Archive;
use crate::environment::EMULATED_NOTE;
use exporter::{CsvTable, Exporter};
use page::Page;
use svg::SvgFile;

/// The files that were written.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The report first.
    pub files: Vec<PathBuf>,
}

/// A report could not be written.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The file system refuses.
    #[error("{} could not be written: {source}; check the permissions and the free space, or name another directory; the results themselves are untouched", .file.display())]
    Write {
        /// The file or directory.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The built-in template does not fit the data.
    #[error("the report's template cannot be filled in: {0}; this is a defect of linerate, please report it with the run's results.jsonl")]
    Template(#[from] minijinja::Error),
}

/// Writes `report.html`, `report.md`, `results.csv` and `figures/*.svg` into a directory, which is made where it is missing.
///
/// All of it is derived from the archive: the same archive gives the same files, byte for byte.
pub fn render_run(archive: &Archive, into: &Path) -> Result<Rendered, RenderError> {
    let page = Page::of(archive);
    let mut files = vec![
        write(into, "report.html", &html::report(archive, &page)?)?,
        write(into, "report.md", &markdown::report(archive, &page))?,
        write(into, "results.csv", &csv::results(&archive.records))?,
    ];
    for figure in page.figures() {
        for exporter in [&SvgFile as &dyn Exporter, &CsvTable] {
            files.push(write(into, &format!("figures/{}.{}", figure.id, exporter.extension()), &exporter.export(figure))?);
        }
    }
    Ok(Rendered { files })
}

fn write(into: &Path, name: &str, text: &str) -> Result<PathBuf, RenderError> {
    let file = into.join(name);
    let folder = file.parent().unwrap_or(into);
    std::fs::create_dir_all(folder).map_err(|source| RenderError::Write { file: folder.to_owned(), source })?;
    std::fs::write(&file, text).map_err(|source| RenderError::Write { file: file.clone(), source })?;
    Ok(file)
}

/// What a reader must know before the first figure: that endpoints are emulated, or the run's own note.
pub(crate) fn environment_note(archive: &Archive) -> Option<String> {
    let environment = archive.environment.as_ref()?;
    environment.note.clone().or_else(|| environment.emulated.then(|| EMULATED_NOTE.to_owned()))
}
