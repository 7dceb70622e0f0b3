use std::io::Write;

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

    fn export(&self, figure: &Figure, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        let mut csv = csv::Writer::from_writer(into);
        csv.write_record(["series", "x", "y", "low", "high", "valid"])?;
        for series in &figure.series {
            for point in &series.points {
                let (low, high) = point.spread.unzip();
                let end = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
                csv.write_record([
                    escape::csv_formula(series.name.clone()),
                    escape::csv_formula(place(&figure.x.kind, point.x)),
                    escape::csv_formula(place(&figure.y.kind, point.y)),
                    end(low),
                    end(high),
                    point.trusted.to_string(),
                ])?;
            }
        }
        Ok(csv.flush()?)
    }
}
