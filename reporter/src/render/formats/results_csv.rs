use std::io::Write;

use crate::record::Record;

use super::results_columns::{COLUMNS, ColumnValues};
use super::{ExportError, Exporter, Report, escape};

/// `results.csv`: the records for spreadsheets and scripts, with a header line.
pub struct ResultsCsv;

impl Exporter<Report<'_>> for ResultsCsv {
    fn name(&self, _: &Report<'_>) -> String {
        "results".to_owned()
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn export(&self, report: &Report<'_>, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        let mut csv = csv::Writer::from_writer(into);
        csv.write_record(COLUMNS.iter().map(|(name, _)| name))?;
        for record in &report.archive.records {
            csv.write_record(COLUMNS.iter().map(|(_, values)| cell(*values, record)))?;
        }
        Ok(csv.flush()?)
    }
}

fn cell(values: ColumnValues, record: &Record) -> String {
    match values {
        ColumnValues::Time(of) => of(record).to_string(),
        ColumnValues::Text(of) => escape::csv_formula(of(record).unwrap_or_default()),
        ColumnValues::Number(of) => of(record).map(|v| v.to_string()).unwrap_or_default(),
        ColumnValues::Count(of) => of(record).map(|v| v.to_string()).unwrap_or_default(),
    }
}
