//! One figure, many formats.

use crate::figure::{AxisKind, Figure};

use super::escape;

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

/// A table with one row a series and one column a place on the x axis (or a row of names, where names stand upwards).
pub struct MarkdownTable;

impl Exporter for MarkdownTable {
    fn extension(&self) -> &'static str {
        "md"
    }

    fn export(&self, figure: &Figure) -> String {
        let by_name = matches!(figure.y.kind, AxisKind::Names(_));
        let column = |point: &crate::figure::Point| if by_name { point.y } else { point.x };
        let mut columns: Vec<f64> = figure.series.iter().flat_map(|s| &s.points).map(column).collect();
        columns.sort_by(f64::total_cmp);
        columns.dedup();
        let axis = if by_name { &figure.y.kind } else { &figure.x.kind };
        let values = if by_name { &figure.x.kind } else { &figure.y.kind };
        let cell = |series: &crate::figure::Series, at: f64| {
            series.points.iter().find(|p| column(p) == at).map_or_else(String::new, |p| {
                let mark = if p.trusted { "" } else { " !" };
                format!("{}{mark}", with_unit(values, if by_name { p.x } else { p.y }))
            })
        };
        let mut md = String::new();
        if by_name {
            // Few series, many names: names downwards.
            md.push_str(&row(std::iter::once(String::new()).chain(figure.series.iter().map(|s| escape::markdown(&s.name)))));
            md.push_str(&rule(figure.series.len()));
            for at in columns {
                let cells = figure.series.iter().map(|s| escape::markdown(&cell(s, at)));
                md.push_str(&row(std::iter::once(escape::markdown(&place(axis, at))).chain(cells)));
            }
        } else {
            md.push_str(&row(std::iter::once(escape::markdown(&figure.x.label)).chain(columns.iter().map(|c| place(axis, *c)))));
            md.push_str(&rule(columns.len()));
            for series in &figure.series {
                let cells = columns.iter().map(|at| escape::markdown(&cell(series, *at)));
                md.push_str(&row(std::iter::once(escape::markdown(&series.name)).chain(cells)));
            }
        }
        md
    }
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn rule(columns: usize) -> String {
    format!("|---|{}\n", "---:|".repeat(columns))
}

fn place(kind: &AxisKind, value: f64) -> String {
    match kind {
        AxisKind::Names(names) => names.get(value.max(0.0) as usize).cloned().unwrap_or_default(),
        AxisKind::Values { .. } => value.to_string(),
    }
}

fn with_unit(kind: &AxisKind, value: f64) -> String {
    match kind {
        AxisKind::Names(_) => place(kind, value),
        AxisKind::Values { unit, .. } => crate::figure::shown(*unit, value),
    }
}
