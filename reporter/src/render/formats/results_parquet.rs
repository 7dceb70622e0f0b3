use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::record::Record;

use super::results_columns::{COLUMNS, Column, ColumnValues};
use super::{ExportError, Exporter, Report};

/// `results.parquet`: the columns of `results.csv` with their types, for pandas, DuckDB, Spark and the like.
pub struct ResultsParquet;

impl Exporter<Report<'_>> for ResultsParquet {
    fn name(&self, _: &Report<'_>) -> String {
        "results".to_owned()
    }

    fn extension(&self) -> &'static str {
        "parquet"
    }

    fn export(&self, report: &Report<'_>, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        // Names and commands repeat from record to record, so gzip pays.
        let properties = WriterProperties::builder().set_compression(Compression::GZIP(GzipLevel::default())).build();
        let mut file = SerializedFileWriter::new(into, schema()?, Arc::new(properties))?;
        let mut rows = file.next_row_group()?;
        for (_, values) in COLUMNS {
            if let Some(mut column) = rows.next_column()? {
                write(&mut column, *values, &report.archive.records)?;
                column.close()?;
            }
        }
        rows.close()?;
        file.close()?;
        Ok(())
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let columns = COLUMNS.iter().map(|column| column_type(column).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Type::group_type_builder("record").with_fields(columns).build()?))
}

fn column_type((name, values): &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match values {
        // jiff's time stamps have nanoseconds.
        ColumnValues::Time(_) => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
        ColumnValues::Text(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnValues::Number(_) => (PhysicalType::DOUBLE, None),
        ColumnValues::Count(_) => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
    };
    Type::primitive_type_builder(name, physical).with_logical_type(logical).with_repetition(Repetition::OPTIONAL).build()
}

fn write(column: &mut SerializedColumnWriter<'_>, values: ColumnValues, records: &[Record]) -> Result<(), ParquetError> {
    let records = records.iter();
    match values {
        // Nanoseconds in 64 bits end in 1677 and 2262; a time stamp beyond has no value.
        ColumnValues::Time(of) => put::<Int64Type>(column, records.map(|r| i64::try_from(of(r).as_nanosecond()).ok())),
        ColumnValues::Text(of) => put::<ByteArrayType>(column, records.map(|r| of(r).map(|text| ByteArray::from(text.into_bytes())))),
        ColumnValues::Number(of) => put::<DoubleType>(column, records.map(of)),
        // An unsigned 64-bit column keeps the bits of the number in a signed one (Parquet's LogicalTypes.md, "Unsigned integers").
        ColumnValues::Count(of) => put::<Int64Type>(column, records.map(|r| of(r).map(u64::cast_signed))),
    }
}

/// Writes an optional column: a definition level a row, and the values that are there.
fn put<T: DataType>(column: &mut SerializedColumnWriter<'_>, rows: impl Iterator<Item = Option<T::T>>) -> Result<(), ParquetError> {
    let rows: Vec<Option<T::T>> = rows.collect();
    let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.is_some())).collect();
    let values: Vec<T::T> = rows.into_iter().flatten().collect();
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(())
}
