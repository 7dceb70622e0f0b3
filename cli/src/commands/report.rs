//! `linerate report`: writes the report of a run directory.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use reporter::analysis::analyse;
use reporter::archive::Archive;
use reporter::render::{Export, render_run_beside, terminal};
use serde_json::json;

use super::{CommandError, terminal_width};

/// Write report.html, report.md, results.csv, results.parquet, results.prom and figures from a run directory
#[derive(Debug, Args)]
#[command(after_long_help = "\
FILES
  report.html      one file: figures, analysis, every trial with its verdict;
                   needs no network, prints completely
  report.md        the same as Markdown
  results.csv      one line for each record
  results.parquet  the same with types, for pandas, DuckDB and Spark
  results.prom     the same as OpenMetrics text, for Prometheus and Grafana
  figures/         each figure as SVG, and its numbers as CSV

  --export adds files for other projects:
  export.cdm.ndjson   cdm: crucible's common data model, for OpenSearch
  export.csit.jsonl   csit: the result model of FD.io CSIT (mrr, ndr-pdr and
                      kernel streams)

All files are derived from results.jsonl and can be written again at any time.
Damaged lines are listed, and the rest is reported.

EXAMPLES
  linerate report runs/20260301T120000Z-lab
  linerate report theirs/ --out /tmp/look
  linerate report runs/hosts --beside runs/containers runs/vms --out kinds
  linerate report runs/mine --json | jq '.analysis.ratios[] | {pair, ratio}'")]
pub struct ReportArgs {
    /// The run directory: the one that contains results.jsonl
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where to write [default: the run directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Other runs, whose results are also in the comparison of the kinds of endpoints: hosts, containers, virtual machines
    #[arg(long, value_name = "RUN", num_args = 1..)]
    beside: Vec<PathBuf>,
    /// Also write the run in the format of another project
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', value_parser = export())]
    export: Vec<Export>,
    /// Print one JSON object: the analysis, the damaged lines and the files
    #[arg(long)]
    json: bool,
}

/// Reads the name of an export.
fn export() -> impl TypedValueParser<Value = Export> {
    let named = |name: String| Export::ALL.into_iter().find(|export| export.name() == name);
    PossibleValuesParser::new(Export::ALL.map(Export::name)).try_map(move |name| named(name).ok_or("no such format"))
}

/// Runs the command.
pub fn run(args: &ReportArgs) -> Result<ExitCode, CommandError> {
    let archive = Archive::read_for_reports(&args.run)?.with_records()?;
    let into = args.out.as_deref().unwrap_or(&args.run);
    let beside = args.beside.iter().map(|run| Archive::read_for_reports(run)?.with_records()).collect::<Result<Vec<_>, _>>()?;
    let rendered = render_run_beside(&archive, &beside, &args.export, into)?;
    if args.json {
        let damaged: Vec<_> = archive.damaged.iter().map(|d| json!({ "file": d.file, "line": d.line, "why": d.why })).collect();
        let object = json!({
            "run": args.run,
            "records": archive.records.len(),
            "damaged": damaged,
            "files": rendered.files,
            "analysis": analyse(&archive.records),
        });
        println!("{object}");
    } else {
        println!("{}", terminal::summary(&archive, terminal_width()));
        if let Some(report) = rendered.files.first() {
            println!("{}", report.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
