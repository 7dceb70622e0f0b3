//! One file a format. [`REPORT_FORMATS`] and [`RESULTS_FORMATS`] are written once a run, [`FIGURE_FORMATS`] once a figure, and [`Export`]s when they are
//! asked for.

pub mod escape;
mod export;
mod export_cdm;
mod export_csit;
mod exporter;
mod figure_csv;
mod figure_numbers;
pub mod html;
pub mod markdown;
mod results_columns;
mod results_csv;
mod results_openmetrics;
mod results_parquet;
mod svg;
pub mod terminal;
pub mod terminal_table;

use crate::figure::Figure;

pub use export::Export;
pub use exporter::{ExportError, Exporter, Report};

/// The report for people, the file to open first in front.
pub const REPORT_FORMATS: &[&dyn for<'a> Exporter<Report<'a>>] = &[&html::Html, &markdown::Markdown];

/// The files with every record, for other programs.
pub const RESULTS_FORMATS: &[&dyn for<'a> Exporter<Report<'a>>] =
    &[&results_csv::ResultsCsv, &results_parquet::ResultsParquet, &results_openmetrics::ResultsOpenMetrics];

/// The files of each figure.
pub const FIGURE_FORMATS: &[&dyn Exporter<Figure>] = &[&svg::Svg, &figure_csv::FigureCsv];
