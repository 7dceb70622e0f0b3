use std::io::Write;

use thiserror::Error;

use crate::archive::Archive;
use crate::render::document::Page;

/// A run and the report composed from it: what an exporter of a run writes down.
pub struct Report<'a> {
    /// The run.
    pub archive: &'a Archive,
    /// The composed report.
    pub page: &'a Page,
}

/// Writes a subject in one format: a whole [`Report`], or one [`Figure`](crate::figure::Figure).
///
/// A format is one file with an implementation of this trait and one line in [`REPORT_FORMATS`](super::REPORT_FORMATS),
/// [`RESULTS_FORMATS`](super::RESULTS_FORMATS), [`FIGURE_FORMATS`](super::FIGURE_FORMATS) or [`Export`](super::Export).
pub trait Exporter<Subject: ?Sized>: Sync {
    /// The file's name without its extension, relative to the report's directory.
    fn name(&self, subject: &Subject) -> String;

    /// The file's extension, without the dot.
    fn extension(&self) -> &'static str;

    /// Writes the bytes of the file. The same subject gives the same bytes.
    fn export(&self, subject: &Subject, into: &mut (dyn Write + Send)) -> Result<(), ExportError>;
}

/// A file's contents could not be made or written. The results themselves are untouched.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file cannot be written.
    #[error("cannot write it: {0}")]
    Write(#[from] std::io::Error),
    /// The built-in template does not fit the data.
    #[error("cannot fill in the report's template: {0}")]
    Template(#[from] minijinja::Error),
    /// The CSV writer refuses a line.
    #[error("cannot write a line of CSV: {0}")]
    Csv(#[from] csv::Error),
    /// The JSON writer refuses an object.
    #[error("cannot write an object of JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The Parquet writer refuses a column.
    #[error("cannot write a column of Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
}
