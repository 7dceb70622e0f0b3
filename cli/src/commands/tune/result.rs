//! What is printed: what was found, and with `--dry-run` what would be measured.

use std::path::PathBuf;

use methodology::tune::setting_in_words;
use reporter::tuned::{Scaling, TuneRun};
use serde::Serialize;
use testbed::tuner::{Prepared, ScalingRequest};

use crate::commands::{CommandError, Format, terminal_width};

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    pub(super) directory: PathBuf,
    pub(super) report: Option<PathBuf>,
    pub(super) plan: Option<PathBuf>,
    pub(super) complete: bool,
    pub(super) measured_s: f64,
    pub(super) records: usize,
    /// What compares the chosen setting with the default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) next: Vec<String>,
    /// What continues a search that the user ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resume: Option<String>,
    #[serde(skip)]
    pub(super) interrupted: bool,
    #[serde(skip)]
    pub(super) last_reasons: String,
    /// Whether every record failed: then nothing was disturbed.
    #[serde(skip)]
    pub(super) all_failed: bool,
    #[serde(flatten)]
    pub(super) outcome: &'a Outcome,
}

/// What was found.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    Search(Box<TuneRun>),
    Scaling(Box<Scaling>),
}

impl Outcome {
    pub(super) fn search(&self) -> Option<&TuneRun> {
        match self {
            Outcome::Search(run) => Some(run),
            Outcome::Scaling(_) => None,
        }
    }

    pub(super) fn is_complete(&self, interrupted: bool) -> bool {
        match self {
            Outcome::Search(run) => run.found.as_ref().is_some_and(|found| found.stop.is_some()),
            Outcome::Scaling(_) => !interrupted,
        }
    }

    pub(super) fn found_something(&self) -> bool {
        match self {
            Outcome::Search(run) => run.found.is_some(),
            Outcome::Scaling(scaling) => !scaling.points.is_empty(),
        }
    }
}

/// What is printed without `--json`.
pub(super) fn text(summary: &Summary<'_>) -> String {
    let mut text = match summary.outcome {
        Outcome::Search(run) if run.found.is_some() => {
            run.found.as_ref().map(|found| reporter::render::tuned_text(run, found, terminal_width())).unwrap_or_default()
        }
        Outcome::Scaling(scaling) if !scaling.points.is_empty() => reporter::render::scaling_text(scaling, terminal_width()),
        _ if summary.records == 0 => "nothing was measured\n".to_owned(),
        _ if summary.all_failed => format!(
            "no setting works: each of {} trials failed; the reason of the last: {}\nchange the values of --knob and --set, or the testbed\n",
            summary.records, summary.last_reasons
        ),
        _ => format!(
            "none of {} trials was valid; the reason of the last: {}\n`linerate doctor` names what disturbs this machine; --accept-disturbed counts trials that are invalid only because the tester was interrupted\n",
            summary.records, summary.last_reasons
        ),
    };
    if summary.interrupted {
        text.push_str("interrupted before the end\n");
    }
    if let Some(resume) = &summary.resume {
        text.push_str(&format!("continue with `{resume}`\n"));
    }
    if let Some(report) = &summary.report {
        text.push_str(&format!("report: {}\n", report.display()));
    }
    match &summary.plan {
        Some(plan) => text.push_str(&format!("plan: {}", plan.display())),
        None => text.push_str(&format!("records: {}", summary.directory.display())),
    }
    if !summary.next.is_empty() {
        text.push_str("\ncompare it with the default, in runs of their own:");
        text.extend(summary.next.iter().map(|command| format!("\n  {command}")));
    }
    text
}

/// What `--dry-run` prints.
#[derive(Serialize)]
struct DryRun<'a> {
    settings: usize,
    #[serde(flatten)]
    run: &'a TuneRun,
}

/// Prints what a search would measure.
pub(super) fn planned_search(prepared: &Prepared, format: Format) -> Result<(), CommandError> {
    let run = &prepared.run;
    let space = &prepared.candidates.space;
    format.print(&DryRun { settings: space.len(), run }, || {
        let mut text = format!("goal {} for {}\n", run.goal, run.pair);
        text.extend(run.base.lines().map(|line| format!("  {line}\n")));
        for axis in &run.axes {
            text.push_str(&format!("  {}: {}\n", axis.name, axis.values.join(", ")));
        }
        text.push_str(&format!("default: {}\n", setting_in_words(&run.axes, space.values(space.default_setting()))));
        for left_out in &run.left_out {
            text.push_str(&format!("left out: {} combinations: {}\n", left_out.settings, left_out.why));
        }
        text.push_str(&format!("{} settings; nothing was measured or created", space.len()));
        text
    })
}

/// Prints what `--scaling` would measure.
pub(super) fn planned_scaling(request: &ScalingRequest, format: Format) -> Result<(), CommandError> {
    format.print(&serde_json::json!({ "plan": request.grid(), "not_measured": request.not_measured() }), || {
        let mut text = request.grid();
        for missing in request.not_measured() {
            text.push_str(&format!("# {} queues cannot be measured here: {}\n", missing.queues, missing.why));
        }
        text.push_str("nothing was measured or created");
        text
    })
}
