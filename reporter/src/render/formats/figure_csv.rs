use crate::figure::Figure;

use super::figure_numbers::place;
use super::{ExportError, Exporter, escape};

/// `figures/*.csv`: the numbers behind a figure, one line a point, in base units.
pub struct FigureCsv;

impl Exporter<Figure> for FigureCsv {
    fn name(&self, figure: &Figure) -> String {
        format!("figures/{}", figure.id)
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn export(&self, figure: &Figure) -> Result<Vec<u8>, ExportError> {
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
        Ok(csv.into_bytes())
    }
}
