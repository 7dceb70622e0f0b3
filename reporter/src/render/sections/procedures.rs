//! What searches and RFC procedures found, in one sentence each. results.jsonl has the details.

use methodology::method::LoadPoint;
use methodology::procedures::Measured;
use methodology::search::{GoalOutcome, GoalResult, Irregularity, SearchResult};
use methodology::trial::TrialPath;
use methodology::units::{PacketRate, Seconds};

use super::Input;
use super::stacks::subject;
use crate::analysis::Configuration;
use crate::archive::Archive;
use crate::record::{Record, ReportView, ShownParameter};
use crate::render::document::{Section, Table};
use crate::render::format::{self, counted};

/// What each search and procedure found, one row a record.
pub fn procedures(input: &Input<'_>) -> Section {
    Section {
        id: "procedures",
        title: "Searches and procedures",
        tables: table(input.archive).captioned("What each found").into_iter().collect(),
        ..Section::default()
    }
}

/// One row a record that has a method of `methodology` behind it; plain rates and plain round trips have figures of their own.
fn table(archive: &Archive) -> Table {
    let plain = ["mrr", "stream", "ping-pong", "round-trip"];
    let is_procedure =
        |r: &&Record| r.stack.is_in(ReportView::Procedures) && !plain.contains(&r.method.as_str()) && !r.parameters.is_empty();
    let rows: Vec<Vec<String>> = archive.records.iter().filter(is_procedure).map(row).collect();
    Table::new(["pair", "method", "size", "verdict", "found", "how"], rows)
}

fn row(record: &Record) -> Vec<String> {
    let measured = record.measured();
    let found = format::or_absent(measured.as_ref().map(found));
    vec![
        subject(&record.pair, record.stack),
        record.method.clone(),
        record.size.to_string(),
        record.verdict.state.to_string(),
        found,
        how(record),
    ]
}

/// With which preset, in how many trials, with how many departures from the clauses.
fn how(record: &Record) -> String {
    let preset = record.parameter(ShownParameter::PRESET).and_then(serde_json::Value::as_str).unwrap_or("no preset");
    let setup = Configuration::of(record).settings_in_words().map(|settings| format!(", {settings}")).unwrap_or_default();
    format!("{preset}, {}, {}{setup}", counted(record.count_of("trials"), "trial"), counted(record.count_of("deviations"), "deviation"))
}

fn found(measured: &Measured) -> String {
    match measured {
        Measured::Throughput(result) => goals(&result.search),
        Measured::NdrPdr(search) => goals(search),
        Measured::Latency(latency) => {
            let at = latency.loads.iter();
            all(at
                .map(|load| {
                    let name = at_load(load.at, latency.searched_path(), load.load);
                    format!("{name}: p50 {}, p99.9 {}", load.typical.median, load.worst_case.median)
                })
                .collect())
        }
        Measured::Pdv(pdv) => {
            let at = pdv.loads.iter();
            all(at.map(|load| format!("{}: {}", at_load(load.at, pdv.searched_path(), load.load), load.pdv.median)).collect())
        }
        Measured::FrameLoss(curve) => {
            let points = curve.points.iter().map(|point| format!("{} at {:.0} %", point.loss_ratio, point.share.share() * 100.0));
            all(points.collect()) + if curve.complete { "" } else { " (partial)" }
        }
        Measured::BackToBack(result) => match (&result.frames, &result.not_applicable) {
            (Some(frames), _) => {
                let buffer = result.corrected_buffer_time.map_or_else(String::new, |time| format!(", corrected buffer time {time}"));
                format!("bursts of {:.0} frames without loss{buffer}", frames.mean)
            }
            (None, Some(why)) => why.clone(),
            (None, None) => "no burst without loss".to_owned(),
        },
        Measured::SystemRecovery(result) => all(result.times.iter().map(Seconds::to_string).collect()),
        Measured::Reset(result) => all(result.gaps.iter().map(Seconds::to_string).collect()),
        Measured::Mrr(result) => all(result.rates.iter().map(ToString::to_string).collect()),
        Measured::Overload(result) => {
            let worst = result
                .worst_retained
                .map_or_else(|| format!("NDR {}", result.ndr), |kept| format!("{:.0} % of NDR ({}) at worst", kept * 100.0, result.ndr));
            result.collapse_at.map_or(worst.clone(), |load| format!("{worst}, collapses at {load}"))
        }
        Measured::Soak(result) => format!(
            "loss {} at {}, {} of {} intervals with loss",
            result.loss_ratio, result.load, result.intervals_with_loss, result.intervals
        ),
    }
}

fn goals(search: &SearchResult) -> String {
    all(search.goals.iter().map(goal).collect())
}

fn goal(result: &GoalResult) -> String {
    let name = &result.goal.name;
    match &result.outcome {
        GoalOutcome::Regular { lower, upper, conditional_throughput } => {
            format!("{name} {conditional_throughput} (bounds {} and {})", lower.load, upper.load)
        }
        GoalOutcome::Irregular { why: Irregularity::AtLeastMaxLoad, lower: Some(lower), .. } => {
            format!("{name} ≥ {}: all that was offered passed", lower.load)
        }
        GoalOutcome::Irregular { why: Irregularity::AtLeastMaxLoad, .. } => format!("{name}: at least max load"),
        GoalOutcome::Irregular { why: Irregularity::BelowMinLoad, .. } => format!("{name}: not even the smallest load passed"),
        GoalOutcome::Irregular { why: Irregularity::TesterDisturbed, .. } => {
            format!("{name}: none, the tester disturbed every trial at a load that had to be decided")
        }
        GoalOutcome::Irregular { why: Irregularity::OutOfTime, .. } => format!("{name}: none, out of time"),
    }
}

fn at_load(at: LoadPoint, searched: Option<TrialPath>, load: PacketRate) -> String {
    match at {
        LoadPoint::Idle => at.to_string(),
        LoadPoint::Load(_) => format!("at {load}"),
        LoadPoint::Throughput | LoadPoint::OfPdr(_) => format!("at {}", at.searched_on(searched)),
    }
}

fn all(parts: Vec<String>) -> String {
    format::or_absent((!parts.is_empty()).then(|| parts.join("; ")))
}
