//! `linerate import`: converts saved outputs of kernel tools to records.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reporter::import::{ImportOptions, Imported, import_files};
use reporter::kernel_tools::SizeList;
use reporter::record::{Pair, Record, RttSummary};
use serde_json::json;

use super::{CommandError, Format};

/// Convert saved outputs of iperf3, qperf, sockperf, netperf, neper, iperf 2, ping and perftest (raw Ethernet) to records in a run directory
#[derive(Debug, Args)]
#[command(after_long_help = "\
FORMATS
  iperf3 -J and --json-stream, qperf in any units, sockperf ping-pong and its
  --full-log, netperf (table, -o, -k), neper, iperf -y C, ping, and
  raw_ethernet_bw and raw_ethernet_lat --out_json (perftest; give the server's
  file of a rate). The tool is recognised from the text of the file.

WHAT HAPPENS
  Each file is copied to DIR/raw, and its results are appended to
  DIR/results.jsonl. Half round-trip times (qperf, sockperf, perftest) are
  doubled. A file can hold several tests of one tool; it is taken whole or
  refused. All files are parsed before anything is written. A file that was
  imported before is not imported again. UTF-8 and UTF-16 are read, with any
  line ends.

EXAMPLES
  linerate import client.json --pair a-cpu:b-cpu --out runs/theirs
  linerate import latency-*.txt --pair a-cpu:b-dpu --size 64 --out runs/theirs
  linerate report runs/theirs")]
pub struct ImportArgs {
    /// Output files, exactly as the tools printed them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The endpoints, client first, such as a-cpu:b-dpu
    #[arg(long, value_name = "CLIENT:SERVER")]
    pair: Option<Pair>,

    /// Message size in bytes, for files that do not contain it (sockperf, iperf 2, short qperf). For a qperf sweep give each size:
    /// a list, 64,512,1500, or the sweep itself, '1:64K:*2'
    #[arg(long, value_name = "BYTES")]
    size: Option<SizeList>,

    /// Version of the tool, for files that do not contain it
    #[arg(long, value_name = "VERSION")]
    tool_version: Option<String>,

    /// Run directory to append to; created if missing [default: runs/TIME-import]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &ImportArgs) -> Result<ExitCode, CommandError> {
    let directory = args.out.clone().unwrap_or_else(|| {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        PathBuf::from(format!("runs/{now}-import"))
    });
    let options = ImportOptions { pair: args.pair.clone(), sizes: args.size.clone(), version: args.tool_version.clone() };
    let imported = import_files(&args.files, &options, &directory)?;
    let records: Vec<&Record> = imported.iter().flat_map(|file| &file.records).collect();
    let result = json!({ "directory": directory, "files": imported.len(), "records": records });
    Format::of(args.json).print(&result, || describe(&imported, &directory.display().to_string()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writing to a String cannot fail, so the results of `write!` are ignored.
fn describe(imported: &[Imported], directory: &str) -> String {
    let mut text = String::new();
    for file in imported {
        let _ = writeln!(text, "{} ({}): {}", file.file.display(), file.tool, counted(file.records.len()));
        for record in &file.records {
            let _ = writeln!(
                text,
                "  {}  {}  {}  {}  {}  {}",
                record.pair,
                record.stack,
                record.size,
                record.method,
                outcome(record),
                record.verdict.state
            );
            for reason in &record.verdict.reasons {
                let _ = writeln!(text, "    {reason}");
            }
        }
    }
    let _ = write!(text, "written to {directory}; to make a report: linerate report {directory}");
    text
}

fn counted(records: usize) -> String {
    if records == 1 { "1 record".to_owned() } else { format!("{records} records") }
}

fn outcome(record: &Record) -> String {
    let rtt = |rtt: &RttSummary| {
        let (name, ns) = rtt.p50.map(|ns| ("median", ns)).or(rtt.mean.map(|ns| ("mean", ns)))?;
        Some(format!("{name} round trip {:.3} µs", ns / 1e3))
    };
    match (&record.values.goodput_bps, &record.values.rtt_ns) {
        (Some(goodput), _) => format!("{goodput} goodput"),
        (None, Some(summary)) => rtt(summary).unwrap_or_else(|| "no value".to_owned()),
        (None, None) => "no value".to_owned(),
    }
}
