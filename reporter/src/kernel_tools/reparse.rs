use std::path::Path;

use thiserror::Error;

use super::convert::{EXIT_CODE, RAW_INDEX};
use super::{KernelTool, Measurement, ToolError, ToolExit, choice, decode};
use crate::archive::ArchiveError;
use crate::record::{DirectionResult, Reason, Record, State, Values, Verdict};

/// A record cannot be made again from its raw file.
#[derive(Debug, Error)]
pub enum ReparseError {
    /// It names no raw file.
    #[error("record {0} names no raw file: it was not made by parsing a tool's output, and there is nothing to parse again")]
    NoRawFile(String),
    /// It was not made by a tool that we parse.
    #[error(
        "record {id} was made by `{tool}`, which has no parser here: only records of {} can be parsed again",
        choice(KernelTool::all())
    )]
    NoParser {
        /// The record.
        id: String,
        /// Its tool.
        tool: String,
    },
    /// The raw file cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The raw file holds no measurement (any more).
    #[error("the raw file {file} of record {id} holds no measurement: {source}")]
    Tool {
        /// The record.
        id: String,
        /// Its raw file.
        file: String,
        /// What the parser says.
        source: ToolError,
    },
    /// The raw file holds fewer measurements than it did.
    #[error(
        "the raw file {file} holds {found} measurements, and record {id} was number {wanted}: the file is not the one the record was made from"
    )]
    Fewer {
        /// The record.
        id: String,
        /// Its raw file.
        file: String,
        /// Measurements now.
        found: usize,
        /// Which one it was, from 1.
        wanted: usize,
    },
}

/// Makes a record again from the raw file that it points to: the proof that nothing in it is invented.
///
/// The same program gives the same record. Values that do not come from the tool (wire rates and bytes a frame, from port counters)
/// and reasons that others added are kept as they are.
pub fn reparse(record: &Record, run_directory: &Path) -> Result<Record, ReparseError> {
    let id = record.id.to_string();
    let file = record.raw.clone().ok_or_else(|| ReparseError::NoRawFile(id.clone()))?;
    let tool = KernelTool::from_name(&record.tool.name)
        .ok_or_else(|| ReparseError::NoParser { id: id.clone(), tool: record.tool.name.clone() })?;
    let text = decode(&crate::archive::read_raw(run_directory, &file)?);
    let exit = record.parameters.get(EXIT_CODE).and_then(serde_json::Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let exit = exit.map_or(ToolExit::Unknown, ToolExit::Code);
    let unreadable = |source| ReparseError::Tool { id: id.clone(), file: file.clone(), source };
    if !record.directions().is_empty() {
        let both = tool.parse_both_ways(&text, exit).map_err(unreadable)?;
        return Ok(renewed(record, both));
    }
    let found = tool.parse(&text, exit).map_err(unreadable)?;
    let index = record.parameters.get(RAW_INDEX).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let (count, wanted) = (found.len(), usize::try_from(index).unwrap_or(usize::MAX));
    match found.into_iter().nth(wanted) {
        Some(measurement) => Ok(renewed(record, measurement)),
        None => Err(ReparseError::Fewer { id, file, found: count, wanted: wanted.saturating_add(1) }),
    }
}

/// A direction with what does not come from the tool: its ends, what interfaces counted, and what that says against it.
fn renewed_direction(record: &Record, new: DirectionResult) -> DirectionResult {
    let Some(kept) = record.directions().into_iter().find(|old| old.direction == new.direction) else { return new };
    let verdict = kept.verdict.or(new.verdict);
    DirectionResult {
        from: kept.from,
        to: kept.to,
        interface_bytes: kept.interface_bytes,
        forwarding_pps: kept.forwarding_pps,
        verdict,
        ..new
    }
}

fn renewed(record: &Record, measurement: Measurement) -> Record {
    let Verdict { state, reasons } = measurement.verdict();
    // A reason that the parser does not give was added by someone who saw more, such as the port's counters.
    let added: Vec<Reason> = record.verdict.reasons.iter().filter(|reason| !reasons.contains(reason)).cloned().collect();
    let mut renewed = record.clone();
    renewed.verdict = Verdict {
        state: if added.is_empty() || record.verdict.state == State::Valid { state } else { record.verdict.state },
        reasons: reasons.into_iter().chain(added).collect(),
    };
    renewed.duration_s = measurement.duration.map(|duration| duration.as_secs_f64());
    renewed.parameters.extend(measurement.parameters);
    let directions = renewed.directions().into_iter().map(|new| renewed_direction(record, new)).collect::<Vec<_>>();
    if !directions.is_empty() {
        renewed.set_directions(&directions);
    }
    let kept = &record.values;
    renewed.values = Values {
        l1_bps: kept.l1_bps,
        l2_bps: kept.l2_bps,
        forwarding_pps: kept.forwarding_pps,
        offered_pps: kept.offered_pps,
        loss: kept.loss,
        one_way_ns: kept.one_way_ns.clone(),
        frames_sent: kept.frames_sent,
        frames_received: kept.frames_received,
        wire_bytes_per_frame: kept.wire_bytes_per_frame,
        ..measurement.values
    };
    renewed
}
