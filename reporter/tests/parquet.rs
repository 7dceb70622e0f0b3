//! `results.parquet`, read by another program: pyarrow.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod python;
mod synthetic;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use reporter::record::Record;
use reporter::render::render_run;
use serde_json::Value;
use synthetic::{Truth, hostile, records};

/// Whichever release the installed Python can have.
const READER: &str = "pyarrow>=14";

/// Prints the names and types of the columns, and the rows; time stamps as nanoseconds since 1970.
const SCRIPT: &str = r#"
import json, sys
import pyarrow, pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
columns = [[field.name, str(field.type)] for field in table.schema]
values = [(c.cast(pyarrow.int64()) if pyarrow.types.is_timestamp(c.type) else c).to_pylist() for c in table.columns]
json.dump({"columns": columns, "rows": [list(row) for row in zip(*values)]}, sys.stdout)
"#;

/// A Python with pyarrow; none where it cannot be had.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(|| python::python_with("pyarrow", &["--only-binary=:all:", READER])).as_deref()
}

struct ReadBack {
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Value>>,
}

fn read_back(python: &Path, file: &Path) -> ReadBack {
    let output = Command::new(python).args(["-c", SCRIPT]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    ReadBack {
        columns: serde_json::from_value(read["columns"].clone()).unwrap(),
        rows: serde_json::from_value(read["rows"].clone()).unwrap(),
    }
}

/// Every kind of record that the synthetic runs have, and text that is hostile to spreadsheets.
fn every_kind() -> Vec<Record> {
    let mut list = records(&Truth { invalid: 0.05, failed: 0.02, link: true, ..Truth::lab(7) });
    list.extend(synthetic::procedures::all(list.len()));
    let hostile: Vec<Record> = list.iter().take(6).cloned().map(hostile).collect();
    list.extend(hostile);
    list[0].values.frames_sent = Some(u64::MAX);
    list
}

#[test]
fn another_reader_finds_one_typed_row_a_record_with_the_values_of_the_csv() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let archive = synthetic::archive(&directory.path().join("run"), &every_kind());
    render_run(&archive, directory.path()).unwrap();
    let read = read_back(python, &directory.path().join("results.parquet"));

    let mut csv = csv::Reader::from_path(directory.path().join("results.csv")).unwrap();
    let names: Vec<&str> = read.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(csv.headers().unwrap().iter().collect::<Vec<_>>(), names);
    let lines: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!((read.rows.len(), lines.len()), (archive.records.len(), archive.records.len()));
    for (row, line) in read.rows.iter().zip(&lines) {
        for ((value, cell), (name, kind)) in row.iter().zip(line).zip(&read.columns) {
            assert!(same(value, cell, kind), "{name} ({kind}): {value} in Parquet, {cell:?} in CSV");
        }
    }
}

/// Whether a value of Parquet and a cell of CSV say the same.
fn same(value: &Value, cell: &str, kind: &str) -> bool {
    match (value, kind) {
        (Value::Null, _) => cell.is_empty(),
        (value, "timestamp[ns, tz=UTC]") => {
            cell.parse::<jiff::Timestamp>().is_ok_and(|time| Some(time.as_nanosecond()) == value.as_i64().map(i128::from))
        }
        (value, "double") => cell.parse().ok() == value.as_f64() && value.is_f64(),
        (value, "uint64") => cell.parse().ok() == value.as_u64() && value.is_u64(),
        // CSV puts an apostrophe before what a spreadsheet would run.
        (Value::String(text), "string") => cell == text || cell.strip_prefix('\'') == Some(text),
        _ => false,
    }
}

#[test]
fn the_row_of_a_record_has_the_values_of_its_line_in_results_jsonl() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let archive = synthetic::archive(&directory.path().join("run"), &every_kind());
    render_run(&archive, directory.path()).unwrap();
    let read = read_back(python, &directory.path().join("results.parquet"));
    let text = std::fs::read_to_string(directory.path().join("run/results.jsonl")).unwrap();
    let column = |name: &str| read.columns.iter().position(|(known, _)| known == name).unwrap();
    for ((row, line), record) in read.rows.iter().zip(text.lines()).zip(&archive.records) {
        let line: Value = serde_json::from_str(line).unwrap();
        // The reader of the run directory tells measurements of one id apart.
        assert_eq!(row[column("id")], record.id.0);
        assert!(record.id.0.starts_with(line["id"].as_str().unwrap()));
        for (name, path) in [
            ("stack", "/stack"),
            ("metric", "/metric"),
            ("size_bytes", "/size/bytes"),
            ("verdict", "/verdict/state"),
            ("forwarding_pps", "/values/forwarding_pps"),
            ("goodput_bps", "/values/goodput_bps"),
            ("loss_ratio", "/values/loss_ratio"),
            ("rtt_p999_ns", "/values/rtt_ns/p999"),
            ("frames_sent", "/values/frames_sent"),
            ("loss_unsent", "/values/loss/unsent"),
        ] {
            assert_eq!(&row[column(name)], line.pointer(path).unwrap_or(&Value::Null), "{name}");
        }
    }
}

#[test]
fn a_run_without_records_is_a_table_without_rows() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let archive = synthetic::archive(&directory.path().join("run"), &[]);
    render_run(&archive, directory.path()).unwrap();
    let read = read_back(python, &directory.path().join("results.parquet"));
    assert!(read.rows.is_empty() && read.columns.len() > 50);
}
