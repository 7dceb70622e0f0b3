//! One figure, many formats.

use crate::figure::Figure;

use super::escape;
use super::table::{Table, place};

/// Turns a figure into the text of one format.
pub trait Exporter {
    /// How files of the format end, without the dot.
    fn extension(&self) -> &'static str;

    /// The whole text of the file, or the piece to put into a larger one.
    fn export(&self, figure: &Figure) -> String;
}

/// The numbers behind a figure: one line a point, base units.
pub struct CsvTable;

impl Exporter for CsvTable {
    fn extension(&self) -> &'static str {
        "csv"
    }

    fn export(&self, figure: &Figure) -> String {
        let mut csv = "series,x,y,low,high,valid\n".to_owned();
        for series in &figure.series {
            for point in &series.points {
                let spread = |pick: fn((f64, f64)) -> f64| point.spread.map(|s| pick(s).to_string()).unwrap_or_default();
                csv.push_str(&format!(
                    "{},{},{},{},{},{}\n",
                    escape::csv_cell(&series.name),
                    escape::csv_cell(&place(&figure.x.kind, point.x)),
                    escape::csv_cell(&place(&figure.y.kind, point.y)),
                    spread(|s| s.0),
                    spread(|s| s.1),
                    point.trusted
                ));
            }
        }
        csv
    }
}

/// The numbers behind a figure as a table for people.
pub struct MarkdownTable;

impl Exporter for MarkdownTable {
    fn extension(&self) -> &'static str {
        "md"
    }

    fn export(&self, figure: &Figure) -> String {
        Table::of(figure).markdown()
    }
}
