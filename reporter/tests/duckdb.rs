//! `results.parquet` of a thousand runs, queried by another program: DuckDB.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod python;
mod synthetic;

use methodology::units::{FrameSize, PacketRate};
use reporter::record::{Metric, Size, Stack};
use reporter::render::render_run;
use serde_json::Value;

/// Throughput by size over all runs.
const SCRIPT: &str = r#"
import json, sys
import duckdb
query = """
    select size_bytes, count(*), avg(forwarding_pps), count(distinct filename)
    from read_parquet(?, filename = true)
    where verdict = 'valid' and metric = 'throughput' and stack = 'dpdk'
    group by size_bytes order by size_bytes
"""
json.dump(duckdb.execute(query, [sys.argv[1]]).fetchall(), sys.stdout)
"#;

const RUNS: u32 = 1000;

#[test]
fn duckdb_finds_throughput_by_size_over_a_thousand_runs() {
    let Some(python) = python::python_with("duckdb", &["--only-binary=:all:", "duckdb"]) else { return };
    let directory = tempfile::tempdir().unwrap();
    let pair = "a-cpu:b-cpu".parse().unwrap();
    for run in 0..RUNS {
        let records: Vec<_> = synthetic::SIZES
            .iter()
            .enumerate()
            .map(|(number, &bytes)| {
                let size = Size::frame(FrameSize::new(bytes).unwrap());
                let mut record = synthetic::record(number, &pair, Stack::Dpdk, Metric::Throughput, size, 1);
                // The mean over all runs is 1000 × the size and half of the runs.
                record.values.forwarding_pps = Some(PacketRate::new(f64::from(bytes) * 1000.0 + f64::from(run)).unwrap());
                record
            })
            .collect();
        let place = directory.path().join(format!("run-{run:04}"));
        let archive = synthetic::archive(&place, &records);
        render_run(&archive, &place).unwrap();
    }
    let files = directory.path().join("*/results.parquet");
    let rows: Vec<Vec<Value>> = serde_json::from_str(&python::run(&python, SCRIPT, &[files.to_str().unwrap()])).unwrap();
    assert_eq!(rows.len(), synthetic::SIZES.len());
    for (row, bytes) in rows.iter().zip(synthetic::SIZES) {
        let mean = f64::from(bytes) * 1000.0 + f64::from(RUNS - 1) / 2.0;
        assert_eq!((row[0].as_u64(), row[1].as_u64(), row[3].as_u64()), (Some(bytes.into()), Some(RUNS.into()), Some(RUNS.into())));
        assert!((row[2].as_f64().unwrap() / mean - 1.0).abs() < 1e-9, "{row:?}");
    }
}
